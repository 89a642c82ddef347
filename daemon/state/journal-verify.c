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
#include "state/journal-set.h"

#define PLACE_MAX 320

struct place {
	size_t file;
	uint64_t line;
};

struct verifier {
	struct line_source source;
	struct journal_verdict v;
	struct place previous; /* where the last good line is */
	struct chain before;   /* the one before it */
	const struct chain *base, *head;
};

void journal_verdict_done(struct journal_verdict *v)
{
	free(v->reason);
	v->reason = NULL;
}

static struct place here(const struct verifier *s)
{
	return (struct place){s->source.file, s->source.line};
}

/* "line 7", and of which file when there are several. */
static const char *place_text(const struct verifier *s, struct place p, char buffer[PLACE_MAX])
{
	const struct journal_set *set = s->source.set;

	if (set->n == 1)
		snprintf(buffer, PLACE_MAX, "line %" PRIu64, p.line);
	else
		snprintf(buffer, PLACE_MAX, "line %" PRIu64 " of %s", p.line,
			set->files[p.file].shown);
	return buffer;
}

PRINTF_LIKE(3, 4)
static int set_bad(struct verifier *s, struct place p, const char *format, ...)
{
	char *reason;
	va_list args;
	int n;

	va_start(args, format);
	n = vasprintf(&reason, format, args);
	va_end(args);
	if (n < 0)
		return -ENOMEM;
	free(s->v.reason);
	s->v.reason = reason;
	s->v.bad_file = p.file;
	s->v.bad_line = p.line;
	return 0;
}

/* Says what an unreadable line is; passes on an error of reading or memory. */
static int bad_line(struct verifier *s, int error)
{
	char place[PLACE_MAX];

	place_text(s, here(s), place);
	switch (error) {
	case -EMSGSIZE:
		return set_bad(s, here(s), "%s is longer than 1 MiB", place);
	case -EBADMSG:
		return set_bad(
			s, here(s), "%s is not a JSON object, or names a key twice", place);
	case -EPROTO:
		return set_bad(s, here(s), "%s has no valid seq and prev", place);
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

	if (line_source_next(&s->source, &text, &size) <= 0 ||
		journal_line_parse(text, size, &next) < 0)
		return true;
	carries = strcmp(next.prev, hash) == 0;
	json_decref(next.object);
	return carries;
}

static int bad_beginning(struct verifier *s, uint64_t seq)
{
	char place[PLACE_MAX];

	place_text(s, here(s), place);
	if (s->base)
		return set_bad(s, here(s), "%s (seq %" PRIu64 ") does not follow the base that was "
			"given (%" PRIu64 ")", place, seq, s->base->seq);
	return set_bad(s, here(s), "%s does not begin the chain: its seq is %" PRIu64 ", or its prev "
		"is not 64 zeros; if older files were taken away, give the head at their end "
		"as --base=SEQ:HASH", place, seq);
}

static int bad_link(struct verifier *s, const char *hash)
{
	char place[PLACE_MAX], previous[PLACE_MAX];
	struct place p = here(s);

	place_text(s, p, place);
	place_text(s, s->previous, previous);
	if (!next_line_carries(s, hash))
		return set_bad(s, p,
			"%s was changed: neither its prev nor its hash fits its neighbours", place);
	/* the line before is then not good either */
	s->v.head = s->before;
	return set_bad(s, s->previous, "the hash of %s does not match the one in %s", previous,
		place);
}

/* Compares a parsed line with the chain so far, and with the given head when it is this one. */
static int check_line(struct verifier *s, const struct journal_line *line, const char *hash)
{
	bool follows = strcasecmp(line->prev, s->v.head.hash) == 0;
	char place[PLACE_MAX];

	place_text(s, here(s), place);
	if (s->v.lines == 1 && (!follows || line->seq != s->v.head.seq + 1))
		return bad_beginning(s, line->seq);
	if (line->seq != s->v.head.seq + 1)
		return set_bad(s, here(s), "seq jumps from %" PRIu64 " to %" PRIu64 " in %s",
			s->v.head.seq, line->seq, place);
	if (s->head && line->seq == s->head->seq && strcasecmp(hash, s->head->hash) != 0)
		return set_bad(s, here(s),
			"the hash of %s (seq %" PRIu64 ") is not the head that was given", place,
			line->seq);
	if (!follows)
		return bad_link(s, hash);
	s->before = s->v.head;
	s->previous = here(s);
	s->v.head.seq = line->seq;
	memcpy(s->v.head.hash, hash, sizeof(s->v.head.hash));
	return 0;
}

/* 1 to go on, 0 at the end of the last file or when the verdict is bad. */
static int verify_next(struct verifier *s)
{
	char hash[JOURNAL_HASH_HEX + 1], place[PLACE_MAX];
	struct journal_line line;
	const char *text;
	size_t size;
	int r = line_source_next(&s->source, &text, &size);

	if (r == 0)
		return 0;
	if (r > 0 || r == -EBADMSG || r == -EMSGSIZE)
		s->v.lines++;
	if (r == -EBADMSG)
		return set_bad(s, here(s), "%s, the last one, is cut off",
			place_text(s, here(s), place));
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

/* The head has to be one of the lines that were read. */
static int check_head(struct verifier *s)
{
	struct place next = {s->source.file, s->source.line + 1};

	if (s->head->seq > s->v.head.seq)
		return set_bad(s, next, "the journal ends at seq %" PRIu64
			", before the head that was given (%" PRIu64 "): it was cut",
			s->v.head.seq, s->head->seq);
	if (s->base && (s->head->seq < s->base->seq || (s->head->seq == s->base->seq &&
			strcasecmp(s->head->hash, s->base->hash) != 0)))
		return set_bad(s, (struct place){0, 1}, "the head that was given (%" PRIu64 ") does "
			"not follow the base (%" PRIu64 ")", s->head->seq, s->base->seq);
	return 0;
}

int journal_verify(struct journal_set *set, const struct chain *base, const struct chain *head,
	struct journal_verdict *ret)
{
	struct verifier s = {
		.source = {.set = set},
		.base = base,
		.head = head,
	};
	int r = journal_hash_init();

	s.v.head = s.before = base ? *base : (struct chain){.hash = JOURNAL_HASH_ZERO};
	while (r >= 0) {
		r = verify_next(&s);
		if (r == 0)
			break;
	}
	if (r >= 0 && !s.v.bad_line && head)
		r = check_head(&s);
	line_source_done(&s.source);
	if (r < 0) {
		journal_verdict_done(&s.v);
		return r;
	}
	*ret = s.v;
	return 0;
}
