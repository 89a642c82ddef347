/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The readers and printers of the keys that decide; the table in keys.c names them. A reader takes
 * one word into the section's terms: 0, also with a problem recorded, or -ENOMEM.
 */
#pragma once

#include "policy/keys.h"

/* Records what is wrong with a word; problem is a sentence without full stop. */
int key_bad_word(struct loader *l, const struct policy_key *key, const struct word *w,
	const char *problem);

/* For keys of which this version knows one value only: nothing has to be stored. */
int term_parse_only(struct loader *l, const struct policy_key *key, const struct word *w);

int term_parse_access(struct loader *l, const struct policy_key *key, const struct word *w);
void term_print_access(struct text *t, const struct policy_terms *terms);
int term_parse_handover(struct loader *l, const struct policy_key *key, const struct word *w);
void term_print_handover(struct text *t, const struct policy_terms *terms);
int term_parse_isolation(struct loader *l, const struct policy_key *key, const struct word *w);
void term_print_isolation(struct text *t, const struct policy_terms *terms);
int term_parse_reset_set(struct loader *l, const struct policy_key *key, const struct word *w);
void term_print_reset_set(struct text *t, const struct policy_terms *terms);
int term_parse_host_use(struct loader *l, const struct policy_key *key, const struct word *w);
void term_print_host_use(struct text *t, const struct policy_terms *terms);
int term_parse_backend(struct loader *l, const struct policy_key *key, const struct word *w);
void term_print_backend(struct text *t, const struct policy_terms *terms);
int term_parse_when_free(struct loader *l, const struct policy_key *key, const struct word *w);
void term_print_when_free(struct text *t, const struct policy_terms *terms);
int term_parse_limit(struct loader *l, const struct policy_key *key, const struct word *w);
void term_print_max_leases(struct text *t, const struct policy_terms *terms);
void term_print_max_devices(struct text *t, const struct policy_terms *terms);
