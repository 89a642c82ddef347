/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Globs: `*`, `?` and bracket expressions as in fnmatch(3) with FNM_NOESCAPE, byte by byte. What
 * any text has to have to match is worked out once for a pattern, so that most of those that do
 * not are told by a few operations on whole words.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * What is looked at first of a text: its first and last eight bytes, with zeros beyond its other
 * end, and a set of the pairs of bytes that stand side by side, each hashed to a bit.
 */
struct glob_text {
	const char *text;
	uint64_t head, tail, pairs;
};
struct glob_text glob_text_of(const char *text);

struct glob {
	uint64_t head, head_mask, tail, tail_mask; /* (a text's head & head_mask) == head */
	uint64_t pairs;                            /* a subset of the text's */
};

/* The pattern is at most PATTERN_MAX bytes. */
struct glob glob_compile(const char *pattern);

/* Never false for a text that matches. */
static inline bool glob_may_match(const struct glob *g, const struct glob_text *t)
{
	return (((t->head & g->head_mask) ^ g->head) | ((t->tail & g->tail_mask) ^ g->tail) |
		(g->pairs & ~t->pairs)) == 0;
}

bool glob_matches(const char *pattern, const char *text);
