/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading and verifying a journal file, with no daemon and no libsystemd. Any file may be given:
 * hostile content gives a verdict, never a crash. A line is at most JOURNAL_LINE_MAX bytes.
 */
#pragma once

#include <jansson.h>
#include <stdint.h>
#include <sys/types.h>

#define JOURNAL_NAME "journal.jsonl"
#define JOURNAL_HASH_HEX 64
#define JOURNAL_LINE_MAX ((size_t)1024 * 1024) /* without the newline */

struct journal_verdict {
	uint64_t lines;                  /* read; verifying ends at the first bad line */
	uint64_t last_seq;               /* of the last good line, 0 when there is none */
	char head[JOURNAL_HASH_HEX + 1]; /* hash of the last good line, 64 zeros when there is none */
	uint64_t bad_line;               /* 0: all good; else the first bad line, from 1 */
	char *reason;                    /* NULL when all is good; printable ASCII */
};
void journal_verdict_done(struct journal_verdict *v);
/*
 * Verifies the chain of one file from its beginning, read from the fd's offset on; head_seq 0: no
 * head to compare with. A change of the last line can only be told with a head kept elsewhere, and
 * so can lines cut off at the end. Returns 0 when the file could be read, whatever the verdict.
 */
int journal_verify(int fd, uint64_t head_seq, const char *head_hash, struct journal_verdict *ret);
/*
 * Calls each with every line's object (borrowed) in order until it returns non-zero, which is
 * passed on. A line that is no JSON object is skipped and counted in *ret_skipped.
 */
int journal_read(int fd, int (*each)(void *userdata, json_t *record), void *userdata,
	uint64_t *ret_skipped);
/* The same for the lines that begin within the last max bytes of a file. */
int journal_read_last(int fd, off_t max, int (*each)(void *userdata, json_t *record),
	void *userdata);
