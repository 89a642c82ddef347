/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The alternatives that a rule gives for one key, each kind once for the whole policy: what a
 * hundred rules say of the same users or ids is then found out once in a decision.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "policy/alternatives.h"

struct place {
	const struct condition *conditions;
	size_t n;
	uint32_t *number; /* where the rule keeps the number of its alternatives */
};

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

static int compare_places(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->conditions->key != y->conditions->key)
		return x->conditions->key < y->conditions->key ? -1 : 1;
	if (x->n != y->n)
		return x->n < y->n ? -1 : 1;
	for (size_t i = 0; i < x->n; i++) {
		int r = compare_conditions(&x->conditions[i], &y->conditions[i]);

		if (r)
			return r;
	}
	return 0;
}

/* Of each rule and key, in order; the arrays are large enough. */
static size_t collect(struct policy *p, struct place *places)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n_rules; i++) {
		struct rule_match *m = &p->matches[i];
		const size_t end = m->first + m->n;

		m->alternatives = &p->alternatives_of_rules[n];
		for (size_t c = m->first; c < end; n++) {
			places[n] = (struct place){&p->conditions[c], 0,
				&p->alternatives_of_rules[n]};
			while (c < end && p->conditions[c].key == places[n].conditions->key) {
				places[n].n++;
				c++;
			}
		}
		m->n_alternatives = &p->alternatives_of_rules[n] - m->alternatives;
	}
	return n;
}

int alternatives_index(struct policy *p)
{
	_cleanup_free_ struct place *places = calloc(p->n_conditions + 1, sizeof(*places));
	size_t n, last = 0;

	p->alternatives = calloc(p->n_conditions + 1, sizeof(*p->alternatives));
	p->alternatives_of_rules = calloc(p->n_conditions + 1, sizeof(*p->alternatives_of_rules));
	if (!places || !p->alternatives || !p->alternatives_of_rules)
		return -ENOMEM;
	n = collect(p, places);
	qsort(places, n, sizeof(*places), compare_places);
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || compare_places(&places[last], &places[i]) != 0) {
			p->alternatives[p->n_alternatives++] =
				(struct alternatives){places[i].conditions, places[i].n};
			last = i;
		}
		*places[i].number = p->n_alternatives - 1;
	}
	return 0;
}
