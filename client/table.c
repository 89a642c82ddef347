/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tables. libsmartcols escapes what is not printable in cells. */
#include <errno.h>
#include <stdio.h>

#include "status.h"
#include "table.h"

static int add_column(struct libscols_table *t, const struct table_column *column)
{
	int flags = 0;

	if (column->flags & TABLE_TRUNCATE)
		flags |= SCOLS_FL_TRUNC;
	if (column->flags & TABLE_RIGHT)
		flags |= SCOLS_FL_RIGHT;
	if (column->flags & TABLE_TREE)
		flags |= SCOLS_FL_TREE;
	return scols_table_new_column(t, column->name, 0, flags) ? 0 : -ENOMEM;
}

struct libscols_table *table_new(const struct ctl *c, const struct table_column *columns, size_t n)
{
	_cleanup_table_ struct libscols_table *t = scols_new_table();

	if (!t)
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (add_column(t, &columns[i]) < 0)
			return NULL;
	scols_table_enable_noheadings(t, c->options.no_legend);
	scols_table_enable_colors(t, *colour(COLOUR_NONE) != '\0');
	if (terminal_width() > 0) {
		scols_table_set_termforce(t, SCOLS_TERMFORCE_ALWAYS);
		scols_table_set_termwidth(t, terminal_width());
	}
	return TAKE_PTR(t);
}

struct libscols_line *table_line(struct libscols_table *t, struct libscols_line *parent)
{
	return scols_table_new_line(t, parent);
}

int table_set(struct libscols_line *line, size_t column, const char *text)
{
	return scols_line_set_data(line, column, text && *text ? text : "-");
}

int table_set_coloured(struct libscols_line *line, size_t column, const char *text, enum colour c)
{
	struct libscols_cell *cell;
	int r = table_set(line, column, text);

	if (r < 0)
		return r;
	cell = scols_line_get_cell(line, column);
	return colour_name(c) ? scols_cell_set_color(cell, colour_name(c)) : 0;
}

int table_print(const struct ctl *c, struct libscols_table *t, const char *noun)
{
	size_t n = scols_table_get_nlines(t);

	pager_open(c);
	if (n > 0 && scols_print_table(t) < 0)
		return fail(STATUS_FAILED, "cannot print the table");
	if (noun && !c->options.no_legend)
		printf("%s%zu %s%s listed.\n", n > 0 ? "\n" : "", n, noun, n == 1 ? "" : "s");
	return STATUS_OK;
}
