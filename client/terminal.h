/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The terminal: its width, colours, the pager. Without a terminal on stdout all of it is plain. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "ctl.h"

enum colour {
	COLOUR_NONE,
	COLOUR_GOOD,
	COLOUR_CARE,
	COLOUR_BAD,
	COLOUR_FAINT,
	COLOUR_BOLD,
};

/* Asked once, before a pager takes stdout's place. */
void terminal_init(void);
bool terminal_is_tty(void);
/* In columns: $COLUMNS, else the terminal's; 0 when stdout is no terminal: no limit. */
size_t terminal_width(void);
/* The escape sequence, or "" without colours; COLOUR_NONE ends any other. */
const char *colour(enum colour c);
/* A name that libsmartcols knows, or NULL. */
const char *colour_name(enum colour c);

/* The colour that a state of a device or a lease is shown in. */
enum colour colour_of_state(const char *state);

/* Starts ${DEVLEASE_PAGER:-${PAGER:-less}} when stdout is a terminal. Failure is no error: the
 * output then goes straight to the terminal. */
void pager_open(const struct ctl *c);
/* Flushes stdout and waits for the pager to be left. Called on every way out. */
void pager_close(void);

/* Prints an array as --json says. Returns an exit status. */
int print_json(const struct ctl *c, const json_t *value);
/* Prints text wrapped to the terminal's width, each line indented; escapes what is not printable.
 * Returns an exit status. */
int print_wrapped(const char *text, size_t indent, const char *lead);
/* The same for a line that is begun: text goes on after lead, and further lines start with below
 * (four columns of a tree) and are indented from there. */
int print_hanging(const char *text, const char *below, size_t indent, const char *lead);
