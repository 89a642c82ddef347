/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Rotation: when the file has grown enough, it gets its number as a second name, and an empty file
 * takes its first name. The chain goes on in the new file.
 *
 * There is a journal.jsonl at every moment, and all that was written is in it or in a numbered
 * file. A crash between the two steps leaves one file with both names: the next start takes the
 * number away again. A rotation that fails is undone, and the file grows on.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "state/journal-internal.h"
#include "state/journal-set.h"

#define JOURNAL_NEW JOURNAL_FILE ".new"

static void numbered_name(uint64_t number, char ret[JOURNAL_NAME_MAX])
{
	snprintf(ret, JOURNAL_NAME_MAX, JOURNAL_FILE ".%" PRIu64, number);
}

static bool same_file(int fd, int dir_fd, const char *name)
{
	struct stat a, b;

	return fstat(fd, &a) >= 0 && fstatat(dir_fd, name, &b, AT_SYMLINK_NOFOLLOW) >= 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

int journal_settle_rotation(struct journal *j, char ret_previous[JOURNAL_NAME_MAX])
{
	_cleanup_free_ uint64_t *numbers = NULL;
	size_t n;
	int r;

	/* Between our open and our lock another daemon may have rotated it away. */
	if (!same_file(j->fd, j->dir_fd, JOURNAL_FILE))
		return -EBUSY;
	if (unlinkat(j->dir_fd, JOURNAL_NEW, 0) < 0 && errno != ENOENT)
		return -errno;
	r = journal_numbers(j->dir_fd, JOURNAL_FILE, &numbers, &n);
	if (r < 0)
		return r;
	ret_previous[0] = '\0';
	if (n > 0) {
		numbered_name(numbers[n - 1], ret_previous);
		if (same_file(j->fd, j->dir_fd, ret_previous)) {
			if (unlinkat(j->dir_fd, ret_previous, 0) < 0 || fsync(j->dir_fd) < 0)
				return -errno;
			return journal_settle_rotation(j, ret_previous);
		}
	}
	j->rotated = n > 0 ? numbers[n - 1] : 0;
	return 0;
}

/* An empty file that is locked and has the space that is kept back. */
static int create_next(struct journal *j, int *ret)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	_cleanup_close_ int fd = openat(j->dir_fd, JOURNAL_NEW,
		O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);

	if (fd < 0)
		return -errno;
	if (fchmod(fd, 0640) < 0 || fcntl(fd, F_OFD_SETLK, &lock) < 0)
		return -errno;
	if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, JOURNAL_SPACE_KEPT) < 0 &&
		errno != EOPNOTSUPP && errno != ENOSYS)
		return -errno;
	*ret = TAKE_FD(fd);
	return 0;
}

/* From here on the name is the new file's. */
static void switch_to(struct journal *j, int fd)
{
	/* What was allocated ahead; a failure costs that space and nothing else. */
	(void)!ftruncate(j->fd, j->size);
	close_fd(j->fd);
	j->fd = fd;
	j->size = j->allocated = 0;
	j->rotated++;
	j->dir_dirty = true;
}

int journal_rotate(struct journal *j)
{
	_cleanup_close_ int fd = -1;
	char name[JOURNAL_NAME_MAX];
	int r;

	if (j->rotated == UINT64_MAX)
		return -EOVERFLOW;
	numbered_name(j->rotated + 1, name);
	r = create_next(j, &fd);
	if (r >= 0 && linkat(j->dir_fd, JOURNAL_FILE, j->dir_fd, name, 0) < 0)
		r = -errno;
	if (r >= 0 && renameat(j->dir_fd, JOURNAL_NEW, j->dir_fd, JOURNAL_FILE) < 0) {
		r = -errno;
		(void)unlinkat(j->dir_fd, name, 0);
	}
	if (r < 0) {
		(void)unlinkat(j->dir_fd, JOURNAL_NEW, 0);
		return r;
	}
	switch_to(j, TAKE_FD(fd));
	return 0;
}

int journal_sync_dir(struct journal *j)
{
	if (j->dir_dirty && fsync(j->dir_fd) < 0)
		return -errno;
	j->dir_dirty = false;
	return 0;
}
