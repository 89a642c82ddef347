/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The alternatives that a rule gives for one key, each kind once for the whole policy: what a
 * hundred rules say of the same users or ids is then found out once in a decision. They are
 * numbered in the order in which the rules need them, so that a search walks memory forward.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "policy/alternatives.h"

static int compare_conditions(const struct condition *a, const struct condition *b)
{
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->mask != b->mask)
		return a->mask < b->mask ? -1 : 1;
	if (a->value != b->value)
		return a->value < b->value ? -1 : 1;
	return a->kind == CONDITION_NUMBER ? 0 : strcmp(a->text, b->text);
}

static int compare_alternatives(const struct alternatives *a, const struct alternatives *b)
{
	if (a->conditions->key != b->conditions->key)
		return a->conditions->key < b->conditions->key ? -1 : 1;
	if (a->n != b->n)
		return a->n < b->n ? -1 : 1;
	for (size_t i = 0; i < a->n; i++) {
		int r = compare_conditions(&a->conditions[i], &b->conditions[i]);

		if (r)
			return r;
	}
	return 0;
}

/* The same ones lie side by side then, in the order of the policy. */
static int compare_places(const void *a, const void *b)
{
	const struct alternatives *x = *(struct alternatives *const *)a;
	const struct alternatives *y = *(struct alternatives *const *)b;
	int r = compare_alternatives(x, y);

	return r ? r : x < y ? -1 : x > y;
}

/* Of each rule and key, in order; there are at most as many as conditions. */
static size_t collect(struct policy *p, struct alternatives *all)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n_rules; i++) {
		struct rule_match *m = &p->matches[i];
		const size_t end = m->first + m->n;

		m->alternatives = &p->alternatives_of_rules[n];
		for (size_t c = m->first; c < end; n++) {
			all[n].conditions = &p->conditions[c];
			while (c < end && p->conditions[c].key == all[n].conditions->key) {
				all[n].n++;
				c++;
			}
		}
		m->n_alternatives = &p->alternatives_of_rules[n] - m->alternatives;
	}
	return n;
}

/* For each of them the first that is the same. */
static void find_first(struct alternatives *const *sorted, size_t n,
	const struct alternatives *all, uint32_t *ret)
{
	size_t first = 0;

	for (size_t i = 0; i < n; i++) {
		if (i > 0 && compare_alternatives(sorted[first], sorted[i]) != 0)
			first = i;
		ret[sorted[i] - all] = sorted[first] - all;
	}
}

/* The pairs of bytes that the facts have to show, whichever alternative it is that holds. */
static uint64_t demands_of(const struct policy *p, const struct rule_match *m)
{
	uint64_t demands = 0;

	for (size_t i = 0; i < m->n_alternatives; i++) {
		const struct alternatives *a = &p->alternatives[m->alternatives[i]];
		uint64_t common = UINT64_MAX;

		for (size_t k = 0; k < a->n; k++)
			common &= a->conditions[k].glob.pairs;
		demands |= common;
	}
	return demands;
}

int alternatives_index(struct policy *p)
{
	_cleanup_free_ struct alternatives **sorted = NULL;
	struct alternatives *all;
	uint32_t *numbers;
	size_t n;

	all = p->alternatives = calloc(p->n_conditions + 1, sizeof(*all));
	numbers = p->alternatives_of_rules = calloc(p->n_conditions + 1, sizeof(*numbers));
	sorted = calloc(p->n_conditions + 1, sizeof(*sorted));
	p->demands = calloc(p->n_rules + 1, sizeof(*p->demands));
	if (!all || !numbers || !sorted || !p->demands)
		return -ENOMEM;
	n = collect(p, all);
	for (size_t i = 0; i < n; i++)
		sorted[i] = &all[i];
	qsort(sorted, n, sizeof(*sorted), compare_places);
	find_first(sorted, n, all, numbers);
	for (size_t i = 0; i < n; i++) {
		if (numbers[i] < i) {
			numbers[i] = numbers[numbers[i]];
			continue;
		}
		all[p->n_alternatives] = all[i];
		numbers[i] = p->n_alternatives++;
	}
	for (size_t i = 0; i < p->n_rules; i++)
		p->demands[i] = demands_of(p, &p->matches[i]);
	return 0;
}
