/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The matcher goes back to the last star only, so it takes at most length times length steps,
 * whatever the pattern. Named classes ([[:digit:]] and its kind) are left to fnmatch().
 */
#include <fnmatch.h>
#include <stddef.h>
#include <string.h>

#include "policy/glob-match.h"
#include "policy/pattern.h"

#define ENDS sizeof(uint64_t)

static bool bracket_has(const char *p, const char *end, unsigned char c)
{
	bool negated = p[1] == '!' || p[1] == '^', found = false;

	p += negated ? 2 : 1;
	for (end--; p < end; p++) {
		unsigned char low = *p, high = low;

		if (p[1] == '-' && p + 2 < end) {
			high = p[2];
			p += 2;
		}
		found |= low <= c && c <= high;
	}
	return found != negated;
}

/* Behind the first element of the pattern when it is not a star and takes c, else NULL. */
static const char *take_one(const char *p, char c)
{
	const char *end = *p == '[' ? pattern_bracket_end(p) : NULL;

	if (end)
		return bracket_has(p, end, c) ? end : NULL;
	return *p == c || *p == '?' ? p + 1 : NULL;
}

static bool has_named_class(const char *pattern)
{
	for (const char *p = pattern; (p = strchr(p, '[')); p++)
		if (p[1] == ':' || p[1] == '.' || p[1] == '=')
			return true;
	return false;
}

bool glob_matches(const char *pattern, const char *text)
{
	const char *p = pattern, *after_star = NULL, *retry = NULL, *next;

	if (has_named_class(pattern))
		return fnmatch(pattern, text, FNM_NOESCAPE) == 0;
	while (*text || *p == '*') {
		if (*p == '*') {
			after_star = ++p;
			retry = text;
			if (!*p)
				return true;
		} else if ((next = take_one(p, *text))) {
			p = next;
			text++;
		} else if (retry && *retry) {
			p = after_star;
			text = ++retry;
		} else {
			return false;
		}
	}
	return !*p;
}

/* By the high bits of a product, which spread the few characters that addresses are made of. */
static uint64_t pair_bit(unsigned char a, unsigned char b)
{
	return 1ULL << ((a * 256U + b) * 2654435769U >> 26);
}

struct glob_text glob_text_of(const char *text)
{
	size_t length = strlen(text), n = length < ENDS ? length : ENDS;
	char head[ENDS] = {0}, tail[ENDS] = {0};
	struct glob_text t = {.text = text};

	memcpy(head, text, n);
	memcpy(tail + ENDS - n, text + length - n, n);
	memcpy(&t.head, head, ENDS);
	memcpy(&t.tail, tail, ENDS);
	for (size_t i = 1; i < length; i++)
		t.pairs |= pair_bit(text[i - 1], text[i]);
	return t;
}

/* A pattern element by element: its character, or WILD for any that takes one of several. */
#define WILD '?'
#define STAR '*'

static size_t flatten(const char *pattern, char elements[PATTERN_MAX + 1])
{
	size_t n = 0;

	while (*pattern) {
		const char *end = *pattern == '[' ? pattern_bracket_end(pattern) : NULL;

		elements[n++] = end ? WILD : *pattern;
		pattern = end ? end : pattern + 1;
	}
	elements[n] = '\0';
	return n;
}

static bool is_literal(char element)
{
	return element != WILD && element != STAR;
}

static void demand(uint64_t *value, uint64_t *mask, size_t place, char c)
{
	((char *)value)[place] = c;
	((unsigned char *)mask)[place] = 0xff;
}

struct glob glob_compile(const char *pattern)
{
	struct glob g = {0};
	char elements[PATTERN_MAX + 1];
	size_t n;

	if (has_named_class(pattern))
		return g;
	n = flatten(pattern, elements);
	/* Without a star the text ends where the pattern does, and a zero is demanded there. */
	for (size_t i = 0; i < ENDS && i <= n && elements[i] != STAR; i++)
		if (is_literal(elements[i]))
			demand(&g.head, &g.head_mask, i, elements[i]);
	for (size_t i = 1; i <= ENDS && i <= n && elements[n - i] != STAR; i++)
		if (is_literal(elements[n - i]))
			demand(&g.tail, &g.tail_mask, ENDS - i, elements[n - i]);
	for (size_t i = 1; i < n; i++)
		if (is_literal(elements[i - 1]) && is_literal(elements[i]))
			g.pairs |= pair_bit(elements[i - 1], elements[i]);
	return g;
}
