/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Properties of decisions: many thousands of random requests on random machines that change
 * meanwhile, under random policies. DEVLEASE_SEED= plays the one world again that a failure names.
 */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "core/codes.h"
#include "core/plan.h"
#include "game.h"

#define SEED 0x6465766c65617365ULL
#define WORLDS 5000
#define STEPS 30
#define REQUEST_MAX 4
/* How often each code has to come up. */
#define CODE_HITS 100

static uint64_t playing; /* the seed of the world in play; 0 when it was played to its end */

static struct {
	unsigned granted, denied, with_peers, stricter, stricter_rule, codes[CODE_N];
} totals;

static struct decision *ask(struct game *g, const struct topology *t, uid_t uid,
	const struct request *request)
{
	struct policy_client client = {.uid = uid};
	struct decision *d = NULL;

	cr_assert_eq(decide(t, g->policy, &g->claims, &g->uses, &client, uid, request, &d), 0);
	return d;
}

/* --- requests --- */

/* Neighbours more often than not, since that is where it gets interesting. */
static size_t random_devices(struct game *g, char **names)
{
	unsigned n = rng_one_in(&g->rng, 2) ? 1 : 1 + rng_below(&g->rng, REQUEST_MAX);
	unsigned at = rng_below(&g->rng, g->world.n);
	size_t got = 0;

	if (rng_one_in(&g->rng, 2))
		at = g->world.newest;
	for (unsigned i = 0; i < n || got == 0; i++) {
		const struct world_device *d = &g->world.devices[(at + i) % g->world.n];

		if ((d->bridge || d->gone) && !rng_one_in(&g->rng, 60))
			continue;
		names[got++] = (char *)d->address;
		if (rng_one_in(&g->rng, 6))
			at = rng_below(&g->rng, g->world.n);
	}
	names[got] = NULL;
	return got;
}

/* What no client should send. */
static void spoil(struct game *g, char **names, size_t n)
{
	static char *many[REQUEST_DEVICES_MAX + 2];
	static const char *const bad[] = {"0000:zz:00.0", "floppy:a", "mdev:b", "0000:77:00.0"};
	unsigned kind = rng_below(&g->rng, 7);

	if (n == 0)
		return;
	if (kind < ARRAY_SIZE(bad)) {
		names[0] = (char *)bad[kind];
	} else if (kind == 4) {
		names[0] = NULL;
	} else if (kind == 5 && n > 1) {
		names[1] = names[0];
	} else {
		for (size_t i = 0; i <= REQUEST_DEVICES_MAX; i++)
			many[i] = names[0];
		memcpy(names, many, sizeof(many));
	}
}

static void random_options(struct game *g, struct request *ret)
{
	if (rng_one_in(&g->rng, 8))
		ret->reset_set = rng_below(&g->rng, 4);
	if (rng_one_in(&g->rng, 8))
		ret->isolation = ISOLATION_STRICT;
	if (rng_one_in(&g->rng, 8))
		ret->handover = rng_one_in(&g->rng, 2) ? HANDOVER_OPENED : HANDOVER_ATTACHED;
	if (rng_one_in(&g->rng, 8))
		ret->backend = rng_one_in(&g->rng, 2) ? BACKEND_LEGACY : BACKEND_IOMMUFD;
}

/* --- properties of one request --- */

/* Every requirement that is added to a request that was denied leaves it denied. */
static void check_options(struct game *g, const struct topology *t, uid_t uid,
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

/* A rule that is stricter permits nothing that the looser one denied. */
static void check_rules(struct game *g, const struct topology *t, uid_t uid,
	const struct request *request, const struct decision *d)
{
	_cleanup_decision_free_ struct decision *strict = NULL;
	struct world world = g->world;
	struct policy *loose = g->policy;

	if (!world_stricter(&world, &g->rng))
		return;
	g->policy = world_policy(&world);
	strict = ask(g, t, uid, request);
	cr_assert_leq((int)strict->verdict, (int)d->verdict,
		"%s: a stricter rule permits what the looser one does not", request->devices[0]);
	totals.stricter_rule += strict->verdict < d->verdict;
	decision_free(TAKE_PTR(strict));
	policy_free(g->policy);
	g->policy = loose;
}

static void check_same(const struct decision *a, const struct decision *b)
{
	cr_assert_eq(a->verdict, b->verdict);
	cr_assert_eq(a->n_all, b->n_all);
	cr_assert_eq(a->backend, b->backend);
	cr_assert_eq(a->handover, b->handover);
	cr_assert_eq(a->findings.n, b->findings.n);
	for (size_t i = 0; i < a->findings.n; i++) {
		cr_assert_str_eq(a->findings.items[i].code, b->findings.items[i].code);
		cr_assert_str_eq(a->findings.items[i].text, b->findings.items[i].text);
	}
}

/* In which order devices are named changes neither the verdict nor what is reserved. */
static void check_order(struct game *g, const struct topology *t, uid_t uid,
	const struct request *request, const struct decision *d)
{
	_cleanup_decision_free_ struct decision *other = NULL;
	char *names[REQUEST_DEVICES_MAX + 2];
	struct request turned = *request;
	size_t n = 0;

	while (request->devices[n])
		n++;
	for (size_t i = 0; i < n; i++)
		names[i] = request->devices[n - 1 - i];
	names[n] = NULL;
	turned.devices = names;
	other = ask(g, t, uid, &turned);
	cr_assert_eq(other->verdict, d->verdict, "%s: the order decides", names[0]);
	cr_assert_eq(other->refusal, d->refusal, "%s: the order names the error", names[0]);
	if (d->verdict == VERDICT_DENY)
		return;
	cr_assert_eq(other->n_all, d->n_all, "%s: the order reserves", names[0]);
	for (size_t i = d->n_devices; i < d->n_all; i++) {
		cr_assert_str_eq(other->devices[i].device->address, d->devices[i].device->address);
		/* PEER_GROUP and PEER_VF tell reasons; the others, what is done to it. */
		cr_assert_eq(other->devices[i].peer & (PEER_RESET | PEER_BIND),
			d->devices[i].peer & (PEER_RESET | PEER_BIND),
			"%s: roles of %s: %u, %u", names[0], d->devices[i].device->address,
			other->devices[i].peer, d->devices[i].peer);
	}
}

static void count_codes(const struct decision *d)
{
	bool hit[CODE_N] = {false};

	for (size_t i = 0; i < d->findings.n; i++)
		for (int c = 0; c < CODE_N; c++)
			hit[c] |= d->findings.items[i].code == code_info(c)->name;
	for (int c = 0; c < CODE_N; c++)
		totals.codes[c] += hit[c];
}

/* --- the game --- */

static void grant(struct game *g, const struct topology *t, uid_t uid, const struct decision *d)
{
	_cleanup_plan_free_ struct plan *plan = NULL;
	struct lease *l;

	cr_assert_eq(plan_acquire(d, &plan), 0);
	totals.granted++;
	totals.with_peers += d->n_all > d->n_devices;
	l = game_grant(g, uid, d);
	if (!l)
		return;
	game_check_lease(g, t, l);
	for (size_t i = 0; i < l->n; i++)
		if (member_is_touched(&l->members[i]))
			g->world.devices[l->members[i].device].driver = "vfio-pci";
	game_check_all(g);
}

static void play_request(struct game *g, const struct topology *t)
{
	_cleanup_decision_free_ struct decision *d = NULL, *again = NULL;
	char *names[REQUEST_DEVICES_MAX + 2] = {NULL};
	struct request request = {.devices = names};
	uid_t uid = world_uid(&g->rng);
	size_t n = random_devices(g, names);

	game_books(g);
	if (rng_one_in(&g->rng, 20))
		spoil(g, names, n);
	if (names[0])
		check_options(g, t, uid, &request);
	random_options(g, &request);
	d = ask(g, t, uid, &request);
	again = ask(g, t, uid, &request);
	check_same(d, again);
	check_order(g, t, uid, &request, d);
	if (rng_one_in(&g->rng, 2))
		check_rules(g, t, uid, &request, d);
	count_codes(d);
	if (d->verdict == VERDICT_DENY)
		totals.denied++;
	else
		grant(g, t, uid, d);
}

static void play(uint64_t seed)
{
	struct game *g = calloc(1, sizeof(*g));

	cr_assert(g);
	playing = seed;
	g->rng = (struct rng){seed};
	world_random(&g->world, &g->rng);
	g->policy = world_policy(&g->world);
	for (unsigned i = 0; i < STEPS; i++) {
		_cleanup_topology_unref_ struct topology *t = world_topology(&g->world);

		if (rng_one_in(&g->rng, 2))
			game_event(g);
		else
			play_request(g, t);
	}
	game_done(g);
	policy_free(g->policy);
	free(g);
	playing = 0;
}

static void tell_seed(void)
{
	if (playing)
		fprintf(stderr, "to play this world again: DEVLEASE_SEED=0x%" PRIx64 "\n", playing);
}

Test(random, leases_are_apart, .fini = tell_seed)
{
	const char *one = getenv("DEVLEASE_SEED");

	if (one) {
		play(strtoull(one, NULL, 0));
		return;
	}
	for (unsigned i = 0; i < WORLDS; i++)
		play(SEED + i * 0x9e3779b97f4a7c15ULL);
	printf("%u granted (%u with peers), %u denied\n", totals.granted, totals.with_peers,
		totals.denied);
	cr_expect_geq(totals.granted * 5, totals.granted + totals.denied, "too few are granted");
	cr_expect_gt(totals.with_peers, totals.granted / 10);
	cr_expect_gt(totals.stricter, 1000);
	cr_expect_gt(totals.stricter_rule, 300);
	for (int c = 0; c < CODE_N; c++) {
		/* Those of polkit's answers are put in after a decision. */
		if (c >= CODE_ACCESS_NOT_AUTHORISED && c <= CODE_ACCESS_CHANGED)
			continue;
		/* The policies that are made can be read. */
		if (c == CODE_ACCESS_NO_POLICY)
			continue;
		cr_expect_geq(totals.codes[c], CODE_HITS, "%s came up %u times: world.c and game.c "
			"have to make what leads to it", code_info(c)->name, totals.codes[c]);
	}
}
