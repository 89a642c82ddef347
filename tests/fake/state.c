/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The model's state in a file, so that a test can look at it and so that it outlives the process,
 * as a kernel outlives a daemon. Written whole and renamed into place after every operation that
 * changed something; it names the open files, whose locks tell the next process who holds them.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "model.h"

static json_t *device_to_json(const struct fake_device *d)
{
	return json_pack("{s:s?, s:s?, s:i, s:b, s:i}", "driver", d->driver, "override",
		d->override, "cdev", d->cdev, "unbinding", (int)d->unbinding, "resets",
		(int)d->resets);
}

static json_t *file_to_json(const struct fake_file *file)
{
	return json_pack("{s:s, s:i, s:s?, s:i, s:s?, s:i, s:i, s:i, s:I, s:b}", "path",
		file->path, "kind", (int)file->kind, "device",
		file->device ? file->device->address : NULL, "group", file->group, "context",
		file->context ? file->context->path : NULL, "devid", (int)file->devid, "attached",
		(int)file->attached, "last-id", (int)file->last_id, "ioas",
		(json_int_t)file->ioas, "type-set", (int)file->type_set);
}

static char *to_text(const struct fake_host *f)
{
	json_t *devices = json_object(), *files = json_array();
	json_t *root = json_pack("{s:o, s:o, s:i}", "devices", devices, "files", files, "serial",
		(int)f->serial);
	char *text;

	for (size_t i = 0; i < f->n_devices; i++)
		json_object_set_new(devices, f->devices[i]->address,
			device_to_json(f->devices[i]));
	for (const struct fake_file *file = f->files; file; file = file->next)
		json_array_append_new(files, file_to_json(file));
	text = json_dumps(root, JSON_INDENT(1));
	json_decref(root);
	return text;
}

static int replace_file(const char *path, const char *text)
{
	_cleanup_free_ char *temporary = NULL;
	FILE *file;
	int r = 0;

	if (asprintf(&temporary, "%s.new", path) < 0)
		return -ENOMEM;
	file = fopen(temporary, "we");
	if (!file)
		return -errno;
	if (fputs(text, file) < 0)
		r = -EIO;
	if (fclose(file) != 0)
		r = -EIO;
	if (r >= 0 && rename(temporary, path) < 0)
		r = -errno;
	return r;
}

void fake_state_save(struct fake_host *f)
{
	char *text;

	if (!f->state_file)
		return;
	text = to_text(f);
	if (!text || streq(text, f->state_text)) {
		free(text);
		return;
	}
	if (replace_file(f->state_file, text) < 0)
		perror(f->state_file);
	free(f->state_text);
	f->state_text = text;
}

static const char *string_of(json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static json_int_t integer_of(json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static int load_device(struct fake_host *f, const char *address, json_t *o)
{
	struct fake_device *d = fake_find(f, address);

	if (!d)
		return -EINVAL;
	free(TAKE_PTR(d->driver));
	free(TAKE_PTR(d->override));
	d->cdev = json_object_get(o, "cdev") ? (int)integer_of(o, "cdev") : -1;
	d->unbinding = json_is_true(json_object_get(o, "unbinding"));
	d->resets = (unsigned)integer_of(o, "resets");
	if (strdup_to(&d->driver, string_of(o, "driver")) < 0)
		return -ENOMEM;
	return strdup_to(&d->override, string_of(o, "override"));
}

static struct fake_file *find_path(struct fake_host *f, const char *path)
{
	for (struct fake_file *file = f->files; file; file = file->next)
		if (streq(file->path, path))
			return file;
	return NULL;
}

static int load_file(struct fake_host *f, json_t *o)
{
	const char *path = string_of(o, "path"), *device = string_of(o, "device");
	struct fake_file *file;
	struct stat st;

	if (!path)
		return -EINVAL;
	/* Forgotten by a daemon that was killed before it saved that. */
	if (stat(path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	file = calloc(1, sizeof(*file));
	if (!file)
		return -ENOMEM;
	*file = (struct fake_file){
		.next = f->files,
		.kind = (enum fake_kind)integer_of(o, "kind"),
		.dev = st.st_dev,
		.ino = st.st_ino,
		.held = true,
		.device = device ? fake_find(f, device) : NULL,
		.group = (int)integer_of(o, "group"),
		.devid = (uint32_t)integer_of(o, "devid"),
		.attached = (uint32_t)integer_of(o, "attached"),
		.last_id = (uint32_t)integer_of(o, "last-id"),
		.ioas = (uint64_t)integer_of(o, "ioas"),
		.type_set = json_is_true(json_object_get(o, "type-set")),
	};
	f->files = file;
	return strdup_to(&file->path, path);
}

static int load(struct fake_host *f, json_t *root)
{
	json_t *files = json_object_get(root, "files"), *o;
	const char *name;
	size_t i;
	int r = 0;

	json_object_foreach(json_object_get(root, "devices"), name, o)
		if (r >= 0)
			r = load_device(f, name, o);
	json_array_foreach(files, i, o)
		if (r >= 0)
			r = load_file(f, o);
	json_array_foreach(files, i, o) {
		const char *context = string_of(o, "context");
		struct fake_file *file = context ? find_path(f, string_of(o, "path")) : NULL;

		if (r >= 0 && file)
			file->context = find_path(f, context);
	}
	f->serial = (unsigned)integer_of(root, "serial");
	return r;
}

int fake_state_open(struct fake_host *f, const char *path)
{
	json_error_t error;
	json_t *root;
	int r;

	if (snprintf(f->directory, sizeof(f->directory), "%s.files", path) >=
		(int)sizeof(f->directory))
		return -ENAMETOOLONG;
	if (mkdir(f->directory, 0700) < 0 && errno != EEXIST)
		return -errno;
	if (access(path, F_OK) >= 0) {
		root = json_load_file(path, 0, &error);
		r = root ? load(f, root) : -EINVAL;
		json_decref(root);
		if (r < 0)
			return r;
	}
	return strdup_to(&f->state_file, path);
}
