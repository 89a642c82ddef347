/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Open files of the model. Each is a real file that its opener locked with flock(): the lock
 * belongs to the open file description, so a second open that gets the lock proves that no process
 * has a copy any more. The model itself keeps no fd, so /proc/self/fd shows only what is held.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/io.h"
#include "model.h"

static void file_forget(struct fake_file *file)
{
	free(file->path);
	free(file);
}

static void file_free(struct fake_file *file)
{
	if (file->path)
		unlink(file->path);
	file_forget(file);
}

int fake_file_new(struct fake_host *f, enum fake_kind kind, const char *name,
	struct fake_file **ret)
{
	struct fake_file *file = calloc(1, sizeof(*file));
	struct stat st;
	int fd, r;

	if (!file)
		return -ENOMEM;
	/* A daemon that was killed before it saved the state left a file that nobody knows. */
	do {
		free(TAKE_PTR(file->path));
		if (asprintf(&file->path, "%s/%s-%u", f->directory, name, ++f->serial) < 0) {
			free(file);
			return -ENOMEM;
		}
	} while (access(file->path, F_OK) >= 0);
	fd = open(file->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 || fstat(fd, &st) < 0) {
		r = -errno;
		close_fd(fd);
		file_free(file);
		return r;
	}
	file->kind = kind;
	file->dev = st.st_dev;
	file->ino = st.st_ino;
	file->held = true;
	file->next = f->files;
	f->files = file;
	*ret = file;
	return fd;
}

struct fake_file *fake_file_of(struct fake_host *f, int fd, enum fake_kind kind)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return NULL;
	for (struct fake_file *file = f->files; file; file = file->next)
		if (file->kind == kind && file->dev == st.st_dev && file->ino == st.st_ino)
			return file;
	return NULL;
}

static bool is_held(const struct fake_file *file)
{
	_cleanup_close_ int fd = open(file->path, O_RDWR | O_CLOEXEC);

	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0;
}

/* An open device pins its group, a group its container, a bound device its iommufd. */
static bool is_pinned(const struct fake_host *f, const struct fake_file *file)
{
	for (const struct fake_file *other = f->files; other; other = other->next)
		if (other->context == file)
			return true;
	return false;
}

void fake_reap(struct fake_host *f)
{
	bool again = true;

	for (struct fake_file *file = f->files; file; file = file->next)
		file->held = file->held && is_held(file);
	while (again) {
		again = false;
		for (struct fake_file **p = &f->files; *p;) {
			struct fake_file *file = *p;

			if (file->held || is_pinned(f, file)) {
				p = &file->next;
				continue;
			}
			*p = file->next;
			file_free(file);
			again = true;
		}
	}
}

unsigned fake_open_files_of(struct fake_host *f, const struct fake_device *d)
{
	unsigned n = 0;

	for (struct fake_file *file = f->files; file; file = file->next)
		if (file->device == d)
			n++;
	return n;
}

size_t fake_host_open_files(struct host *h)
{
	FAKE_ENTER(f, h);
	size_t n = 0;

	for (struct fake_file *file = f->files; file; file = file->next)
		n++;
	return n;
}

void fake_files_done(struct fake_host *f)
{
	while (f->files) {
		struct fake_file *file = f->files;

		f->files = file->next;
		if (f->state_file)
			file_forget(file);
		else
			file_free(file);
	}
}
