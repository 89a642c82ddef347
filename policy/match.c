/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Matching. The facts of a request are brought into the form of the conditions once. A rule then
 * costs a look at what is known of its alternatives already, and a few operations on words for
 * those that no rule before it had.
 */
#include <string.h>

#include "base/text.h"
#include "policy/internal.h"

/* Alternatives beyond these are looked at anew for each rule. */
#define KNOWN_MAX 4096

enum known { NOT_KNOWN, MATCHES, DIFFERS };

struct facts {
	const struct policy_client *client;
	uint32_t number[MATCH_KEY_N];
	struct glob_text text[MATCH_KEY_N]; /* NULL matches no text condition; number is the hash */
	char id[sizeof("8086:0a54")];
	char class_code[sizeof("020000")];
};

/* One walk through the rules. */
struct search {
	const struct policy *policy;
	struct facts facts;
	uint64_t pairs;           /* of all the facts' texts together */
	unsigned unknown;         /* bits of enum match_key: facts that nobody knows */
	uint8_t known[KNOWN_MAX]; /* enum known by number of alternatives; the used ones are set */
};

static void put_hex(char *to, uint32_t value, int digits)
{
	for (int i = digits - 1; i >= 0; i--, value >>= 4)
		to[i] = "0123456789abcdef"[value & 0xf];
}

static void put_text(struct facts *f, enum match_key key, const char *s)
{
	if (!s)
		return;
	f->text[key] = glob_text_of(s);
	f->number[key] = text_hash(s);
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
	f->text[MATCH_ID] = glob_text_of(f->id);
	f->text[MATCH_CLASS] = glob_text_of(f->class_code);
	put_text(f, MATCH_DEVICE, d->address);
	put_text(f, MATCH_PHYSICAL_FUNCTION, d->physical_function);
	put_text(f, MATCH_CURRENT_DRIVER, d->driver);
	put_text(f, MATCH_UNIT, client->unit);
}

static void search_init(struct search *s, const struct policy *p,
	const struct policy_client *client, const struct policy_device *d)
{
	s->policy = p;
	facts_init(&s->facts, client, d);
	s->pairs = 0;
	s->unknown = 0;
	for (unsigned key = 0; key < MATCH_KEY_N; key++)
		s->pairs |= s->facts.text[key].pairs;
	if (!client->groups_known)
		s->unknown |= 1U << MATCH_GROUP;
	if (!client->unit_known)
		s->unknown |= 1U << MATCH_UNIT;
	/* No rule is told by the text that a unit would have to have. */
	if (!client->unit_known)
		s->pairs = UINT64_MAX;
	memset(s->known, NOT_KNOWN, p->n_alternatives < KNOWN_MAX ? p->n_alternatives : KNOWN_MAX);
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
	const struct glob_text *t = &f->text[c->key];

	if (c->kind == CONDITION_GLOB)
		return glob_may_match(&c->glob, t) && t->text && glob_matches(c->text, t->text);
	if (c->key == MATCH_GROUP)
		return group_matches(c, f);
	if ((f->number[c->key] & c->mask) != c->value)
		return false;
	return c->kind == CONDITION_NUMBER || streq(c->text, t->text);
}

static bool any_matches(const struct alternatives *a, const struct facts *f)
{
	for (size_t i = 0; i < a->n; i++)
		if (condition_matches(&a->conditions[i], f))
			return true;
	return false;
}

static bool alternatives_match(struct search *s, uint32_t number)
{
	const struct alternatives *a = &s->policy->alternatives[number];

	if (s->unknown && s->unknown & 1U << a->conditions->key)
		return true;
	if (number >= KNOWN_MAX)
		return any_matches(a, &s->facts);
	if (s->known[number] == NOT_KNOWN)
		s->known[number] = any_matches(a, &s->facts) ? MATCHES : DIFFERS;
	return s->known[number] == MATCHES;
}

static enum verdict access_of(const struct policy_rule *rule, const struct policy_client *client)
{
	bool own = rule->match && rule->match->own_terms & 1U << TERM_ACCESS;

	return client->uid == 0 && !own ? VERDICT_ALLOW : rule->terms.access;
}

/*
 * Of each key that is there, at least one alternative. What nobody knows must not get a client past
 * a denial, nor to a device.
 */
static bool rule_matches(struct search *s, size_t rule)
{
	const struct rule_match *m = &s->policy->matches[rule];

	if (m->keys & s->unknown &&
		access_of(&s->policy->rules[rule], s->facts.client) != VERDICT_DENY)
		return false;
	for (size_t i = 0; i < m->n_alternatives; i++)
		if (!alternatives_match(s, m->alternatives[i]))
			return false;
	return true;
}

/* The first rule from there on that matches, or n_rules. */
static size_t next_match(struct search *s, size_t rule)
{
	const struct policy *p = s->policy;

	/* Most rules are told by what they demand, without a look at their conditions. */
	while (rule < p->n_rules && ((p->demands[rule] & ~s->pairs) || !rule_matches(s, rule)))
		rule++;
	return rule;
}

const struct policy_rule *policy_match(const struct policy *p, const struct policy_client *client,
	const struct policy_device *device, enum verdict *ret_access)
{
	const struct policy_rule *rule;
	struct search s;
	size_t i;

	search_init(&s, p, client, device);
	i = next_match(&s, 0);
	rule = i < p->n_rules ? &p->rules[i] : &p->defaults;
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
	struct search s;

	search_init(&s, p, client, device);
	for (size_t i = next_match(&s, 0); i < p->n_rules; i = next_match(&s, i + 1)) {
		const struct policy_rule *rule = &p->rules[i];

		if (access_of(rule, client) != VERDICT_DENY)
			return NULL;
		if (rule->names_device)
			return rule;
	}
	return NULL;
}
