/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading and verifying a journal, with no daemon and no libsystemd. Any files may be given:
 * hostile content gives a verdict, never a crash. A line is at most JOURNAL_LINE_MAX bytes.
 */
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define JOURNAL_NAME "journal.jsonl"
#define JOURNAL_HASH_HEX 64
#define JOURNAL_LINE_MAX ((size_t)1024 * 1024) /* without the newline */

struct journal_set;

/* A place in the chain: a line's seq and hash. seq 0: before the first line, or not given. */
struct chain {
	uint64_t seq;
	char hash[JOURNAL_HASH_HEX + 1]; /* hex; lower case unless somebody gave it */
};

struct journal_verdict {
	uint64_t lines;     /* read, of all files; verifying ends at the first bad line */
	struct chain head;  /* the last good line; the base when there is none */
	uint64_t bad_line;  /* 0: all good; else the first bad line, from 1 in its file */
	size_t bad_file;    /* its file's index in the set */
	char *reason;       /* NULL when all is good; printable ASCII */
};
void journal_verdict_done(struct journal_verdict *v);
/*
 * Verifies the chain over the files of a set that is not empty. base: where the chain goes on from
 * when older files were taken away, NULL: the files begin with the first line. head: one that was
 * kept elsewhere, NULL: none. A change of the last line can only be told with a head, and so can
 * lines cut off at the end. Returns 0 when the files could be read, whatever the verdict.
 */
int journal_verify(struct journal_set *set, const struct chain *base, const struct chain *head,
	struct journal_verdict *ret);
/*
 * Calls each with every line's object (borrowed) in order until it returns non-zero, which is
 * passed on. A line that is no JSON object is skipped and counted in *ret_skipped.
 */
int journal_read(struct journal_set *set, int (*each)(void *userdata, json_t *record),
	void *userdata, uint64_t *ret_skipped);
/* The same for the lines that begin within the last max bytes of all files. */
int journal_read_last(struct journal_set *set, off_t max,
	int (*each)(void *userdata, json_t *record), void *userdata);
