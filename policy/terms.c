/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading and printing what a rule decides. */
#include <errno.h>
#include <string.h>

#include "policy/hint.h"
#include "policy/loader.h"
#include "policy/terms.h"

int key_bad_word(struct loader *l, const struct policy_key *key, const struct word *w,
	const char *problem)
{
	_cleanup_free_ char *shown = escape_text(w->text, 64);

	if (!shown)
		return -ENOMEM;
	return loader_problem(l, w->line, w->column, "%s=: '%s': %s", key->name, shown, problem);
}

/* Whether a list as in the table, "one, two", has the word; "*" is any. */
static bool list_has(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *s = list; s && *s;) {
		size_t length = strcspn(s, ",");

		if ((length == n && memcmp(s, word, n) == 0) || (length == 1 && *s == '*'))
			return true;
		s += length;
		s += strspn(s, ", ");
	}
	return false;
}

static int not_supported(struct loader *l, const struct policy_key *key, const struct word *w)
{
	_cleanup_free_ char *shown = escape_text(w->text, 64);

	if (!shown)
		return -ENOMEM;
	return loader_problem(l, w->line, w->column,
		"%s=: '%s' is not supported by this version, which knows: %s", key->name, shown,
		*key->values ? key->values : "the empty value");
}

static int bad_choice(struct loader *l, const struct policy_key *key, const struct word *w)
{
	_cleanup_free_ char *shown = escape_text(w->text, 64), *words = strdup(key->values);
	const char *nearest;

	if (!shown || !words)
		return -ENOMEM;
	if (list_has(key->later, w->text))
		return not_supported(l, key, w);
	nearest = hint_nearest_listed(w->text, words);
	if (nearest)
		return loader_problem(l, w->line, w->column,
			"%s=: '%s' is not one of: %s (did you mean '%s'?)", key->name, shown,
			key->values, nearest);
	return loader_problem(l, w->line, w->column, "%s=: '%s' is not one of: %s", key->name,
		shown, key->values);
}

int term_parse_only(struct loader *l, const struct policy_key *key, const struct word *w)
{
	return streq(w->text, key->values) ? 0 : bad_choice(l, key, w);
}

int term_parse_access(struct loader *l, const struct policy_key *key, const struct word *w)
{
	int v = verdict_from_string(w->text);

	if (v < 0)
		return bad_choice(l, key, w);
	l->terms.access = v;
	return 0;
}

void term_print_access(struct text *t, const struct policy_terms *terms)
{
	text_append(t, verdict_to_string(terms->access));
}

int term_parse_handover(struct loader *l, const struct policy_key *key, const struct word *w)
{
	int v = handover_from_string(w->text);

	if (v < 0 || list_has(key->later, w->text))
		return bad_choice(l, key, w);
	if (l->terms.handovers & v)
		return key_bad_word(l, key, w, "given twice");
	l->terms.handovers |= v;
	l->terms.handover_order[l->terms.n_handovers++] = v;
	return 0;
}

void term_print_handover(struct text *t, const struct policy_terms *terms)
{
	for (size_t i = 0; i < terms->n_handovers; i++)
		text_appendf(t, "%s%s", i > 0 ? " " : "",
			handover_to_string(terms->handover_order[i]));
}

int term_parse_isolation(struct loader *l, const struct policy_key *key, const struct word *w)
{
	int v = isolation_from_string(w->text);

	if (v < 0)
		return bad_choice(l, key, w);
	l->terms.isolation = v;
	return 0;
}

void term_print_isolation(struct text *t, const struct policy_terms *terms)
{
	text_append(t, isolation_to_string(terms->isolation));
}

int term_parse_reset_set(struct loader *l, const struct policy_key *key, const struct word *w)
{
	int v = reset_set_from_string(w->text);

	if (v < 0)
		return bad_choice(l, key, w);
	l->terms.reset_set = v;
	return 0;
}

void term_print_reset_set(struct text *t, const struct policy_terms *terms)
{
	text_append(t, reset_set_to_string(terms->reset_set));
}

int term_parse_host_use(struct loader *l, const struct policy_key *key, const struct word *w)
{
	l->terms.host_use_allow = streq(w->text, "allow");
	if (!l->terms.host_use_allow && !streq(w->text, "refuse"))
		return bad_choice(l, key, w);
	return 0;
}

void term_print_host_use(struct text *t, const struct policy_terms *terms)
{
	text_append(t, terms->host_use_allow ? "allow" : "refuse");
}

int term_parse_backend(struct loader *l, const struct policy_key *key, const struct word *w)
{
	int v = backend_from_string(w->text);

	if (v < 0)
		return bad_choice(l, key, w);
	l->terms.backend = v;
	return 0;
}

void term_print_backend(struct text *t, const struct policy_terms *terms)
{
	text_append(t, backend_to_string(terms->backend));
}

int term_parse_when_free(struct loader *l, const struct policy_key *key, const struct word *w)
{
	int v = when_free_from_string(w->text);

	if (v < 0)
		return bad_choice(l, key, w);
	l->terms.when_free = v;
	return 0;
}

void term_print_when_free(struct text *t, const struct policy_terms *terms)
{
	text_append(t, when_free_to_string(terms->when_free));
}

int term_parse_limit(struct loader *l, const struct policy_key *key, const struct word *w)
{
	uint64_t v = UINT64_MAX;

	if (!streq(w->text, "infinity") && (parse_u64(w->text, &v) < 0 || v == 0))
		return key_bad_word(l, key, w, "expected a number from 1, or infinity");
	if (key->number == TERM_MAX_LEASES)
		l->terms.max_leases = v;
	else
		l->terms.max_devices = v;
	return 0;
}

static void print_limit(struct text *t, uint64_t limit)
{
	if (limit == UINT64_MAX)
		text_append(t, "infinity");
	else
		text_appendf(t, "%llu", (unsigned long long)limit);
}

void term_print_max_leases(struct text *t, const struct policy_terms *terms)
{
	print_limit(t, terms->max_leases);
}

void term_print_max_devices(struct text *t, const struct policy_terms *terms)
{
	print_limit(t, terms->max_devices);
}

void policy_terms_copy(struct policy_terms *to, const struct policy_terms *from, unsigned which)
{
	if (which & 1U << TERM_ACCESS)
		to->access = from->access;
	if (which & 1U << TERM_HANDOVER) {
		to->handovers = from->handovers;
		to->n_handovers = from->n_handovers;
		memcpy(to->handover_order, from->handover_order, sizeof(to->handover_order));
	}
	if (which & 1U << TERM_ISOLATION)
		to->isolation = from->isolation;
	if (which & 1U << TERM_RESET_SET)
		to->reset_set = from->reset_set;
	if (which & 1U << TERM_HOST_USE)
		to->host_use_allow = from->host_use_allow;
	if (which & 1U << TERM_BACKEND)
		to->backend = from->backend;
	if (which & 1U << TERM_WHEN_FREE)
		to->when_free = from->when_free;
	if (which & 1U << TERM_MAX_LEASES)
		to->max_leases = from->max_leases;
	if (which & 1U << TERM_MAX_DEVICES)
		to->max_devices = from->max_devices;
}
