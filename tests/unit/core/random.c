/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Thousands of random requests and releases on random machines under random policies. After each
 * grant all leases together are checked against what must never be, in terms of world.c.
 */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "core/plan.h"
#include "machine.h"
#include "world.h"

#define SEED 0x6465766c65617365ULL
#define WORLDS 500
#define STEPS 40
#define LEASES_MAX 16
#define REQUEST_MAX 4

struct member {
	int device;
	bool requested;
	unsigned peer, reset_set;
	enum isolation isolation;
	const char *driver_before;
};

struct lease {
	bool used;
	uid_t uid;
	char id[16];
	struct member members[WORLD_MAX];
	size_t n;
	const struct policy_rule *rule; /* of the first device */
};

struct game {
	struct rng rng;
	struct world world;
	struct policy *policy;
	struct lease leases[LEASES_MAX];
	struct claim items[WORLD_MAX * 2];
	struct claims claims;
	unsigned serial;
};

static struct {
	unsigned granted, denied, with_peers, by_refusal[REFUSAL_LIMITS_EXCEEDED + 1], stricter;
} totals;

static size_t leases_of(void *userdata, uid_t uid, const char *rule)
{
	struct game *g = userdata;
	size_t n = 0;

	for (size_t i = 0; i < LEASES_MAX; i++)
		n += g->leases[i].used && g->leases[i].uid == uid &&
			streq(g->leases[i].rule->name, rule);
	return n;
}

static int compare_claims(const void *a, const void *b)
{
	return strcmp(((const struct claim *)a)->address, ((const struct claim *)b)->address);
}

static void collect_claims(struct game *g)
{
	size_t n = 0;

	for (size_t i = 0; i < LEASES_MAX; i++)
		for (size_t k = 0; g->leases[i].used && k < g->leases[i].n; k++) {
			const struct member *m = &g->leases[i].members[k];

			g->items[n++] = (struct claim){g->world.devices[m->device].address,
				m->requested ? CLAIM_LEASED : CLAIM_RESERVED, g->leases[i].id,
				g->leases[i].uid};
		}
	qsort(g->items, n, sizeof(*g->items), compare_claims);
	g->claims = (struct claims){g->items, n, leases_of, NULL, g};
}

static struct decision *ask(struct game *g, const struct topology *t, uid_t uid,
	const struct request *request)
{
	struct policy_client client = {.uid = uid};
	struct decision *d = NULL;

	cr_assert_eq(decide(t, g->policy, &g->claims, NULL, &client, request, &d), 0);
	return d;
}

static void random_request(struct game *g, struct request *ret, char **names)
{
	unsigned n = 1 + rng_below(&g->rng, REQUEST_MAX);
	unsigned at = rng_below(&g->rng, g->world.n), got = 0;

	*ret = (struct request){.devices = names};
	/* Neighbours more often than not, since that is where it gets interesting. */
	for (unsigned i = 0; i < n; i++) {
		const struct world_device *d = &g->world.devices[(at + i) % g->world.n];

		if (d->bridge && !rng_one_in(&g->rng, 20))
			continue;
		names[got++] = (char *)d->address;
		if (rng_one_in(&g->rng, 6))
			at = rng_below(&g->rng, g->world.n);
	}
	names[got] = NULL;
	if (rng_one_in(&g->rng, 8))
		ret->handover = rng_one_in(&g->rng, 2) ? HANDOVER_OPENED : HANDOVER_ATTACHED;
	if (rng_one_in(&g->rng, 8))
		ret->backend = BACKEND_LEGACY;
}

/* Every requirement that is added to a request that was denied leaves it denied. */
static void check_monotone(struct game *g, const struct topology *t, uid_t uid,
	const struct request *request)
{
	enum verdict verdicts[8];

	for (unsigned bits = 0; bits < 8; bits++) {
		struct request r = *request;
		_cleanup_decision_free_ struct decision *d = NULL;

		r.reset_set = bits & 3;
		r.isolation = bits & 4 ? ISOLATION_STRICT : ISOLATION_GROUP;
		d = ask(g, t, uid, &r);
		verdicts[bits] = d->verdict;
	}
	for (unsigned bits = 0; bits < 8; bits++)
		for (unsigned more = 1; more < 8; more <<= 1) {
			cr_assert_leq((int)verdicts[bits | more], (int)verdicts[bits],
				"%s: requirements %u permit what %u does not", request->devices[0],
				bits | more, bits);
			totals.stricter += verdicts[bits | more] < verdicts[bits];
		}
}

static void check_same(const struct decision *a, const struct decision *b)
{
	cr_assert_eq(a->verdict, b->verdict);
	cr_assert_eq(a->n_all, b->n_all);
	cr_assert_eq(a->findings.n, b->findings.n);
	for (size_t i = 0; i < a->findings.n; i++) {
		cr_assert_str_eq(a->findings.items[i].code, b->findings.items[i].code);
		cr_assert_str_eq(a->findings.items[i].text, b->findings.items[i].text);
	}
}

static struct member *member_of(struct lease *l, int device)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->members[i].device == device)
			return &l->members[i];
	return NULL;
}

/* Touched by the lease: leased, or put on the vfio driver for it. */
static bool is_touched(const struct member *m)
{
	return m && (m->requested || (m->peer & PEER_RESET));
}

static void check_access(const struct game *g, const struct topology *t, const struct lease *l,
	const struct member *m)
{
	const struct device *d = topology_find(t, g->world.devices[m->device].address);
	struct policy_client client = {.uid = l->uid};
	struct policy_device pd = {d->address, d->vendor, d->device, d->class_code, d->driver,
		d->physical_function, d->numa_node};
	enum verdict access;

	if (m->requested) {
		policy_match(g->policy, &client, &pd, &access);
		cr_assert_neq(access, VERDICT_DENY, "%s", d->address);
	} else {
		cr_assert_null(policy_denies_by_name(g->policy, &client, &pd));
	}
}

static void check_group(struct game *g, struct lease *l, const struct member *m)
{
	const struct world *w = &g->world;
	int group = w->devices[m->device].group;

	cr_assert_geq(group, 0, "%s", w->devices[m->device].address);
	for (int i = 0; i < (int)w->n; i++) {
		if (i == m->device || w->devices[i].group != group || w->devices[i].bridge)
			continue;
		cr_assert(member_of(l, i), "%s without its group mate %s",
			w->devices[m->device].address, w->devices[i].address);
		cr_assert(m->isolation != ISOLATION_STRICT, "%s is not alone",
			w->devices[m->device].address);
	}
	if (m->isolation == ISOLATION_STRICT)
		cr_assert(w->facts.interrupt_remapping == YES && !w->facts.acs_override);
}

static void check_reset(struct game *g, struct lease *l, const struct member *m)
{
	const struct world *w = &g->world;
	bool alone = world_resets_alone(w, m->device);

	cr_assert(alone || !(m->reset_set & RESET_SET_FUNCTION));
	for (int i = 0; (m->reset_set & RESET_SET_EXCLUSIVE) && i < (int)w->n; i++) {
		if (!world_in_reset_set(w, m->device, i))
			continue;
		if (w->devices[i].pf >= 0)
			cr_assert(member_of(l, i) || !w->devices[i].driver, "VF %s is in use",
				w->devices[i].address);
		else
			cr_assert(is_touched(member_of(l, i)), "%s without %s of its reset set",
				w->devices[m->device].address, w->devices[i].address);
	}
}

static void check_lease(struct game *g, const struct topology *t, struct lease *l)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct member *m = &l->members[i];

		check_access(g, t, l, m);
		if (!m->requested)
			cr_assert(!world_on_host_driver(&g->world, m->device),
				"peer %s is on a host driver", g->world.devices[m->device].address);
		if (is_touched(m))
			check_group(g, l, m);
		if (m->requested)
			check_reset(g, l, m);
	}
}

static void check_apart(const struct world *w, const struct member *a, const struct member *b)
{
	const struct world_device *x = &w->devices[a->device], *y = &w->devices[b->device];

	cr_assert_neq(a->device, b->device, "%s is in two leases", x->address);
	if (is_touched(a))
		cr_assert_neq(x->group, y->group, "%s and %s share a group", x->address,
			y->address);
	if (a->requested && (a->reset_set & RESET_SET_EXCLUSIVE))
		cr_assert(!world_in_reset_set(w, a->device, b->device),
			"%s is in the exclusive reset set of %s", y->address, x->address);
	if (is_touched(a) && b->requested)
		cr_assert_neq(y->pf, a->device, "%s and its VF %s", x->address, y->address);
}

static void check_all(struct game *g)
{
	for (size_t i = 0; i < LEASES_MAX; i++)
		for (size_t j = 0; j < LEASES_MAX; j++) {
			const struct lease *a = &g->leases[i], *b = &g->leases[j];

			if (i == j || !a->used || !b->used)
				continue;
			for (size_t k = 0; k < a->n; k++)
				for (size_t m = 0; m < b->n; m++)
					check_apart(&g->world, &a->members[k], &b->members[m]);
		}
}

static void grant(struct game *g, const struct topology *t, uid_t uid, const struct decision *d)
{
	struct lease *l = g->leases;
	_cleanup_plan_free_ struct plan *plan = NULL;

	cr_assert_eq(plan_acquire(d, &plan), 0);
	while (l < g->leases + LEASES_MAX && l->used)
		l++;
	if (l == g->leases + LEASES_MAX)
		return;
	*l = (struct lease){.used = true, .uid = uid, .n = d->n_all, .rule = d->devices[0].rule};
	snprintf(l->id, sizeof(l->id), "L%u", g->serial++);
	for (size_t i = 0; i < d->n_all; i++) {
		const struct decided_device *dd = &d->devices[i];
		int device = world_index(&g->world, dd->device->address);

		l->members[i] = (struct member){device, !dd->peer, dd->peer, dd->reset_set,
			dd->isolation, g->world.devices[device].driver};
	}
	check_lease(g, t, l);
	for (size_t i = 0; i < l->n; i++)
		if (is_touched(&l->members[i]))
			g->world.devices[l->members[i].device].driver = "vfio-pci";
	check_all(g);
	totals.granted++;
	totals.with_peers += d->n_all > d->n_devices;
}

static void release_one(struct game *g)
{
	struct lease *l = &g->leases[rng_below(&g->rng, LEASES_MAX)];

	/* The next one that is used, if any. */
	for (size_t i = 0; i < LEASES_MAX && !l->used; i++)
		l = l + 1 < g->leases + LEASES_MAX ? l + 1 : g->leases;
	for (size_t i = 0; l->used && i < l->n; i++)
		g->world.devices[l->members[i].device].driver = l->members[i].driver_before;
	l->used = false;
}

static void play_step(struct game *g)
{
	_cleanup_topology_unref_ struct topology *t = world_topology(&g->world);
	_cleanup_decision_free_ struct decision *d = NULL, *again = NULL;
	char *names[REQUEST_MAX + 1];
	struct request request;
	uid_t uid = world_uid(&g->rng);

	if (rng_one_in(&g->rng, 4)) {
		release_one(g);
		return;
	}
	collect_claims(g);
	random_request(g, &request, names);
	if (names[0])
		check_monotone(g, t, uid, &request);
	if (rng_one_in(&g->rng, 6))
		request.reset_set = rng_below(&g->rng, 4);
	if (rng_one_in(&g->rng, 8))
		request.isolation = ISOLATION_STRICT;
	d = ask(g, t, uid, &request);
	again = ask(g, t, uid, &request);
	check_same(d, again);
	totals.by_refusal[d->refusal]++;
	if (d->verdict == VERDICT_DENY)
		totals.denied++;
	else
		grant(g, t, uid, d);
}

static void play(struct rng rng)
{
	_cleanup_free_ char *text = NULL;
	struct game *g = calloc(1, sizeof(*g));

	cr_assert(g);
	g->rng = rng;
	world_random(&g->world, &g->rng);
	text = world_policy(&g->world, &g->rng);
	cr_assert(text);
	g->policy = machine_policy(text);
	for (unsigned i = 0; i < STEPS; i++)
		play_step(g);
	policy_free(g->policy);
	free(g);
}

Test(random, leases_are_apart)
{
	for (unsigned i = 0; i < WORLDS; i++)
		play((struct rng){SEED + i * 0x9e3779b97f4a7c15ULL});
	printf("seed 0x%" PRIx64 ": %u granted (%u with peers), %u denied\n", (uint64_t)SEED,
		totals.granted, totals.with_peers, totals.denied);
	cr_expect_gt(totals.granted, 1000);
	cr_expect_gt(totals.with_peers, 200);
	cr_expect_gt(totals.stricter, 1000);
	for (int i = REFUSAL_INVALID_ARGS; i <= REFUSAL_LIMITS_EXCEEDED; i++)
		if (i != REFUSAL_NO_SUCH_DEVICE && i != REFUSAL_QUARANTINED)
			cr_expect_gt(totals.by_refusal[i], 10, "refusal %d hardly happened", i);
}
