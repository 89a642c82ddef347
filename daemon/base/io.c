/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* File helpers; every fd opened here is CLOEXEC and closed on every path. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/text.h"

int close_fd(int fd)
{
	if (fd >= 0) {
		int saved = errno;

		close(fd);
		errno = saved;
	}
	return -1;
}

static int read_to_end(int fd, size_t max, char **ret, size_t *ret_size)
{
	_cleanup_free_ char *data = NULL;
	size_t size = 0, space = 0;

	for (;;) {
		ssize_t n;

		if (size + 1 >= space) {
			size_t want = space ? space * 2 : 256;
			char *grown = realloc(data, want);

			if (!grown)
				return -ENOMEM;
			data = grown;
			space = want;
		}
		n = read(fd, data + size, space - size - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		size += n;
		if (size > max)
			return -EFBIG;
	}
	data[size] = '\0';
	*ret = TAKE_PTR(data);
	if (ret_size)
		*ret_size = size;
	return 0;
}

int read_file_at(int dir_fd, const char *path, size_t max, char **ret, size_t *ret_size)
{
	_cleanup_close_ int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return -errno;
	return read_to_end(fd, max, ret, ret_size);
}

int read_line_at(int dir_fd, const char *path, char **ret)
{
	_cleanup_free_ char *text = NULL;
	int r = read_file_at(dir_fd, path, 64 * 1024, &text, NULL);

	if (r < 0)
		return r;
	text[strcspn(text, "\n")] = '\0';
	*ret = TAKE_PTR(text);
	return 0;
}

int write_attr_at(int dir_fd, const char *path, const char *value)
{
	_cleanup_close_ int fd = openat(dir_fd, path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, value, strlen(value));
	if (n < 0)
		return -errno;
	return (size_t)n == strlen(value) ? 0 : -EIO;
}

int read_link_name_at(int dir_fd, const char *path, char **ret)
{
	char target[4096];
	const char *slash;
	ssize_t n = readlinkat(dir_fd, path, target, sizeof(target) - 1);

	if (n < 0)
		return -errno;
	target[n] = '\0';
	slash = strrchr(target, '/');
	return strdup_to(ret, slash ? slash + 1 : target);
}

int write_all(int fd, const void *data, size_t size)
{
	const char *p = data;

	while (size > 0) {
		ssize_t n = write(fd, p, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		size -= n;
	}
	return 0;
}

int replace_file_at(int dir_fd, const char *name, mode_t mode, const void *data, size_t size,
	bool sync)
{
	char temporary[256];
	int r;

	if (snprintf(temporary, sizeof(temporary), ".%s.new", name) >= (int)sizeof(temporary))
		return -ENAMETOOLONG;
	if (unlinkat(dir_fd, temporary, 0) < 0 && errno != ENOENT)
		return -errno;
	{
		_cleanup_close_ int fd = openat(dir_fd, temporary,
			O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);

		if (fd < 0)
			return -errno;
		r = write_all(fd, data, size);
		if (r >= 0 && sync && fsync(fd) < 0)
			r = -errno;
	}
	if (r >= 0 && renameat(dir_fd, temporary, dir_fd, name) < 0)
		r = -errno;
	if (r < 0) {
		unlinkat(dir_fd, temporary, 0);
		return r;
	}
	if (sync && fsync(dir_fd) < 0)
		return -errno;
	return 0;
}
