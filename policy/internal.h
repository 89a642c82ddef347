/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The compiled form of a policy. All conditions of all rules lie in one array, rule by rule and
 * within a rule by key, so that matching walks memory forward and touches a text only when its
 * hash agrees.
 */
#pragma once

#include "policy/glob-match.h"
#include "policy/policy.h"

/* In the order in which conditions are tried: the cheap and telling ones first. */
enum match_key {
	MATCH_USER,
	MATCH_GROUP,
	MATCH_ID,
	MATCH_CLASS,
	MATCH_NUMA_NODE,
	MATCH_DEVICE,
	MATCH_PHYSICAL_FUNCTION,
	MATCH_CURRENT_DRIVER,
	MATCH_UNIT,
	MATCH_KEY_N,
};

enum term {
	TERM_ACCESS,
	TERM_HANDOVER,
	TERM_ISOLATION,
	TERM_RESET_SET,
	TERM_HOST_USE,
	TERM_DRIVER,
	TERM_BACKEND,
	TERM_MIGRATION,
	TERM_WHEN_FREE,
	TERM_AFTER_RELEASE,
	TERM_MAX_LEASES,
	TERM_MAX_DEVICES,
	TERM_MAX_PINNED,
	TERM_KILL,
	TERM_CONTROLS,
	TERM_N,
};
#define TERMS_ALL ((1U << TERM_N) - 1)

enum condition_kind {
	CONDITION_NUMBER, /* (fact & mask) == value */
	CONDITION_EXACT,  /* as well, of the text's hash, and the same text */
	CONDITION_GLOB,   /* value and mask are 0 */
};

struct condition {
	uint8_t key, kind;
	uint32_t order; /* as written, among those of its key */
	uint32_t value, mask;
	char *text; /* normalised; for USER and GROUP as written */
	struct glob glob; /* of text; what it demands holds for conditions of all kinds */
};

/* What a rule gives for one key: one of them has to hold. */
struct alternatives {
	const struct condition *conditions; /* borrowed from the policy */
	size_t n;
};

struct rule_match {
	size_t first, n;    /* in the policy's conditions */
	const uint32_t *alternatives; /* of each of its keys, as indices; borrowed from the policy */
	size_t n_alternatives;
	unsigned keys;      /* bits of enum match_key: alternatives are there for these */
	unsigned own_terms; /* bits of enum term that do not come from [Defaults] */
	uint32_t name_hash;
};

#define KEYS_MAX 32 /* at least as many as there are in policy_keys */

/* Where a value was written. */
struct origin {
	const char *file; /* NULL: built in */
	unsigned line;
};

struct policy {
	struct policy_rule *rules;
	struct rule_match *matches; /* of the rule with the same index */
	size_t n_rules;
	struct condition *conditions;
	size_t n_conditions;
	struct alternatives *alternatives; /* each once */
	size_t n_alternatives;
	uint32_t *alternatives_of_rules;
	uint64_t *demands; /* of the rule with the same index: pairs that some text has to have */
	struct policy_rule defaults;
	/* By index in policy_keys; only `policy show` looks here. A line of 0: not in the rule. */
	unsigned (*lines)[KEYS_MAX]; /* of the rule with the same index, in the rule's file */
	struct origin default_origins[KEYS_MAX];
	char **files; /* names that rules borrow */
	size_t n_files;
	char *text;
	bool deny_all; /* by policy_new_deny_all() */
};

/* FNV-1a: spreads short texts well enough to tell most of them apart without reading them. */
static inline uint32_t text_hash(const char *s)
{
	uint32_t h = 2166136261U;

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 16777619U;
	return h;
}

/* Everything that a matches is matched by b too, as far as can be told from the two alone. */
bool condition_within(const struct condition *a, const struct condition *b);
/*
 * All that a matches is matched by b too. False as well when that is too hard to tell, as with
 * [:classes:]. Patterns of at most 127 bytes.
 */
bool glob_within(const char *a, const char *b);
