/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs a scenario and compares. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "core/codes.h"
#include "machine.h"
#include "scenario.h"

#define USES_MAX 8

static const char *const kinds[] = {
	[CLAIM_LEASED] = "leased",
	[CLAIM_RESERVED] = "reserved",
	[CLAIM_RELEASING] = "releasing",
	[CLAIM_QUARANTINED] = "quarantined",
	[CLAIM_STUCK] = "stuck",
	[CLAIM_SAME_UID] = "same-uid",
};

static size_t count_leases(void *userdata, uid_t uid, const char *rule)
{
	const struct scenario *s = userdata;

	cr_expect_eq(uid, s->uid);
	return s->held_leases;
}

static size_t count_devices(void *userdata, uid_t uid, const char *rule)
{
	const struct scenario *s = userdata;

	return s->held_devices;
}

static struct claim parse_claim(char *word)
{
	struct claim claim = {.address = strtok(word, ",")};
	const char *kind = strtok(NULL, ",");
	const char *lease = strtok(NULL, ",");
	const char *uid = strtok(NULL, ","), *exclusive = strtok(NULL, ",");
	size_t k = 0;

	cr_assert(uid);
	while (k < ARRAY_SIZE(kinds) && !streq(kinds[k], kind))
		k++;
	cr_assert_lt(k, ARRAY_SIZE(kinds));
	claim.kind = k;
	claim.lease = streq(lease, "-") ? NULL : lease;
	claim.owner = atoi(uid);
	claim.exclusive = exclusive != NULL;
	return claim;
}

static struct host_use_facts *find_facts(struct host_use_facts **items, size_t *n,
	const char *address)
{
	for (size_t i = 0; i < *n; i++)
		if (streq(items[i]->address, address))
			return items[i];
	cr_assert_lt(*n, USES_MAX);
	cr_assert_eq(host_use_facts_new(address, &items[*n]), 0);
	return items[(*n)++];
}

static void parse_uses(const char *text, struct host_use_facts **items, size_t *n)
{
	_cleanup_strv_free_ char **words = NULL;

	cr_assert_eq(strv_split(&words, text), 0);
	for (char **word = words; *word; word++) {
		struct host_use_facts *f = find_facts(items, n, strtok(*word, ","));
		const char *class = strtok(NULL, ","), *detail = strtok(NULL, ",");

		if (streq(class, "none"))
			continue;
		cr_assert(detail && host_use_class_from_string(class) >= 0);
		cr_assert_eq(host_use_add(f, host_use_class_from_string(class), "%s", detail), 0);
	}
}

static int compare_claims(const void *a, const void *b)
{
	return strcmp(((const struct claim *)a)->address, ((const struct claim *)b)->address);
}

void scenario_run(const struct scenario *s, struct outcome *ret)
{
	_cleanup_strv_free_ char **claim_words = NULL, **devices = NULL;
	struct claim items[16];
	struct claims claims = {items, 0, count_leases, count_devices, (void *)s};
	struct policy_client client = {.uid = s->uid};
	struct request request = s->request;
	struct host_use_facts *facts[USES_MAX];
	struct host_uses uses = {facts, 0};

	*ret = (struct outcome){0};
	cr_assert_eq(strv_split(&claim_words, s->claims ? s->claims : ""), 0);
	for (size_t i = 0; claim_words[i]; i++)
		items[claims.n++] = parse_claim(claim_words[i]);
	qsort(items, claims.n, sizeof(*items), compare_claims);
	if (s->devices)
		cr_assert_eq(strv_split(&devices, s->devices), 0);
	request.devices = devices;
	ret->topology = machine_new(s->machine);
	ret->policy = machine_policy(s->policy ? s->policy : ALLOW_ALL);
	if (s->uses)
		parse_uses(s->uses, facts, &uses.n);
	cr_assert_eq(decide(ret->topology, ret->policy, &claims, s->uses ? &uses : NULL, &client,
			     s->told ? (uid_t)atoi(s->told) : s->uid, &request, &ret->decision), 0);
	for (size_t i = 0; i < uses.n; i++)
		host_use_facts_free(facts[i]);
}

void outcome_done(struct outcome *o)
{
	decision_free(o->decision);
	policy_free(o->policy);
	topology_unref(o->topology);
}

static char *refusing_codes(const struct decision *d)
{
	struct text t = {0};

	text_append(&t, "");
	for (size_t i = 0; i < d->findings.n; i++)
		if (d->findings.items[i].severity == SEVERITY_REFUSE)
			text_appendf(&t, "%s%s", t.size ? " " : "", d->findings.items[i].code);
	return text_steal(&t);
}

static bool has_code(const struct decision *d, const char *code)
{
	for (size_t i = 0; i < d->findings.n; i++)
		if (streq(d->findings.items[i].code, code))
			return true;
	return false;
}

static bool says(const struct decision *d, const char *part)
{
	for (size_t i = 0; i < d->findings.n; i++)
		if (strstr(d->findings.items[i].text, part) ||
			strstr(d->findings.items[i].help, part))
			return true;
	return false;
}

static char *all_text(const struct decision *d)
{
	struct text t = {0};

	text_append(&t, "");
	for (size_t i = 0; i < d->findings.n; i++)
		text_appendf(&t, "\n  %s %s: %s (%s)", d->findings.items[i].code,
			d->findings.items[i].device, d->findings.items[i].text,
			d->findings.items[i].help);
	return text_steal(&t);
}

static char *peers_text(const struct decision *d)
{
	struct text t = {0};

	text_append(&t, "");
	for (size_t i = d->n_devices; i < d->n_all; i++)
		text_appendf(&t, "%s%s:%s%s%s%s", t.size ? " " : "", d->devices[i].device->address,
			d->devices[i].peer & PEER_GROUP ? "G" : "",
			d->devices[i].peer & PEER_RESET ? "R" : "",
			d->devices[i].peer & PEER_BIND ? "B" : "",
			d->devices[i].peer & PEER_VF ? "V" : "");
	return text_steal(&t);
}

/* What holds of every decision, whatever it is about. */
static void check_shape(const struct scenario *s, const struct decision *d)
{
	bool refused = findings_refusal(&d->findings) != REFUSAL_NONE;

	cr_expect_eq(refused, d->verdict == VERDICT_DENY, "%s: refusal without deny", s->name);
	cr_expect_eq(refused, d->refusal != REFUSAL_NONE, "%s: deny without refusal", s->name);
	if (!refused) {
		cr_expect_neq(d->backend, BACKEND_ANY, "%s", s->name);
		cr_expect_neq((int)d->handover, 0, "%s", s->name);
	}
	for (size_t i = 0; i < d->findings.n; i++) {
		const struct finding *f = &d->findings.items[i];
		bool known = false;

		for (int k = 0; k < CODE_N; k++)
			known |= f->code == code_info(k)->name;
		cr_expect(known, "%s: %s is not in the table", s->name, f->code);
		cr_expect_gt(strlen(f->text), 0);
		cr_expect_neq(f->text[strlen(f->text) - 1], '.', "%s: %s", s->name, f->text);
		if (f->severity == SEVERITY_REFUSE)
			cr_expect(f->help[0] || f->refusal == REFUSAL_DENIED ||
				f->refusal == REFUSAL_NOT_SUPPORTED, "%s: %s does not help",
				s->name, f->code);
	}
	for (size_t i = 0; i < d->n_all; i++)
		cr_expect(d->findings.n == 0 || refused || d->devices[i].members);
}

void scenario_check(const struct scenario *s, const struct outcome *o)
{
	const struct decision *d = o->decision;
	_cleanup_free_ char *codes = refusing_codes(d), *text = all_text(d), *peers = peers_text(d);
	_cleanup_strv_free_ char **also = NULL;

	cr_expect_eq(d->verdict, s->verdict, "%s: verdict %s%s", s->name,
		verdict_to_string(d->verdict), text);
	cr_expect_eq(d->refusal, s->refusal, "%s: refusal %d%s", s->name, d->refusal, text);
	cr_expect(streq(codes, s->refusals ? s->refusals : ""), "%s: refused by \"%s\"%s", s->name,
		codes, text);
	cr_assert_eq(strv_split(&also, s->also ? s->also : ""), 0);
	for (char **code = also; *code; code++)
		cr_expect(has_code(d, *code), "%s: no %s%s", s->name, *code, text);
	if (s->says)
		cr_expect(says(d, s->says), "%s: nobody says \"%s\"%s", s->name, s->says, text);
	if (s->peers)
		cr_expect(streq(peers, s->peers), "%s: peers \"%s\"%s", s->name, peers, text);
	check_shape(s, d);
}
