/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finds where the chain goes on when the journal is opened: after the last line of the file, or,
 * when it is empty, of the one that was rotated before it. A crash can leave at the end: a line
 * without its newline, or, since blocks reach the disk in any order, lines with a hole of zeros.
 * None of it was ever reported as written. It is moved aside whole, never thrown away. Any other
 * damage is left for the verifier to find.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/text.h"
#include "state/journal-internal.h"
#include "state/journal-line.h"

/* one group at its largest, and a line before it */
#define WINDOW                                                                                     \
	(JOURNAL_QUEUE_BYTES + (JOURNAL_QUEUE_RECORDS * (size_t)JOURNAL_PREFIX_MAX) +              \
		2 * JOURNAL_LINE_MAX)
#define TORN_NAMES 1000
#define EXCERPT_MAX 4096

static int read_window(int fd, off_t start, size_t size, char **ret)
{
	_cleanup_free_ char *data = malloc(size + 1);
	size_t done = 0;

	if (!data)
		return -ENOMEM;
	while (done < size) {
		ssize_t n = pread(fd, data + done, size - done, start + done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		done += n;
	}
	data[size] = '\0';
	*ret = TAKE_PTR(data);
	return 0;
}

/* The offset after the last newline in data, 0 when there is none. */
static size_t last_line_end(const char *data, size_t size)
{
	const char *newline = size ? memrchr(data, '\n', size) : NULL;

	return newline ? (size_t)(newline + 1 - data) : 0;
}

/* The end of the last line that the chain can go on from; *ret gets its place in the chain. */
static size_t find_good_end(const char *data, size_t size, struct chain *ret)
{
	const char *hole = size ? memchr(data, '\0', size) : NULL;
	size_t end = last_line_end(data, hole ? (size_t)(hole - data) : size);

	while (end > 0) {
		size_t start = last_line_end(data, end - 1), length = end - 1 - start;
		struct journal_line line;

		if (length <= JOURNAL_LINE_MAX &&
			journal_line_parse(data + start, length, &line) >= 0) {
			ret->seq = line.seq;
			journal_hash_line(data + start, length, ret->hash);
			json_decref(line.object);
			break;
		}
		end = start;
	}
	return end;
}

/* The place in the chain at the end of a rotated file. */
static int continue_after(int dir_fd, const char *name, struct chain *ret)
{
	_cleanup_close_ int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_free_ char *data = NULL;
	struct stat st;
	size_t size;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	size = (uint64_t)st.st_size < WINDOW ? (size_t)st.st_size : WINDOW;
	r = read_window(fd, st.st_size - size, size, &data);
	if (r < 0)
		return r;
	return find_good_end(data, size, ret) > 0 ? 0 : -EBADMSG;
}

static int write_torn(int dir_fd, uint64_t seq, const char *data, size_t size, char **ret_name)
{
	for (int i = 0; i < TORN_NAMES; i++) {
		char name[64];
		int r;

		if (i == 0)
			snprintf(name, sizeof(name), "journal.torn-%" PRIu64, seq);
		else
			snprintf(name, sizeof(name), "journal.torn-%" PRIu64 ".%d", seq, i);
		if (faccessat(dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) >= 0)
			continue;
		if (errno != ENOENT)
			return -errno;
		r = replace_file_at(dir_fd, name, 0640, data, size, true);
		return r < 0 ? r : strdup_to(ret_name, name);
	}
	return -EEXIST;
}

static json_t *recovered_record(uint64_t seq, const char *name, const char *data, size_t size)
{
	_cleanup_free_ char *excerpt = name ? NULL : escape_text(data, EXCERPT_MAX);

	return json_pack("{s:s, s:I, s:I, s:s*, s:s*}", "event", "journal.recovered",
		"after-seq", (json_int_t)seq, "bytes", (json_int_t)size, "moved-to", name,
		"excerpt", excerpt);
}

/* On a full disk the text goes into the record itself, shortened: opening must not fail for it. */
static int move_aside(struct journal *j, const char *data, size_t size, json_t **ret)
{
	_cleanup_free_ char *name = NULL;
	_cleanup_json_ json_t *record = NULL;
	int r = write_torn(j->dir_fd, j->chain.seq + 1, data, size, &name);

	if (r < 0 && r != -ENOSPC && r != -EDQUOT)
		return r;
	record = recovered_record(j->chain.seq, name, data, size);
	if (!record)
		return -ENOMEM;
	if (ftruncate(j->fd, j->size) < 0 || fsync(j->fd) < 0)
		return -errno;
	*ret = TAKE_PTR(record);
	return 0;
}

int journal_check_tail(struct journal *j, const char *previous, json_t **ret_recovered)
{
	_cleanup_free_ char *data = NULL;
	struct stat st;
	off_t start;
	size_t size, end;
	int r;

	if (fstat(j->fd, &st) < 0)
		return -errno;
	size = (uint64_t)st.st_size < WINDOW ? (size_t)st.st_size : WINDOW;
	start = st.st_size - size;
	r = read_window(j->fd, start, size, &data);
	if (r < 0)
		return r;
	j->chain = (struct chain){.hash = JOURNAL_HASH_ZERO};
	end = find_good_end(data, size, &j->chain);
	if (end == 0 && start > 0)
		return -EBADMSG;
	if (end == 0 && *previous) {
		r = continue_after(j->dir_fd, previous, &j->chain);
		if (r < 0)
			return r;
	}
	j->size = start + end;
	if (end == size) {
		*ret_recovered = NULL;
		return 0;
	}
	return move_aside(j, data + end, size - end, ret_recovered);
}
