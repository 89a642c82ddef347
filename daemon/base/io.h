/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Small file helpers. All take a directory fd (or AT_FDCWD) and a relative path, open with
 * O_CLOEXEC, and return 0 or more on success and -errno on failure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/macro.h"

/* Closes fd when it is not negative, keeps errno, returns -1: fd = close_fd(fd). */
int close_fd(int fd);

static inline void close_fdp(int *fd)
{
	close_fd(*fd);
}
#define _cleanup_close_ _cleanup_(close_fdp)

/*
 * Reads a whole file of at most max bytes (-EFBIG when it is longer). *ret is allocated and has a
 * NUL after its *ret_size bytes (ret_size may be NULL). Follows symlinks.
 */
int read_file_at(int dir_fd, const char *path, size_t max, char **ret, size_t *ret_size);

/* As read_file_at for a one-line attribute of sysfs: the trailing newline is cut off. */
int read_line_at(int dir_fd, const char *path, char **ret);

/* One write(2) of the whole string to an existing file, as sysfs attributes want it. */
int write_attr_at(int dir_fd, const char *path, const char *value);

/* The last component of a symlink's target. -ENOENT when there is no link. */
int read_link_name_at(int dir_fd, const char *path, char **ret);

/* Writes all bytes, going on after short writes and EINTR. */
int write_all(int fd, const void *data, size_t size);

/*
 * Replaces dir_fd/name atomically: temporary file, fsync when sync is set, rename. The file has
 * the given mode. A crash leaves either the old or the new content.
 */
int replace_file_at(int dir_fd, const char *name, mode_t mode, const void *data, size_t size,
	bool sync);
