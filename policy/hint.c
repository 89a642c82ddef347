/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Edit distance (insert, delete, replace), without regard to case. */
#include <ctype.h>
#include <string.h>

#include "policy/hint.h"

#define WORD_MAX 32

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

/* Both at most WORD_MAX bytes long. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[WORD_MAX + 1];
	size_t n = strlen(b);

	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 0; a[i]; i++) {
		unsigned diagonal = row[0];

		row[0] = i + 1;
		for (size_t j = 1; j <= n; j++) {
			unsigned char x = a[i], y = b[j - 1];
			unsigned up = row[j], replaced = diagonal + (tolower(x) != tolower(y));

			row[j] = min3(up + 1, row[j - 1] + 1, replaced);
			diagonal = up;
		}
	}
	return row[n];
}

const char *hint_nearest(const char *s, const char *const *words, size_t n)
{
	const char *nearest = NULL;
	/* up to a third of the word, so that short words do not become just any other */
	unsigned best = strlen(s) / 3 + 1;

	if (strlen(s) > WORD_MAX)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		unsigned d = strlen(words[i]) > WORD_MAX ? best : distance(s, words[i]);

		if (d < best) {
			best = d;
			nearest = words[i];
		}
	}
	return nearest;
}
