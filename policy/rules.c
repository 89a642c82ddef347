/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sections and keys of one file after the other into one policy. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "policy/errors.h"
#include "policy/hint.h"
#include "policy/ini.h"
#include "policy/loader.h"

/* More than this in one file and it is not a policy at all. */
#define FILE_ERRORS_MAX 100
#define RULE_NAME_MAX 100

int loader_problem(struct loader *l, unsigned line, unsigned column, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list args;
	int n;

	va_start(args, format);
	n = vasprintf(&text, format, args);
	va_end(args);
	if (n < 0) {
		text = NULL;
		return -ENOMEM;
	}
	return policy_errors_add(l->errors, false, l->file, line, column, "%s", text);
}

static int compare_conditions(const void *a, const void *b)
{
	const struct condition *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static void end_defaults(struct loader *l)
{
	struct policy *p = l->policy;

	policy_terms_copy(&p->defaults.terms, &l->terms, l->given);
	for (size_t i = 0; i < policy_keys_n; i++)
		if (l->first_line[i] > 0)
			p->default_origins[i] = (struct origin){l->file, l->first_line[i]};
}

/* What can only be said when the whole section is known. */
static int end_section(struct loader *l)
{
	struct policy *p = l->policy;
	enum section section = l->section;
	struct rule_match *m;
	struct policy_rule *rule;

	l->section = SECTION_NONE;
	if (section == SECTION_DEFAULTS)
		end_defaults(l);
	if (section != SECTION_RULE)
		return 0;
	m = &p->matches[p->n_rules - 1];
	rule = &p->rules[p->n_rules - 1];
	m->n = p->n_conditions - m->first;
	if (m->n > 0)
		qsort(p->conditions + m->first, m->n, sizeof(*p->conditions), compare_conditions);
	m->own_terms = l->given;
	memcpy(p->lines[p->n_rules - 1], l->first_line, sizeof(*p->lines));
	rule->terms = l->terms;
	rule->names_device = m->keys & 1U << MATCH_DEVICE;
	if (l->unit.line > 0 && !(m->keys & 1U << MATCH_USER))
		return loader_problem(l, l->unit.line, l->unit.column,
			"Unit= needs User= in the same rule: the process id that a unit is "
			"found by can be stale");
	return 0;
}

int loader_add_condition(struct loader *l, struct condition *c)
{
	struct policy *p = l->policy;

	if (!array_reserve(p->conditions, p->n_conditions)) {
		free(c->text);
		return -ENOMEM;
	}
	c->order = p->n_conditions;
	p->conditions[p->n_conditions++] = *c;
	p->matches[p->n_rules - 1].keys |= 1U << c->key;
	return 0;
}

/* What is allowed in a rule's name is safe in logs, on terminals and in the policy's own text. */
static const char *check_rule_name(const char *name)
{
	if (!*name)
		return "a rule needs a name: [Rule NAME]";
	if (strlen(name) > RULE_NAME_MAX)
		return "the rule's name is longer than 100 bytes";
	for (const char *s = name; *s; s++)
		if (*s < ' ' || *s > '~' || strchr("[]\"\\=#;", *s))
			return "a rule's name is printable ASCII without [ ] \" \\ = # ;";
	return NULL;
}

static int begin_rule(struct loader *l, const struct ini_item *it, const char *name)
{
	struct policy *p = l->policy;
	const char *problem = check_rule_name(name);
	uint32_t hash = text_hash(name);
	struct policy_rule *rule;

	if (problem) {
		l->section = SECTION_SKIP;
		return loader_problem(l, it->line, it->column, "%s", problem);
	}
	for (size_t i = 0; i < p->n_rules; i++) {
		const struct policy_rule *other = &p->rules[i];
		int r;

		if (p->matches[i].name_hash != hash || !streq(other->name, name))
			continue;
		r = loader_problem(l, it->line, it->column,
			"there is a rule '%s' already, at %s:%u", name, other->file, other->line);
		if (r < 0)
			return r;
		break;
	}
	if (!array_reserve(p->rules, p->n_rules) || !array_reserve(p->matches, p->n_rules) ||
		!array_reserve(p->lines, p->n_rules))
		return -ENOMEM;
	rule = &p->rules[p->n_rules];
	*rule = (struct policy_rule){.file = (char *)l->file, .line = it->line};
	if (strdup_to(&rule->name, name) < 0)
		return -ENOMEM;
	p->matches[p->n_rules++] = (struct rule_match){
		.first = p->n_conditions,
		.name_hash = hash,
	};
	l->section = SECTION_RULE;
	return 0;
}

static int begin_section(struct loader *l, const struct ini_item *it)
{
	static const char *const names[] = {"Defaults", "Rule"};
	size_t n = strcspn(it->name, " \t");
	_cleanup_free_ char *word = strndup(it->name, n);
	_cleanup_free_ char *shown = escape_text(it->name, RULE_NAME_MAX);
	const char *rest = it->name + n + strspn(it->name + n, " \t"), *nearest;

	if (!word || !shown)
		return -ENOMEM;
	memset(&l->terms, 0, sizeof(l->terms));
	memset(l->first_line, 0, sizeof(l->first_line));
	l->given = 0;
	l->unit = (struct word){0};
	if (streq(word, "Rule"))
		return begin_rule(l, it, rest);
	if (streq(word, "Defaults") && !*rest) {
		l->section = SECTION_DEFAULTS;
		l->policy->defaults.file = (char *)l->file;
		l->policy->defaults.line = it->line;
		return 0;
	}
	l->section = SECTION_SKIP;
	nearest = hint_nearest(word, names, ARRAY_SIZE(names));
	if (nearest)
		return loader_problem(l, it->line, it->column,
			"unknown section [%s] (did you mean [%s]?)", shown,
			streq(nearest, "Rule") ? "Rule NAME" : nearest);
	return loader_problem(l, it->line, it->column,
		"unknown section [%s]; there are [Defaults] and [Rule NAME]", shown);
}

static int unknown_key(struct loader *l, const struct ini_item *it)
{
	_cleanup_free_ char *shown = escape_text(it->name, 64);
	const struct policy_key *nearest = policy_key_nearest(it->name);

	if (!shown)
		return -ENOMEM;
	if (nearest)
		return loader_problem(l, it->line, it->column,
			"unknown key '%s' (did you mean '%s'?)", shown, nearest->name);
	return loader_problem(l, it->line, it->column, "unknown key '%s'", shown);
}

/* Each word by itself, with its own column. */
static int read_words(struct loader *l, const struct policy_key *key, const struct ini_item *it)
{
	_cleanup_free_ char *value = strdup(it->value);
	bool first = true;

	if (!value)
		return -ENOMEM;
	for (char *s = value + strspn(value, " \t"); *s;) {
		size_t n = strcspn(s, " \t");
		struct word w = {s, it->line, it->value_column + (s - value)};
		char *next = s + n + strspn(s + n, " \t");
		int r;

		s[n] = '\0';
		if (!first && !key->list)
			return loader_problem(l, w.line, w.column, "%s= takes one value",
				key->name);
		r = key->parse(l, key, &w);
		if (r < 0)
			return r;
		first = false;
		s = next;
	}
	return 0;
}

static int read_entry(struct loader *l, const struct ini_item *it)
{
	const struct policy_key *key = policy_key_find(it->name);
	unsigned *first_line;

	if (l->section == SECTION_SKIP)
		return 0;
	if (!key)
		return unknown_key(l, it);
	if (l->section == SECTION_NONE)
		return loader_problem(l, it->line, it->column,
			"%s= stands before any section; expected [Defaults] or [Rule NAME]",
			key->name);
	if (key->type == KEY_MATCH && l->section == SECTION_DEFAULTS)
		return loader_problem(l, it->line, it->column,
			"%s= is for [Rule NAME] only, [Defaults] match everything", key->name);
	first_line = &l->first_line[key - policy_keys];
	if (key->type == KEY_TERM && *first_line > 0)
		return loader_problem(l, it->line, it->column,
			"%s= is given twice in this section, first on line %u",
			key->name, *first_line);
	if (*first_line == 0)
		*first_line = it->line;
	if (!*it->value && *key->values)
		return loader_problem(l, it->line, it->value_column, "%s= has no value", key->name);
	if (key->type == KEY_TERM)
		l->given |= 1U << key->number;
	return read_words(l, key, it);
}

static int read_item(struct loader *l, const struct ini_item *it)
{
	int r;

	switch (it->kind) {
	case INI_SECTION:
		r = end_section(l);
		return r < 0 ? r : begin_section(l, it);
	case INI_ENTRY:
		return read_entry(l, it);
	case INI_ERROR:
		if (it->header) {
			r = end_section(l);
			if (r < 0)
				return r;
			l->section = SECTION_SKIP;
		}
		return loader_problem(l, it->line, it->column, "%s", it->problem);
	case INI_END:
		break;
	}
	return end_section(l);
}

static int remember_file(struct loader *l, const char *shown, const char *text, size_t size)
{
	struct policy *p = l->policy;
	_cleanup_free_ char *copy = strndup(text ? text : "", size);
	int r = strv_append(&p->files, shown);

	if (r < 0)
		return r;
	l->file = p->files[p->n_files++];
	text_appendf(&l->text, "# %s\n", shown);
	text_append(&l->text, copy ? copy : "");
	if (size > 0 && text[size - 1] != '\n')
		text_append(&l->text, "\n");
	return copy && !l->text.failed ? 0 : -ENOMEM;
}

int loader_read(struct loader *l, const char *shown, const char *text, size_t size)
{
	size_t first = l->errors->n;
	struct ini_item it;
	struct ini in;
	int r = remember_file(l, shown, text, size);

	if (r < 0)
		return r;
	ini_init(&in, text, size);
	do {
		ini_next(&in, &it);
		r = read_item(l, &it);
		if (r >= 0 && l->errors->n - first >= FILE_ERRORS_MAX && it.kind != INI_END) {
			r = loader_problem(l, it.line, 1, "too many errors, the rest is not read");
			it.kind = INI_END;
		}
	} while (r >= 0 && it.kind != INI_END);
	l->section = SECTION_NONE;
	policy_errors_sort_from(l->errors, first);
	return r;
}
