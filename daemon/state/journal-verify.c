/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Verifies the hash chain of a journal. The verdict names the first line that cannot be trusted:
 * everything before it is as it was written, as far as the chain (and a given head) can tell.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "state/journal-line.h"

struct verifier {
	struct line_reader reader;
	struct journal_verdict v;
	char before[JOURNAL_HASH_HEX + 1]; /* hash of the line before the last good one */
	uint64_t head_seq;
	const char *head_hash;
};

void journal_verdict_done(struct journal_verdict *v)
{
	free(v->reason);
	v->reason = NULL;
}

PRINTF_LIKE(3, 4)
static int set_bad(struct journal_verdict *v, uint64_t line, const char *format, ...)
{
	char *reason;
	va_list args;
	int n;

	va_start(args, format);
	n = vasprintf(&reason, format, args);
	va_end(args);
	if (n < 0)
		return -ENOMEM;
	free(v->reason);
	v->reason = reason;
	v->bad_line = line;
	return 0;
}

/* Says what an unreadable line is; passes on an error of reading or memory. */
static int bad_line(struct verifier *s, int error)
{
	uint64_t n = s->v.lines;

	switch (error) {
	case -EMSGSIZE:
		return set_bad(&s->v, n, "line %" PRIu64 " is longer than 1 MiB", n);
	case -EBADMSG:
		return set_bad(&s->v, n,
			"line %" PRIu64 " is not a JSON object, or names a key twice", n);
	case -EPROTO:
		return set_bad(&s->v, n, "line %" PRIu64 " has no valid seq and prev", n);
	default:
		return error;
	}
}

/* Whether the line that comes next carries this hash, which tells which of two lines changed. */
static bool next_line_carries(struct verifier *s, const char *hash)
{
	struct journal_line next;
	const char *text;
	bool carries;
	size_t size;

	if (line_reader_next(&s->reader, &text, &size) <= 0 ||
		journal_line_parse(text, size, &next) < 0)
		return true;
	carries = strcmp(next.prev, hash) == 0;
	json_decref(next.object);
	return carries;
}

static int bad_link(struct verifier *s, const char *hash)
{
	uint64_t n = s->v.lines;

	if (n == 1)
		return set_bad(&s->v, 1,
			"line 1 does not begin the chain: its prev is not 64 zeros");
	if (!next_line_carries(s, hash))
		return set_bad(&s->v, n,
			"line %" PRIu64 " was changed: neither its prev nor its hash fits its neighbours",
			n);
	/* the line before is then not good either */
	memcpy(s->v.head, s->before, sizeof(s->v.head));
	s->v.last_seq--;
	return set_bad(&s->v, n - 1,
		"the hash of line %" PRIu64 " does not match the one in line %" PRIu64, n - 1, n);
}

/* Compares a parsed line with the chain so far, and with the given head when it is this one. */
static int check_line(struct verifier *s, const struct journal_line *line, const char *hash)
{
	uint64_t n = s->v.lines;

	if (line->seq != s->v.last_seq + 1)
		return set_bad(&s->v, n, "seq jumps from %" PRIu64 " to %" PRIu64 " in line %" PRIu64,
			s->v.last_seq, line->seq, n);
	if (line->seq == s->head_seq && strcasecmp(hash, s->head_hash) != 0)
		return set_bad(&s->v, n,
			"the hash of line %" PRIu64 " (seq %" PRIu64 ") is not the head that was given",
			n, line->seq);
	if (strcmp(line->prev, s->v.head) != 0)
		return bad_link(s, hash);
	memcpy(s->before, s->v.head, sizeof(s->before));
	memcpy(s->v.head, hash, sizeof(s->v.head));
	s->v.last_seq = line->seq;
	return 0;
}

/* 1 to go on, 0 at the end of the file or when the verdict is bad. */
static int verify_next(struct verifier *s)
{
	char hash[JOURNAL_HASH_HEX + 1];
	struct journal_line line;
	const char *text;
	size_t size;
	int r = line_reader_next(&s->reader, &text, &size);

	if (r == 0)
		return 0;
	if (r > 0 || r == -EBADMSG || r == -EMSGSIZE)
		s->v.lines++;
	if (r == -EBADMSG)
		return set_bad(&s->v, s->v.lines, "the last line (%" PRIu64 ") is cut off",
			s->v.lines);
	if (r < 0)
		return bad_line(s, r);
	r = journal_line_parse(text, size, &line);
	if (r < 0)
		return bad_line(s, r);
	journal_hash_line(text, size, hash);
	r = check_line(s, &line, hash);
	json_decref(line.object);
	if (r < 0)
		return r;
	return !s->v.bad_line;
}

int journal_verify(int fd, uint64_t head_seq, const char *head_hash, struct journal_verdict *ret)
{
	struct verifier s = {
		.reader = {.fd = fd},
		.v = {.head = JOURNAL_HASH_ZERO},
		.before = JOURNAL_HASH_ZERO,
		.head_seq = head_hash ? head_seq : 0,
		.head_hash = head_hash,
	};
	int r = journal_hash_init();

	while (r >= 0) {
		r = verify_next(&s);
		if (r == 0)
			break;
	}
	if (r >= 0 && !s.v.bad_line && s.head_seq > s.v.last_seq)
		r = set_bad(&s.v, s.v.lines + 1,
			"the journal ends at seq %" PRIu64 ", before the head that was given (%" PRIu64
			"): it was cut",
			s.v.last_seq, s.head_seq);
	line_reader_done(&s.reader);
	if (r < 0) {
		journal_verdict_done(&s.v);
		return r;
	}
	*ret = s.v;
	return 0;
}
