/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "game.h"

struct lease *game_lease_of(struct game *g, int device)
{
	for (size_t i = 0; i < LEASES_MAX; i++)
		if (g->leases[i].used && game_member(&g->leases[i], device))
			return &g->leases[i];
	return NULL;
}

struct member *game_member(struct lease *l, int device)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->members[i].device == device)
			return &l->members[i];
	return NULL;
}

bool member_is_touched(const struct member *m)
{
	return m && (m->requested || (m->peer & PEER_RESET));
}

static size_t leases_of(void *userdata, uid_t uid, const char *rule)
{
	struct game *g = userdata;
	size_t n = 0;

	for (size_t i = 0; i < LEASES_MAX; i++) {
		bool hit = false;

		for (size_t k = 0; g->leases[i].used && k < g->leases[i].n; k++)
			hit |= streq(g->leases[i].members[k].rule, rule);
		n += hit && g->leases[i].uid == uid;
	}
	return n;
}

static size_t devices_of(void *userdata, uid_t uid, const char *rule)
{
	struct game *g = userdata;
	size_t n = 0;

	for (size_t i = 0; i < LEASES_MAX; i++)
		for (size_t k = 0; g->leases[i].used && k < g->leases[i].n; k++)
			n += g->leases[i].uid == uid && streq(g->leases[i].members[k].rule, rule);
	return n;
}

static int compare_claims(const void *a, const void *b)
{
	return strcmp(((const struct claim *)a)->address, ((const struct claim *)b)->address);
}

static struct claim claim_of(const struct game *g, const struct lease *l, const struct member *m)
{
	return (struct claim){
		.address = g->world.devices[m->device].address,
		.kind = l->state != CLAIM_LEASED || m->requested ? l->state : CLAIM_RESERVED,
		.lease = l->id,
		.owner = l->uid,
		.exclusive = m->requested && (m->reset_set & RESET_SET_EXCLUSIVE),
	};
}

static void gather_uses(struct game *g)
{
	game_done(g);
	for (size_t i = 0; i < g->world.n; i++) {
		const struct world_device *d = &g->world.devices[i];

		if (!world_on_host_driver(&g->world, i) && (d->driver || !d->display))
			continue;
		cr_assert_eq(host_use_facts_new(d->address, &g->facts[g->uses.n]), 0);
		for (int class = 0; class < HOST_USE_N; class++)
			if (d->uses & 1U << class)
				cr_assert_eq(host_use_add(g->facts[g->uses.n], class, "detail"), 0);
		g->uses.n++;
	}
	g->uses.items = g->facts;
}

void game_done(struct game *g)
{
	for (size_t i = 0; i < g->uses.n; i++)
		host_use_facts_free(g->facts[i]);
	g->uses.n = 0;
}

void game_books(struct game *g)
{
	size_t n = 0;

	gather_uses(g);

	for (size_t i = 0; i < LEASES_MAX; i++)
		for (size_t k = 0; g->leases[i].used && k < g->leases[i].n; k++)
			g->items[n++] = claim_of(g, &g->leases[i], &g->leases[i].members[k]);
	for (size_t i = 0; i < g->world.n; i++)
		if (g->marks[i].set && !game_lease_of(g, i))
			g->items[n++] = (struct claim){.address = g->world.devices[i].address,
				.kind = g->marks[i].kind, .owner = g->marks[i].uid};
	qsort(g->items, n, sizeof(*g->items), compare_claims);
	g->claims = (struct claims){g->items, n, leases_of, devices_of, g};
}

struct lease *game_grant(struct game *g, uid_t uid, const struct decision *d)
{
	struct lease *l = g->leases;

	while (l < g->leases + LEASES_MAX && l->used)
		l++;
	if (l == g->leases + LEASES_MAX)
		return NULL;
	*l = (struct lease){.used = true, .state = CLAIM_LEASED, .uid = uid, .n = d->n_all};
	snprintf(l->id, sizeof(l->id), "L%u", g->serial++);
	for (size_t i = 0; i < d->n_all; i++) {
		const struct decided_device *dd = &d->devices[i];
		struct member *m = &l->members[i];
		int device = world_index(&g->world, dd->device->address);

		*m = (struct member){device, !dd->peer, dd->peer, dd->reset_set, dd->isolation,
			g->world.devices[device].driver, ""};
		if (dd->rule)
			snprintf(m->rule, sizeof(m->rule), "%s", dd->rule->name);
	}
	return l;
}

static void end_lease(struct game *g, struct lease *l)
{
	for (size_t i = 0; i < l->n; i++) {
		struct member *m = &l->members[i];

		g->world.devices[m->device].driver = m->driver_before;
		if (m->requested && rng_one_in(&g->rng, 12))
			g->marks[m->device] = (struct world_mark){
				true, rng_one_in(&g->rng, 2) ? CLAIM_QUARANTINED : CLAIM_SAME_UID,
				l->uid};
	}
	l->used = false;
}

/* A lease goes one step nearer to its end. */
static void age_lease(struct game *g)
{
	struct lease *l = &g->leases[rng_below(&g->rng, LEASES_MAX)];

	/* The next one that is used, if any. */
	for (size_t i = 0; i < LEASES_MAX && !l->used; i++)
		l = l + 1 < g->leases + LEASES_MAX ? l + 1 : g->leases;
	if (!l->used)
		return;
	if (l->state == CLAIM_LEASED && rng_one_in(&g->rng, 4))
		l->state = rng_one_in(&g->rng, 2) ? CLAIM_RELEASING : CLAIM_STUCK;
	else
		end_lease(g, l);
}

static void unplug(struct game *g, int device)
{
	for (size_t i = 0; i < LEASES_MAX; i++) {
		struct lease *l = &g->leases[i];
		bool hit = false;

		for (size_t k = 0; l->used && k < l->n; k++)
			hit |= world_goes_with(&g->world, l->members[k].device, device);
		if (hit)
			end_lease(g, l);
	}
	world_unplug(&g->world, device);
}

/* What the host does on its own, to devices that no lease has. */
static void change_driver(struct game *g, int device)
{
	struct world_device *d = &g->world.devices[device];

	if (!d->bridge && !game_lease_of(g, device))
		world_set_driver(d, &g->rng);
}

/* An administrator quarantines a device, or the PF that it comes from; or clears them all. */
static void change_marks(struct game *g, int device)
{
	const struct world_device *d = &g->world.devices[device];

	if (d->bridge || !rng_one_in(&g->rng, 4)) {
		memset(g->marks, 0, sizeof(g->marks));
		return;
	}
	if (d->pf >= 0 && rng_one_in(&g->rng, 2))
		device = d->pf;
	g->marks[device] = (struct world_mark){true, CLAIM_QUARANTINED, 0};
}

void game_event(struct game *g)
{
	int device = rng_below(&g->rng, g->world.n);

	switch (rng_below(&g->rng, 10)) {
	case 0:
		unplug(g, world_port(&g->world, &g->rng));
		break;
	case 5:
		unplug(g, device);
		break;
	case 1:
	case 4:
		world_plug(&g->world, &g->rng);
		break;
	case 2:
		change_driver(g, device);
		break;
	case 3:
		change_marks(g, device);
		break;
	default:
		age_lease(g);
	}
}
