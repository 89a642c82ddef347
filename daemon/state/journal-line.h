/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lines of a journal file: splitting, hashing, and the two members that make the chain. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"
#include "state/journal-read.h"

#define JOURNAL_HASH_ZERO "0000000000000000000000000000000000000000000000000000000000000000"

DEFINE_CLEANUP(json_t *, json_decref);
#define _cleanup_json_ _cleanup_(json_decref_cleanup)

/* Must have succeeded once before any hashing. */
int journal_hash_init(void);
/* Lower-case hex SHA-256 of a line without its newline. */
void journal_hash_line(const char *line, size_t size, char ret[JOURNAL_HASH_HEX + 1]);

struct journal_line {
	json_t *object;   /* owned by whoever called journal_line_parse */
	uint64_t seq;     /* 1 and up */
	const char *prev; /* 64 lower-case hex digits, inside object */
};
/* -EBADMSG when the line is no JSON object (or has a key twice), -EPROTO when it has no seq or no
 * prev. */
int journal_line_parse(const char *line, size_t size, struct journal_line *ret);
/* Whether the line is a JSON object; -EBADMSG when not. */
int journal_line_load(const char *line, size_t size, json_t **ret);

struct line_reader {
	int fd; /* borrowed */
	char *data;
	size_t start, end, space;
	bool at_end;
};
/*
 * The next line without its newline, valid until the next call. 1, or 0 at the end of the file.
 * -EBADMSG: the file ends inside of a line; -EMSGSIZE: longer than JOURNAL_LINE_MAX. Both
 * are passed over, and the next call goes on after them.
 */
int line_reader_next(struct line_reader *r, const char **ret_line, size_t *ret_size);
void line_reader_done(struct line_reader *r);

/* All lines of a set, one after the other. A file that was read to its end is closed. */
struct line_source {
	struct journal_set *set; /* borrowed, not empty */
	size_t file;             /* where the last line came from */
	uint64_t line;           /* its number there, from 1 */
	struct line_reader reader;
};
/* As line_reader_next; 0 at the end of the last file, from where a later call goes on. */
int line_source_next(struct line_source *s, const char **ret_line, size_t *ret_size);
void line_source_done(struct line_source *s);
