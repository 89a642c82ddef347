/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Hierarchies are walked from the highest down, so the first file of a name is the one. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/array.h"
#include "base/io.h"
#include "base/text.h"
#include "policy/dropin.h"
#include "policy/errors.h"

static const char *const directories[] = {
	"etc/devlease/policy.d",
	"run/devlease/policy.d",
	"usr/local/lib/devlease/policy.d",
	"usr/lib/devlease/policy.d",
};

static void closedirp(DIR **d)
{
	if (*d)
		closedir(*d);
}

int dropin_read(int dir_fd, const char *path, char **ret, size_t *ret_size)
{
	struct stat st;
	int r;

	if (fstatat(dir_fd, path, &st, 0) < 0)
		return -errno;
	if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3))
		return 0;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	r = read_file_at(dir_fd, path, POLICY_FILE_MAX, ret, ret_size);
	return r < 0 ? r : 1;
}

int dropin_problem(struct policy_errors *errors, const char *path, int error)
{
	if (error == -ENOMEM)
		return -ENOMEM;
	if (error == -EFBIG)
		return policy_errors_add(errors, false, path, 0, 0, "larger than 1 MiB");
	if (error == -EINVAL)
		return policy_errors_add(errors, false, path, 0, 0, "not a regular file");
	return policy_errors_add(errors, false, path, 0, 0, "cannot be read: %s",
		strerrordesc_np(-error));
}

static bool is_wanted(const struct dropins *d, const char *name)
{
	size_t n = strlen(name);

	if (name[0] == '.' || n <= strlen(".conf") || !streq(name + n - strlen(".conf"), ".conf"))
		return false;
	for (size_t i = 0; i < d->n; i++)
		if (streq(d->items[i].name, name))
			return false;
	return true;
}

static int add_file(struct dropins *d, const char *directory, const char *name)
{
	struct dropin *new;

	if (!array_reserve(d->items, d->n))
		return -ENOMEM;
	new = &d->items[d->n++];
	*new = (struct dropin){.name = strdup(name)};
	if (asprintf(&new->path, "%s/%s", directory, name) < 0)
		new->path = NULL;
	return new->name && new->path ? 0 : -ENOMEM;
}

static int add_directory(struct dropins *d, int root_fd, const char *directory)
{
	_cleanup_close_ int fd = openat(root_fd, directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(closedirp) DIR *dir = NULL;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (!dir)
		return -errno;
	fd = -1; /* dir owns it now */
	for (;;) {
		const struct dirent *entry;
		int r;

		errno = 0;
		entry = readdir(dir);
		if (!entry)
			return -errno;
		if (!is_wanted(d, entry->d_name))
			continue;
		r = add_file(d, directory, entry->d_name);
		if (r < 0)
			return r;
	}
}

static int compare_names(const void *a, const void *b)
{
	const struct dropin *x = a, *y = b;

	return strcmp(x->name, y->name);
}

int dropins_collect(int root_fd, struct dropins *ret, struct policy_errors *errors)
{
	struct dropins d = {0};
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
		r = add_directory(&d, root_fd, directories[i]);
		if (r < 0 && r != -ENOMEM) {
			char path[64];

			snprintf(path, sizeof(path), "/%s", directories[i]);
			r = dropin_problem(errors, path, r);
		}
		if (r < 0) {
			dropins_done(&d);
			return r;
		}
	}
	if (d.n > 0)
		qsort(d.items, d.n, sizeof(*d.items), compare_names);
	*ret = d;
	return 0;
}

void dropins_done(struct dropins *d)
{
	for (size_t i = 0; i < d->n; i++) {
		free(d->items[i].name);
		free(d->items[i].path);
	}
	free(d->items);
	*d = (struct dropins){0};
}
