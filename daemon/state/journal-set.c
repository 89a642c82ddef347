/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finding the files of a journal. The writer links the file to its number and then renames a new
 * one over the name, so a reader may meet one file under both: it is read once, as the newest.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/io.h"
#include "base/text.h"
#include "state/journal-line.h"
#include "state/journal-set.h"

static int compare_numbers(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* N of "NAME.N"; numbers have one form only, so that no two names are the same file's. */
static uint64_t number_of(const char *entry, const char *name)
{
	size_t n = strlen(name);
	uint64_t number;

	if (strncmp(entry, name, n) != 0 || entry[n] != '.' || entry[n + 1] == '0' ||
		parse_u64(entry + n + 1, &number) < 0)
		return 0;
	return number;
}

int journal_numbers(int dir_fd, const char *name, uint64_t **ret, size_t *ret_n)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	uint64_t *numbers = NULL;
	size_t n = 0;
	int r = dir ? 0 : -errno;

	if (!dir)
		close_fd(fd);
	for (struct dirent *e; r >= 0 && (e = readdir(dir));) {
		uint64_t number = number_of(e->d_name, name);

		if (number == 0)
			continue;
		if (array_reserve(numbers, n))
			numbers[n++] = number;
		else
			r = -ENOMEM;
	}
	if (dir)
		closedir(dir);
	if (r < 0) {
		free(numbers);
		return r;
	}
	if (n > 0)
		qsort(numbers, n, sizeof(*numbers), compare_numbers);
	*ret = numbers;
	*ret_n = n;
	return 0;
}

int journal_set_add(struct journal_set *set, int dir_fd, const char *path, int fd)
{
	char *copy = strdup(path);
	_cleanup_free_ char *last = strdup(path);
	char *shown = last ? escape_text(basename(last), 256) : NULL;

	if (!copy || !shown || !array_reserve(set->files, set->n)) {
		free(copy);
		free(shown);
		close_fd(fd);
		return -ENOMEM;
	}
	set->files[set->n++] = (struct journal_file){dir_fd, copy, shown, fd};
	return 0;
}

static bool same_file(int fd, int dir_fd, const char *path)
{
	struct stat a, b;

	return fstat(fd, &a) >= 0 && fstatat(dir_fd, path, &b, 0) >= 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static int list_numbers(int parent_fd, const char *path, uint64_t **ret, size_t *ret_n)
{
	_cleanup_free_ char *for_dir = strdup(path), *for_name = strdup(path);
	_cleanup_close_ int dir_fd = -1;

	if (!for_dir || !for_name)
		return -ENOMEM;
	dir_fd = openat(parent_fd, dirname(for_dir), O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return -errno;
	return journal_numbers(dir_fd, basename(for_name), ret, ret_n);
}

int journal_set_open(struct journal_set *set, int dir_fd, const char *path)
{
	/* Opened first: what is rotated from here on is found as the numbered file that it is. */
	_cleanup_close_ int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	_cleanup_free_ uint64_t *numbers = NULL;
	size_t n;
	int r;

	if (fd < 0)
		return -errno;
	r = list_numbers(dir_fd, path, &numbers, &n);
	for (size_t i = 0; r >= 0 && i < n; i++) {
		_cleanup_free_ char *numbered = NULL;

		if (asprintf(&numbered, "%s.%" PRIu64, path, numbers[i]) < 0)
			return -ENOMEM;
		if (same_file(fd, dir_fd, numbered))
			break;
		r = journal_set_add(set, dir_fd, numbered, -1);
	}
	return r < 0 ? r : journal_set_add(set, dir_fd, path, TAKE_FD(fd));
}

int journal_set_fd(struct journal_set *set, size_t i)
{
	struct journal_file *f = &set->files[i];

	if (f->fd < 0)
		f->fd = openat(f->dir_fd, f->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	return f->fd < 0 ? -errno : f->fd;
}

void journal_set_done(struct journal_set *set)
{
	for (size_t i = 0; i < set->n; i++) {
		free(set->files[i].path);
		free(set->files[i].shown);
		close_fd(set->files[i].fd);
	}
	free(set->files);
	*set = (struct journal_set){0};
}

int line_source_next(struct line_source *s, const char **ret_line, size_t *ret_size)
{
	for (;;) {
		int r = journal_set_fd(s->set, s->file);

		if (r < 0)
			return r;
		s->reader.fd = r;
		r = line_reader_next(&s->reader, ret_line, ret_size);
		if (r != 0) {
			s->line += r > 0 || r == -EBADMSG || r == -EMSGSIZE;
			return r;
		}
		if (s->file + 1 >= s->set->n) {
			s->reader.at_end = false;
			return 0;
		}
		line_reader_done(&s->reader);
		s->set->files[s->file].fd = close_fd(s->set->files[s->file].fd);
		s->file++;
		s->line = 0;
	}
}

void line_source_done(struct line_source *s)
{
	line_reader_done(&s->reader);
}
