/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads the lines of a policy file: [SECTION], KEY=VALUE, and comments, which begin with '#' or
 * ';' at the start of a line or after a blank. Blanks around names and values are dropped. A line
 * is never continued on the next one. Text is UTF-8; NUL and other control characters are errors,
 * so that nothing of a file can disturb a terminal or a log.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define INI_LINE_MAX 4096

enum ini_kind {
	INI_END,
	INI_SECTION,
	INI_ENTRY,
	INI_ERROR,
};

struct ini_item {
	enum ini_kind kind;
	unsigned line, column;   /* from 1, in bytes: of the '[', the key, or the error */
	const char *name;        /* of the section or the key */
	const char *value;       /* of an entry, may be "" */
	unsigned value_column;
	const char *problem;     /* static text of an error */
	bool header;             /* the error is in a section header: what follows has no section */
};

struct ini {
	const char *next, *end;
	unsigned line;
	char buffer[INI_LINE_MAX + 1];
};

/* The text is borrowed for as long as the reader is used. */
void ini_init(struct ini *in, const char *text, size_t size);
/* The strings of the item live until the next call. Goes on behind an error. Returns the kind. */
enum ini_kind ini_next(struct ini *in, struct ini_item *ret);
