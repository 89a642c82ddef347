/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Holds: a FIFO each, whose write end is the client's. Both ends are O_NONBLOCK: nothing is ever
 * to be written, and a client that does so by mistake gets an error instead of waiting for a
 * reader that does not read. Its mode 0600 keeps clients that are not root from opening a further
 * end through /proc.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "state/store-internal.h"

/* Twice what a client without privileges can make a pipe hold (pipe-max-size). */
#define DRAIN_MAX ((size_t)2 * 1024 * 1024)

static int open_end(int dir_fd, const char *id, int mode)
{
	_cleanup_close_ int fd = openat(dir_fd, id, mode | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISFIFO(st.st_mode))
		return -EBADMSG;
	return TAKE_FD(fd);
}

static int open_both(int dir_fd, const char *id, int *ret_read, int *ret_write)
{
	_cleanup_close_ int read_fd = open_end(dir_fd, id, O_RDONLY);
	int write_fd;

	if (read_fd < 0)
		return read_fd;
	write_fd = open_end(dir_fd, id, O_WRONLY);
	if (write_fd < 0)
		return write_fd;
	*ret_read = TAKE_FD(read_fd);
	*ret_write = write_fd;
	return 0;
}

int hold_create(struct store *s, const char *id, int *ret_read, int *ret_write)
{
	int r;

	if (!lease_id_is_valid(id))
		return -EINVAL;
	if (mkfifoat(s->hold_fd, id, 0600) < 0)
		return -errno;
	r = open_both(s->hold_fd, id, ret_read, ret_write);
	if (r < 0)
		unlinkat(s->hold_fd, id, 0);
	return r;
}

int hold_reopen(struct store *s, const char *id, int *ret_read)
{
	int fd;

	if (!lease_id_is_valid(id))
		return -EINVAL;
	fd = open_end(s->hold_fd, id, O_RDONLY);
	if (fd < 0)
		return fd;
	*ret_read = fd;
	return 0;
}

/* What a client wrote is in the way of the answer and thrown away. One that goes on writing for
 * as long as we read is alive. */
int hold_is_held(int read_fd)
{
	size_t drained = 0;
	char waste[16 * 1024];

	while (drained < DRAIN_MAX) {
		ssize_t n = read(read_fd, waste, sizeof(waste));

		if (n == 0)
			return 0;
		if (n > 0)
			drained += n;
		else if (errno == EAGAIN)
			return 1;
		else if (errno != EINTR)
			return -errno;
	}
	return 1;
}

int hold_remove(struct store *s, const char *id)
{
	if (!lease_id_is_valid(id))
		return -EINVAL;
	if (unlinkat(s->hold_fd, id, 0) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}
