/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The list of problems and its text form, "FILE:LINE:COLUMN: error: TEXT". */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"
#include "policy/errors.h"

int policy_errors_add(struct policy_errors *e, bool warning, const char *file, unsigned line,
	unsigned column, const char *format, ...)
{
	struct policy_error new = {.line = line, .column = column, .warning = warning};
	va_list args;
	int n;

	va_start(args, format);
	n = vasprintf(&new.text, format, args);
	va_end(args);
	if (n < 0)
		return -ENOMEM;
	if (!array_reserve(e->items, e->n) || strdup_to(&new.file, file) < 0) {
		free(new.text);
		return -ENOMEM;
	}
	e->items[e->n++] = new;
	return 0;
}

void policy_errors_sort_from(struct policy_errors *e, size_t first)
{
	/* Stable, and nearly in order already: only checks at the end of a section come late. */
	for (size_t i = first + 1; i < e->n; i++) {
		struct policy_error moved = e->items[i];
		size_t j = i;

		for (; j > first; j--) {
			const struct policy_error *before = &e->items[j - 1];

			if (before->line < moved.line ||
				(before->line == moved.line && before->column <= moved.column))
				break;
			e->items[j] = *before;
		}
		e->items[j] = moved;
	}
}

size_t policy_errors_count(const struct policy_errors *e)
{
	size_t n = 0;

	for (size_t i = 0; i < e->n; i++)
		n += !e->items[i].warning;
	return n;
}

char *policy_errors_to_text(const struct policy_errors *e)
{
	_cleanup_text_ struct text t = {0};

	text_append(&t, "");
	for (size_t i = 0; i < e->n; i++) {
		const struct policy_error *it = &e->items[i];

		text_append(&t, it->file);
		if (it->line > 0)
			text_appendf(&t, ":%u:%u", it->line, it->column);
		text_appendf(&t, ": %s: %s\n", it->warning ? "warning" : "error", it->text);
	}
	return text_steal(&t);
}

void policy_errors_done(struct policy_errors *e)
{
	for (size_t i = 0; i < e->n; i++) {
		free(e->items[i].file);
		free(e->items[i].text);
	}
	free(e->items);
	*e = (struct policy_errors){0};
}
