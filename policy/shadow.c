/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Rules that can never match because earlier ones match all that they do. Judged condition by
 * condition, so a warning is always right, though not every such rule is found: of a rule with
 * several lists, one at a time is looked at alternative by alternative.
 */
#include <errno.h>
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

enum relation {
	APART,   /* of some key no alternative of the one is covered by the other */
	TOUCHES,
	WITHIN,  /* all that the one matches is matched by the other */
};

/* Behind the conditions of one key, of which i is one or would be. */
static size_t key_end(const struct policy *p, size_t i, size_t end, unsigned key)
{
	while (i < end && p->conditions[i].key == key)
		i++;
	return i;
}

static bool is_covered(const struct policy *p, const struct condition *c, size_t first, size_t end)
{
	for (size_t i = first; i < end; i++)
		if (condition_within(c, &p->conditions[i]))
			return true;
	return false;
}

/* Of rule a to rule b. With only, as if that were the one alternative of its key in a. */
static enum relation relate(const struct policy *p, const struct rule_match *a,
	const struct rule_match *b, const struct condition *only)
{
	const size_t end = a->first + a->n, b_end = b->first + b->n;
	enum relation result = WITHIN;
	size_t j = b->first;

	/* b asks for something that a does not */
	if (b->keys & ~a->keys)
		return APART;
	for (size_t i = a->first; i < end;) {
		unsigned key = p->conditions[i].key;
		size_t next = key_end(p, j, b_end, key);
		bool any = false, all = true;

		for (; i < end && p->conditions[i].key == key; i++) {
			const struct condition *c = &p->conditions[i];
			bool covered;

			if (only && c != only && key == only->key)
				continue;
			covered = j == next || is_covered(p, c, j, next);
			any = any || covered;
			all = all && covered;
		}
		if (!any)
			return APART;
		if (!all)
			result = TOUCHES;
		j = next;
	}
	return result;
}

/* Rules before one, by index, that may cover it; the first and the last that did. */
struct cover {
	size_t *candidates, n, first, last;
};

static bool find_cover(const struct policy *p, const struct rule_match *m, struct cover *cover,
	const struct condition *c)
{
	for (size_t i = 0; i < cover->n; i++) {
		size_t j = cover->candidates[i];

		if (relate(p, m, &p->matches[j], c) != WITHIN)
			continue;
		cover->first = j < cover->first ? j : cover->first;
		cover->last = j > cover->last ? j : cover->last;
		return true;
	}
	return false;
}

/* Whether each alternative of one key has a rule that covers it. */
static bool covered_together(const struct policy *p, const struct rule_match *m,
	struct cover *cover)
{
	const size_t end = m->first + m->n;

	for (size_t i = m->first; i < end && cover->n > 1;) {
		unsigned key = p->conditions[i].key;
		bool covered = true;

		cover->first = p->n_rules;
		cover->last = 0;
		for (; i < end && p->conditions[i].key == key; i++)
			covered = covered && find_cover(p, m, cover, &p->conditions[i]);
		if (covered)
			return true;
	}
	return false;
}

/* Whether rule n is covered by those before it; fills first and last. */
static bool is_shadowed(const struct policy *p, size_t n, struct cover *cover)
{
	const struct rule_match *m = &p->matches[n];

	cover->n = 0;
	for (size_t i = 0; i < n; i++) {
		enum relation r = relate(p, m, &p->matches[i], NULL);

		if (r == WITHIN) {
			cover->first = cover->last = i;
			return true;
		}
		if (r == TOUCHES)
			cover->candidates[cover->n++] = i;
	}
	return covered_together(p, m, cover);
}

static int warn(struct loader *l, size_t n, size_t first, size_t last)
{
	const struct policy_rule *rules = l->policy->rules, *rule = &rules[n];
	const struct policy_rule *a = &rules[first], *b = &rules[last];

	if (first == last)
		return policy_errors_add(l->errors, true, rule->file, rule->line, 1,
			"rule '%s' can never match: '%s' at %s:%u comes first and matches all that "
			"it does",
			rule->name, a->name, a->file, a->line);
	return policy_errors_add(l->errors, true, rule->file, rule->line, 1,
		"rule '%s' can never match: rules from '%s' at %s:%u to '%s' at %s:%u come first "
		"and together match all that it does",
		rule->name, a->name, a->file, a->line, b->name, b->file, b->line);
}

int loader_warn_shadowed(struct loader *l)
{
	const struct policy *p = l->policy;
	_cleanup_free_ size_t *candidates = calloc(p->n_rules + 1, sizeof(*candidates));
	struct cover cover = {candidates};
	int r = candidates ? 0 : -ENOMEM;

	for (size_t i = 1; r >= 0 && i < p->n_rules; i++)
		if (is_shadowed(p, i, &cover))
			r = warn(l, i, cover.first, cover.last);
	return r;
}
