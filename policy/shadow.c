/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Rules that can never match because an earlier one matches all that they do. Judged condition by
 * condition, so a warning is always right, but not every such rule is found.
 */
#include "base/text.h"
#include "policy/errors.h"
#include "policy/loader.h"

bool condition_within(const struct condition *a, const struct condition *b)
{
	if (a->key != b->key)
		return false;
	if (b->kind == CONDITION_NUMBER)
		return a->kind == CONDITION_NUMBER && (a->mask & b->mask) == b->mask &&
			(a->value & b->mask) == b->value;
	if (a->kind == CONDITION_NUMBER)
		return false;
	if (b->kind == CONDITION_EXACT)
		return a->kind == CONDITION_EXACT && a->value == b->value &&
			streq(a->text, b->text);
	return streq(a->text, b->text) ||
		(a->kind == CONDITION_EXACT && glob_matches(b->text, a->text));
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
