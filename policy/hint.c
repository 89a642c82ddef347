/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Edit distance (insert, delete, replace, swap two neighbours), without regard to case. */
#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "policy/hint.h"

#define WORD_MAX 32
#define LISTED_MAX 16

static unsigned min2(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static bool same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Both at most WORD_MAX bytes long. Three rows of the table are enough: swaps look back two. */
static unsigned distance(const char *a, const char *b)
{
	unsigned rows[3][WORD_MAX + 1];
	size_t n = strlen(b), i;

	for (size_t j = 0; j <= n; j++)
		rows[0][j] = j;
	for (i = 1; a[i - 1]; i++) {
		unsigned *row = rows[i % 3];
		const unsigned *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			row[j] = min2(above[j], row[j - 1]) + 1;
			row[j] = min2(row[j], above[j - 1] + !same(a[i - 1], b[j - 1]));
			if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
				row[j] = min2(row[j], two_above[j - 2] + 1);
		}
	}
	return rows[(i - 1) % 3][n];
}

const char *hint_nearest(const char *s, const char *const *words, size_t n)
{
	const char *nearest = NULL;
	/* up to a third of the word, so that short words do not become just any other */
	unsigned best = strlen(s) / 3 + 1;
	size_t n_s = strlen(s);

	if (n_s > WORD_MAX)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		size_t n_word = strlen(words[i]), apart = n_word > n_s ? n_word - n_s : n_s - n_word;
		unsigned d;

		/* as many letters were put in or left out at least */
		if (n_word > WORD_MAX || apart >= best)
			continue;
		d = distance(s, words[i]);
		if (d < best) {
			best = d;
			nearest = words[i];
		}
	}
	return nearest;
}

const char *hint_nearest_listed(const char *s, char *list)
{
	const char *words[LISTED_MAX];
	size_t n = 0;

	for (char *rest = list, *word; n < LISTED_MAX && (word = strtok_r(rest, ", ", &rest)); )
		words[n++] = word;
	return hint_nearest(s, words, n);
}
