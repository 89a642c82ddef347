/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tables and trees in the terminal's width, by libsmartcols. */
#pragma once

#include <libsmartcols/libsmartcols.h>

#include "ctl.h"
#include "terminal.h"

enum table_flags {
	TABLE_TRUNCATE = 1 << 0, /* gives way first when the terminal is narrow */
	TABLE_RIGHT = 1 << 1,
	TABLE_TREE = 1 << 2,
};

struct table_column {
	const char *name;
	unsigned flags;
};

DEFINE_CLEANUP(struct libscols_table *, scols_unref_table);
#define _cleanup_table_ _cleanup_(scols_unref_table_cleanup)

/* NULL: no memory. */
struct libscols_table *table_new(const struct ctl *c, const struct table_column *columns, size_t n);
/* A new line; parent is NULL but in trees. Borrowed; NULL: no memory. */
struct libscols_line *table_line(struct libscols_table *t, struct libscols_line *parent);
/* Sets a cell to a copy of text, "-" when it is empty. 0 or -errno. */
int table_set(struct libscols_line *line, size_t column, const char *text);
int table_set_coloured(struct libscols_line *line, size_t column, const char *text, enum colour c);
/* Prints through the pager. noun, when not NULL, makes the last line "N NOUNs listed.". Returns
 * an exit status. */
int table_print(const struct ctl *c, struct libscols_table *t, const char *noun);
