/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Splits a file into lines and takes them apart. Nothing here trusts the file: memory is bounded
 * by the line limit, nesting by jansson's own limit.
 */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "state/journal-line.h"

#define WAIT_TRIES 10
#define WAIT_NSEC (20 * 1000 * 1000)

int journal_hash_init(void)
{
	return sodium_init() < 0 ? -ENOSYS : 0;
}

void journal_hash_line(const char *line, size_t size, char ret[JOURNAL_HASH_HEX + 1])
{
	unsigned char hash[crypto_hash_sha256_BYTES];

	crypto_hash_sha256(hash, (const unsigned char *)line, size);
	sodium_bin2hex(ret, JOURNAL_HASH_HEX + 1, hash, sizeof(hash));
}

int journal_line_load(const char *line, size_t size, json_t **ret)
{
	_cleanup_json_ json_t *object =
		json_loadb(line, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);

	if (!json_is_object(object))
		return -EBADMSG;
	*ret = TAKE_PTR(object);
	return 0;
}

static bool is_hash(const json_t *value)
{
	const char *s = json_string_value(value);

	return s && json_string_length(value) == JOURNAL_HASH_HEX &&
	       strspn(s, "0123456789abcdef") == JOURNAL_HASH_HEX;
}

int journal_line_parse(const char *line, size_t size, struct journal_line *ret)
{
	_cleanup_json_ json_t *object = NULL;
	const json_t *seq, *prev;
	int r = journal_line_load(line, size, &object);

	if (r < 0)
		return r;
	seq = json_object_get(object, "seq");
	prev = json_object_get(object, "prev");
	if (!json_is_integer(seq) || json_integer_value(seq) < 1 || !is_hash(prev))
		return -EPROTO;
	*ret = (struct journal_line){
		.seq = json_integer_value(seq),
		.prev = json_string_value(prev),
		.object = TAKE_PTR(object),
	};
	return 0;
}

static int reader_grow(struct line_reader *r)
{
	char *grown;

	if (r->start > 0) {
		memmove(r->data, r->data + r->start, r->end - r->start);
		r->end -= r->start;
		r->start = 0;
	}
	if (r->end < r->space)
		return 0;
	grown = realloc(r->data, r->space ? r->space * 2 : 64 * 1024);
	if (!grown)
		return -ENOMEM;
	r->data = grown;
	r->space = r->space ? r->space * 2 : 64 * 1024;
	return 0;
}

/* The writer holds a lock on its file for life; asking does not take it. */
static bool writer_is_alive(int fd)
{
	struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};

	return fcntl(fd, F_OFD_GETLK, &lock) >= 0 && lock.l_type != F_UNLCK;
}

/* A reader can see half of what the daemon writes right now: such a line is not cut, but late. */
static ssize_t read_patiently(int fd, char *data, size_t size, bool inside_line)
{
	for (int tries = 0;; tries++) {
		ssize_t n = read(fd, data, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) /* EBADMSG is a checksum failure of the file system; it has a meaning here */
			return errno == EBADMSG ? -EIO : -errno;
		if (n > 0 || !inside_line || tries >= WAIT_TRIES || !writer_is_alive(fd))
			return n;
		nanosleep(&(struct timespec){.tv_nsec = WAIT_NSEC}, NULL);
	}
}

/* With something unread that is no whole line, or with nothing. 1, or 0 at the end of the file. */
static int reader_fill(struct line_reader *r)
{
	ssize_t n;
	int k = reader_grow(r);

	if (k < 0)
		return k;
	n = read_patiently(r->fd, r->data + r->end, r->space - r->end, r->end > r->start);
	if (n < 0)
		return n;
	r->end += n;
	r->at_end = n == 0;
	return n > 0;
}

static int skip_long_line(struct line_reader *r)
{
	for (;;) {
		const char *newline = memchr(r->data + r->start, '\n', r->end - r->start);
		int k;

		if (newline) {
			r->start = newline + 1 - r->data;
			return -EMSGSIZE;
		}
		r->start = r->end;
		k = reader_fill(r);
		if (k <= 0)
			return k < 0 ? k : -EMSGSIZE;
	}
}

int line_reader_next(struct line_reader *r, const char **ret_line, size_t *ret_size)
{
	for (;;) {
		size_t unread = r->end - r->start;
		const char *line = unread ? r->data + r->start : NULL;
		const char *newline = unread ? memchr(line, '\n', unread) : NULL;
		int k;

		if (newline && (size_t)(newline - line) <= JOURNAL_LINE_MAX) {
			r->start = newline + 1 - r->data;
			*ret_line = line;
			*ret_size = newline - line;
			return 1;
		}
		if (unread > JOURNAL_LINE_MAX)
			return skip_long_line(r);
		if (r->at_end) {
			r->start = r->end;
			return unread ? -EBADMSG : 0;
		}
		k = reader_fill(r);
		if (k < 0)
			return k;
	}
}

void line_reader_done(struct line_reader *r)
{
	free(r->data);
	*r = (struct line_reader){.fd = -1};
}
