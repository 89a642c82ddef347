/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Rules that can never match because an earlier one matches all that they do. Judged condition by
 * condition, so a warning is always right; a rule that several others match together is not found.
 */
#include <string.h>

#include "base/text.h"
#include "policy/errors.h"
#include "policy/loader.h"
#include "policy/pattern.h"

/*
 * The condition as a pattern. Leading digits of a class code stand for all six: as many '?' as are
 * missing say just that, and '*' says it of a text that has six anyway.
 */
static void to_glob(const struct condition *c, bool loose, char ret[PATTERN_MAX + 1])
{
	size_t n = strlen(c->text);

	memcpy(ret, c->text, n + 1);
	if (c->key != MATCH_CLASS || c->kind != CONDITION_NUMBER)
		return;
	strcpy(ret + n, loose ? "*" : &"????"[n - 2]);
}

bool condition_within(const struct condition *a, const struct condition *b)
{
	char narrow[PATTERN_MAX + 1], wide[PATTERN_MAX + 1];

	if (a->key != b->key)
		return false;
	if (a->kind == CONDITION_NUMBER && b->kind == CONDITION_NUMBER)
		return (a->mask & b->mask) == b->mask && (a->value & b->mask) == b->value;
	if (b->kind == CONDITION_EXACT)
		return a->kind == CONDITION_EXACT && a->value == b->value &&
			streq(a->text, b->text);
	to_glob(a, false, narrow);
	to_glob(b, true, wide);
	return glob_within(narrow, wide);
}

/* All that rule a matches is matched by b: b asks for nothing that a does not. */
static bool rule_within(const struct policy *p, const struct rule_match *a,
	const struct rule_match *b)
{
	if (b->keys & ~a->keys)
		return false;
	for (size_t i = a->first; i < a->first + a->n; i++) {
		const struct condition *c = &p->conditions[i];
		bool found = !(b->keys & 1U << c->key);

		for (size_t j = b->first; j < b->first + b->n && !found; j++)
			found = condition_within(c, &p->conditions[j]);
		if (!found)
			return false;
	}
	return true;
}

int loader_warn_shadowed(struct loader *l)
{
	const struct policy *p = l->policy;

	for (size_t i = 1; i < p->n_rules; i++)
		for (size_t j = 0; j < i; j++) {
			const struct policy_rule *rule = &p->rules[i], *before = &p->rules[j];
			int r;

			if (!rule_within(p, &p->matches[i], &p->matches[j]))
				continue;
			r = policy_errors_add(l->errors, true, rule->file, rule->line, 1,
				"rule '%s' can never match: '%s' at %s:%u comes first and matches "
				"all that it does",
				rule->name, before->name, before->file, before->line);
			if (r < 0)
				return r;
			break;
		}
	return 0;
}
