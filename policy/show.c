/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The policy as it takes effect, in the form of a policy file. Reading that text again gives the
 * same policy; so an Access that comes from [Defaults] is only told in a comment, for it is the
 * one that root bypasses.
 */
#include <string.h>

#include "base/text.h"
#include "policy/internal.h"
#include "policy/keys.h"

#define WIDTH 79

static void print_match(struct text *t, const struct policy *p, const struct rule_match *m,
	const struct policy_key *key)
{
	size_t width = 0;

	for (size_t i = m->first; i < m->first + m->n; i++) {
		const struct condition *c = &p->conditions[i];
		size_t n = strlen(c->text);

		if (c->key != key->number)
			continue;
		if (width > 0 && width + 1 + n > WIDTH) {
			text_append(t, "\n");
			width = 0;
		}
		if (width == 0) {
			text_appendf(t, "%s=%s", key->name, c->text);
			width = strlen(key->name) + 1 + n;
		} else {
			text_appendf(t, " %s", c->text);
			width += 1 + n;
		}
	}
	if (width > 0)
		text_append(t, "\n");
}

static void print_terms(struct text *t, const struct policy_terms *terms, unsigned own)
{
	for (size_t i = 0; i < policy_keys_n; i++) {
		const struct policy_key *key = &policy_keys[i];

		if (key->type != KEY_TERM)
			continue;
		if (key->number == TERM_ACCESS && !(own & 1U << TERM_ACCESS))
			text_append(t, "# from [Defaults]: ");
		text_appendf(t, "%s=", key->name);
		policy_key_print(key, t, terms);
		text_append(t, "\n");
	}
}

char *policy_to_text(const struct policy *p)
{
	_cleanup_text_ struct text t = {0};

	text_append(&t, "[Defaults]\n");
	print_terms(&t, &p->defaults.terms, TERMS_ALL);
	for (size_t i = 0; i < p->n_rules; i++) {
		text_appendf(&t, "\n[Rule %s]\n", p->rules[i].name);
		for (size_t k = 0; k < policy_keys_n; k++)
			if (policy_keys[k].type == KEY_MATCH)
				print_match(&t, p, &p->matches[i], &policy_keys[k]);
		print_terms(&t, &p->rules[i].terms, p->matches[i].own_terms);
	}
	return text_steal(&t);
}
