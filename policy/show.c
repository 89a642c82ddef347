/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The policy as it takes effect: each value with the place that it comes from, and all of them in
 * the form of a policy file. Reading that text again gives the same policy; so an Access that comes
 * from [Defaults] is only told in a comment, for it is the one that root bypasses.
 */
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "policy/internal.h"
#include "policy/keys.h"

#define WIDTH 79

static char *match_value(const struct policy *p, const struct rule_match *m, unsigned number)
{
	_cleanup_text_ struct text t = {0};

	for (size_t i = m->first; i < m->first + m->n; i++)
		if (p->conditions[i].key == number)
			text_appendf(&t, "%s%s", t.size > 0 ? " " : "", p->conditions[i].text);
	return text_steal(&t);
}

static char *term_value(const struct policy_key *key, const struct policy_terms *terms)
{
	_cleanup_text_ struct text t = {0};

	text_append(&t, "");
	policy_key_print(key, &t, terms);
	return text_steal(&t);
}

static int each_of_rule(const struct policy *p, const struct policy_rule *rule,
	const struct rule_match *m, const unsigned *lines, policy_item_fn fn, void *userdata)
{
	int r = 0;

	for (size_t i = 0; i < policy_keys_n && r >= 0; i++) {
		const struct policy_key *key = &policy_keys[i];
		const struct origin *d = &p->default_origins[i];
		struct policy_item item = {rule, key->name, NULL, rule->file, 0, false};
		_cleanup_free_ char *value = NULL;

		if (key->type == KEY_MATCH && !(m && m->keys & 1U << key->number))
			continue;
		value = key->type == KEY_MATCH ? match_value(p, m, key->number)
					       : term_value(key, &rule->terms);
		if (!value)
			return -ENOMEM;
		item.value = value;
		item.line = lines ? lines[i] : 0;
		item.inherited = lines && item.line == 0;
		if (item.line == 0) {
			item.file = d->file ? d->file : "built-in";
			item.line = d->line;
		}
		r = fn(&item, userdata);
	}
	return r;
}

int policy_each_item(const struct policy *p, policy_item_fn fn, void *userdata)
{
	int r = each_of_rule(p, &p->defaults, NULL, NULL, fn, userdata);

	for (size_t i = 0; i < p->n_rules && r >= 0; i++)
		r = each_of_rule(p, &p->rules[i], &p->matches[i], p->lines[i], fn, userdata);
	return r;
}

/* Lists that are longer than a line go on with the key given again. */
void policy_item_wrap(struct text *t, const struct policy_item *item, size_t width)
{
	const char *s = item->value;

	do {
		size_t space = width - strlen(item->key) - 1, n = strlen(s);

		if (n > space) {
			for (n = space; n > 0 && s[n] != ' '; n--)
				;
			if (n == 0)
				n = strcspn(s, " ");
		}
		text_appendf(t, "%s=%.*s\n", item->key, (int)n, s);
		s += n;
		s += *s == ' ';
	} while (*s);
}

struct writer {
	struct text text;
	const struct policy_rule *section;
};

static int write_item(const struct policy_item *item, void *userdata)
{
	struct writer *w = userdata;

	if (item->rule != w->section && *item->rule->name)
		text_appendf(&w->text, "\n[Rule %s]\n", item->rule->name);
	else if (item->rule != w->section)
		text_append(&w->text, "[Defaults]\n");
	w->section = item->rule;
	if (item->inherited && streq(item->key, "Access"))
		text_append(&w->text, "# from [Defaults]: ");
	policy_item_wrap(&w->text, item, WIDTH);
	return w->text.failed ? -ENOMEM : 0;
}

char *policy_to_text(const struct policy *p)
{
	struct writer w = {0};

	if (policy_each_item(p, write_item, &w) < 0)
		text_done(&w.text);
	return text_steal(&w.text);
}
