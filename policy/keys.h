/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one table of everything that can stand in a policy file: the reader, `policy show`, hints
 * and the manual page all go by it.
 */
#pragma once

#include "base/text.h"
#include "policy/internal.h"

struct loader;

/* One word of a value and where it stands. */
struct word {
	const char *text;
	unsigned line, column;
};

enum key_type {
	KEY_MATCH, /* number is an enum match_key; only in rules; any count of words */
	KEY_TERM,  /* number is an enum term; in rules and [Defaults]; once in a section */
};

struct policy_key {
	const char *name;
	enum key_type type;
	unsigned number;
	bool list; /* a KEY_TERM of several words */
	/* Takes a word into the loader's section. 0, also with a problem recorded, or -ENOMEM. */
	int (*parse)(struct loader *l, const struct policy_key *key, const struct word *w);
	/* Of a KEY_TERM; NULL when `values` is the one value that there is. */
	void (*print)(struct text *t, const struct policy_terms *terms);
	const char *values;      /* the words, "one, two", or the form of one; "" when it is empty */
	const char *description; /* for the manual page */
	/* Words that other versions may know, or "*" for any other: said to be not supported. */
	const char *later;
};

extern const struct policy_key policy_keys[];
extern const size_t policy_keys_n;

const struct policy_key *policy_key_find(const char *name);
/* The key that name is a slip for, or NULL. */
const struct policy_key *policy_key_nearest(const char *name);
/* Of a KEY_TERM: its value in these terms. */
void policy_key_print(const struct policy_key *key, struct text *t,
	const struct policy_terms *terms);
/* Copies the terms whose bit (of enum term) is in which. */
void policy_terms_copy(struct policy_terms *to, const struct policy_terms *from, unsigned which);
