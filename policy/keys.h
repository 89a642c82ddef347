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
	KEY_MATCH,   /* number is an enum match_key; only in rules; any count of words */
	KEY_TERM,    /* number is an enum term; in rules and [Defaults]; once in a section */
	KEY_UNKNOWN, /* has its name in the design but no effect in this version: an error */
};

struct policy_key {
	const char *name;
	enum key_type type;
	unsigned number;
	bool list; /* a KEY_TERM of several words */
	/* Takes a word into the loader's section. 0, also with a problem recorded, or -ENOMEM. */
	int (*parse)(struct loader *l, const struct policy_key *key, const struct word *w);
	void (*print)(struct text *t, const struct policy_terms *terms); /* of a KEY_TERM */
	const char *values;      /* a short form of what may be given */
	const char *description; /* for the manual page */
};

extern const struct policy_key policy_keys[];
extern const size_t policy_keys_n;

const struct policy_key *policy_key_find(const char *name);
/* The key that name is a slip for, or NULL. */
const struct policy_key *policy_key_nearest(const char *name);
/* Copies the terms whose bit (of enum term) is in which. */
void policy_terms_copy(struct policy_terms *to, const struct policy_terms *from, unsigned which);
