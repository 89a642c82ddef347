/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Matching. The facts of a request are brought into the conditions' form once; then a rule costs
 * a few comparisons of numbers that lie side by side.
 */
#include <fnmatch.h>
#include <string.h>

#include "base/text.h"
#include "policy/internal.h"

struct facts {
	const struct policy_client *client;
	uint32_t number[MATCH_KEY_N];
	const char *text[MATCH_KEY_N]; /* NULL matches no text condition; its number is the hash */
	char id[sizeof("8086:0a54")];
	char class_code[sizeof("020000")];
};

bool glob_matches(const char *pattern, const char *text)
{
	return fnmatch(pattern, text, FNM_NOESCAPE) == 0;
}

static void put_hex(char *to, uint32_t value, int digits)
{
	for (int i = digits - 1; i >= 0; i--, value >>= 4)
		to[i] = "0123456789abcdef"[value & 0xf];
}

static void put_text(struct facts *f, enum match_key key, const char *s)
{
	f->text[key] = s;
	f->number[key] = s ? text_hash(s) : 0;
}

static void facts_init(struct facts *f, const struct policy_client *client,
	const struct policy_device *d)
{
	memset(f, 0, sizeof(*f));
	f->client = client;
	f->number[MATCH_USER] = client->uid;
	f->number[MATCH_ID] = (uint32_t)d->vendor << 16 | d->device;
	f->number[MATCH_CLASS] = d->class_code & 0xffffff;
	f->number[MATCH_NUMA_NODE] = d->numa_node < 0 ? UINT32_MAX : (uint32_t)d->numa_node;
	put_hex(f->id, d->vendor, 4);
	f->id[4] = ':';
	put_hex(f->id + 5, d->device, 4);
	put_hex(f->class_code, d->class_code, 6);
	f->text[MATCH_ID] = f->id;
	f->text[MATCH_CLASS] = f->class_code;
	put_text(f, MATCH_DEVICE, d->address);
	put_text(f, MATCH_PHYSICAL_FUNCTION, d->physical_function);
	put_text(f, MATCH_CURRENT_DRIVER, d->driver);
	put_text(f, MATCH_UNIT, client->unit);
}

static bool group_matches(const struct condition *c, const struct facts *f)
{
	for (size_t i = 0; i < f->client->n_gids; i++)
		if (f->client->gids[i] == c->value)
			return true;
	return false;
}

static bool condition_matches(const struct condition *c, const struct facts *f)
{
	const char *text = f->text[c->key];

	if (c->key == MATCH_GROUP)
		return group_matches(c, f);
	if ((f->number[c->key] & c->mask) != c->value)
		return false;
	if (c->kind == CONDITION_NUMBER)
		return true;
	if (!text)
		return false;
	return c->kind == CONDITION_EXACT ? streq(c->text, text) : glob_matches(c->text, text);
}

/* Of each key that is there, at least one alternative. */
static bool rule_matches(const struct policy *p, const struct rule_match *m, const struct facts *f)
{
	const size_t end = m->first + m->n;

	for (size_t i = m->first; i < end;) {
		unsigned key = p->conditions[i].key;
		bool found = false;

		for (; i < end && p->conditions[i].key == key; i++)
			found = found || condition_matches(&p->conditions[i], f);
		if (!found)
			return false;
	}
	return true;
}

static enum verdict access_of(const struct policy_rule *rule, const struct policy_client *client)
{
	bool own = rule->match && rule->match->own_terms & 1U << TERM_ACCESS;

	return client->uid == 0 && !own ? VERDICT_ALLOW : rule->terms.access;
}

const struct policy_rule *policy_match(const struct policy *p, const struct policy_client *client,
	const struct policy_device *device, enum verdict *ret_access)
{
	const struct policy_rule *rule = &p->defaults;
	struct facts f;

	facts_init(&f, client, device);
	for (size_t i = 0; i < p->n_rules; i++)
		if (rule_matches(p, &p->matches[i], &f)) {
			rule = &p->rules[i];
			break;
		}
	*ret_access = access_of(rule, client);
	return rule;
}

/*
 * A denial that is not by name does not end the search, since a later rule may name the device;
 * a rule that would let the client have the device does.
 */
const struct policy_rule *policy_denies_by_name(const struct policy *p,
	const struct policy_client *client, const struct policy_device *device)
{
	struct facts f;

	facts_init(&f, client, device);
	for (size_t i = 0; i < p->n_rules; i++) {
		const struct policy_rule *rule = &p->rules[i];

		if (!rule_matches(p, &p->matches[i], &f))
			continue;
		if (access_of(rule, client) != VERDICT_DENY)
			return NULL;
		if (rule->names_device)
			return rule;
	}
	return NULL;
}
