/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether one pattern matches all that another does. Both are read as automata with a state between
 * any two of their characters; the search walks the first and carries along the set of states that
 * the second may be in. It finds a text that the first alone matches, or shows that there is none.
 */
#include <stdint.h>
#include <string.h>

#include "base/text.h"
#include "policy/internal.h"
#include "policy/pattern.h"

#define STATES_MAX (PATTERN_MAX + 1)
#define LETTERS_MAX 64
#define PAIRS_MAX 256 /* patterns that people write take a dozen */

struct states {
	uint64_t bits[STATES_MAX / 64];
};
_Static_assert(STATES_MAX % 64 == 0, "the states fill whole words");

struct automaton {
	size_t n;                     /* the state behind the last part: the text is matched */
	bool star[STATES_MAX];        /* the part at this state is '*' */
	uint64_t letters[STATES_MAX]; /* else: set of the letters that lead to the next state */
};

struct part {
	const char *text;
	size_t size;
};

struct pair {
	size_t state; /* of the first pattern */
	struct states others;
};

/* Cuts the pattern up; SIZE_MAX when it has what only fnmatch() itself can tell. */
static size_t cut(const char *pattern, struct part *parts)
{
	size_t n = 0;

	for (const char *s = pattern; *s;) {
		const char *end = *s == '[' ? pattern_bracket_end(s) : s + 1;

		if (!end || n == PATTERN_MAX)
			return SIZE_MAX;
		for (const char *in = s + 1; in < end; in++)
			if (*in == '^' || (*in == '[' && strchr(":=.", in[1])))
				return SIZE_MAX;
		parts[n++] = (struct part){s, end - s};
		s = end;
	}
	return n;
}

static bool part_matches(const struct part *part, char c)
{
	char pattern[PATTERN_MAX + 1], text[] = {c, '\0'};

	if (part->size == 1)
		return *part->text == '*' || *part->text == '?' || *part->text == c;
	memcpy(pattern, part->text, part->size);
	pattern[part->size] = '\0';
	return glob_matches(pattern, text);
}

/* Bytes that no part tells apart are one letter. Returns their number, 0 for too many. */
static size_t find_letters(const struct part *parts, size_t n, char *ret)
{
	uint64_t seen[LETTERS_MAX][2 * STATES_MAX / 64] = {0};
	size_t n_letters = 0;

	for (int c = 1; c <= UINT8_MAX; c++) {
		uint64_t row[2 * STATES_MAX / 64] = {0};
		size_t known = 0;

		for (size_t i = 0; i < n; i++)
			if (part_matches(&parts[i], c))
				row[i / 64] |= UINT64_C(1) << i % 64;
		while (known < n_letters && memcmp(row, seen[known], sizeof(row)) != 0)
			known++;
		if (known < n_letters)
			continue;
		if (n_letters == LETTERS_MAX)
			return 0;
		memcpy(seen[n_letters], row, sizeof(row));
		ret[n_letters++] = c;
	}
	return n_letters;
}

static void build(struct automaton *ret, const struct part *parts, size_t n, const char *letters,
	size_t n_letters)
{
	memset(ret, 0, sizeof(*ret));
	ret->n = n;
	for (size_t i = 0; i < n; i++) {
		ret->star[i] = *parts[i].text == '*';
		for (size_t c = 0; c < n_letters; c++)
			if (part_matches(&parts[i], letters[c]))
				ret->letters[i] |= UINT64_C(1) << c;
	}
}

static bool has(const struct states *s, size_t i)
{
	return s->bits[i / 64] >> i % 64 & 1;
}

/* Adds a state and those behind the stars that it stands at. */
static void enter(const struct automaton *a, struct states *s, size_t i)
{
	s->bits[i / 64] |= UINT64_C(1) << i % 64;
	for (; i < a->n && a->star[i]; i++)
		s->bits[(i + 1) / 64] |= UINT64_C(1) << (i + 1) % 64;
}

static struct states step(const struct automaton *a, const struct states *from, size_t letter)
{
	struct states to = {0};

	for (size_t i = 0; i < a->n; i++)
		if (has(from, i) && a->letters[i] >> letter & 1)
			enter(a, &to, a->star[i] ? i : i + 1);
	return to;
}

/* A pair with fewer states of the other pattern is the harder one: with it there, no other. */
static bool is_covered(const struct pair *pairs, size_t n, const struct pair *p)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t more = pairs[i].state ^ p->state;

		for (size_t w = 0; w < STATES_MAX / 64; w++)
			more |= pairs[i].others.bits[w] & ~p->others.bits[w];
		if (!more)
			return true;
	}
	return false;
}

/* False as well when there are more pairs than are looked at. */
static bool search(const struct automaton *a, const struct automaton *b, size_t n_letters)
{
	struct pair pairs[PAIRS_MAX] = {0};
	size_t n = 1;

	enter(b, &pairs[0].others, 0);
	for (size_t done = 0; done < n; done++) {
		const struct pair *p = &pairs[done];
		struct states here = {0};

		enter(a, &here, p->state);
		if (has(&here, a->n) && !has(&p->others, b->n))
			return false;
		for (size_t i = p->state; i < a->n && has(&here, i); i++)
			for (size_t c = 0; c < n_letters; c++) {
				struct pair next = {a->star[i] ? i : i + 1, step(b, &p->others, c)};

				if (!(a->letters[i] >> c & 1) || is_covered(pairs, n, &next))
					continue;
				if (n == PAIRS_MAX)
					return false;
				pairs[n++] = next;
			}
	}
	return true;
}

/* A text that the pattern matches, with filler for each star; false when there is none to see. */
static bool example(const char *pattern, char filler, char ret[PATTERN_MAX + 1])
{
	struct part parts[STATES_MAX];
	size_t n = cut(pattern, parts), size = 0;

	if (n == SIZE_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		char c = *parts[i].text == '*' ? filler : parts[i].size > 1 ? ' ' : *parts[i].text;

		while (c && c <= '~' && !part_matches(&parts[i], c))
			c++;
		if (c > '~')
			return false;
		if (c)
			ret[size++] = c;
	}
	ret[size] = '\0';
	return true;
}

/* Told by two examples of a: nearly all pairs of patterns are, and at a fraction of the cost. */
static bool clearly_differ(const char *a, const char *b)
{
	char text[PATTERN_MAX + 1];

	return (example(a, '\0', text) && !glob_matches(b, text)) ||
		(example(a, '~', text) && !glob_matches(b, text));
}

bool glob_within(const char *a, const char *b)
{
	struct part parts[2 * STATES_MAX];
	struct automaton first, second;
	char letters[LETTERS_MAX];
	size_t n_a, n_b, n_letters, prefix_a = strcspn(a, "*?["), prefix_b = strcspn(b, "*?[");
	size_t common = prefix_a < prefix_b ? prefix_a : prefix_b;

	if (streq(a, b))
		return true;
	/* most pairs differ in what they begin with */
	if (prefix_a < prefix_b && a[prefix_a] != '[')
		return false;
	if (strncmp(a, b, common) != 0)
		return false;
	if (clearly_differ(a, b))
		return false;
	n_a = cut(a, parts);
	n_b = n_a == SIZE_MAX ? n_a : cut(b, parts + n_a);
	if (n_b == SIZE_MAX)
		return false;
	n_letters = find_letters(parts, n_a + n_b, letters);
	if (n_letters == 0)
		return false;
	build(&first, parts, n_a, letters, n_letters);
	build(&second, parts + n_a, n_b, letters, n_letters);
	return search(&first, &second, n_letters);
}
