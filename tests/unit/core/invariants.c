/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The invariants of leases, in terms of the random world and not of the code under test: a lease
 * has all that it may need, nothing that somebody else has, and what it reserved is idle.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "base/text.h"
#include "game.h"

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
		if (i == m->device || w->devices[i].group != group || w->devices[i].bridge ||
			w->devices[i].gone)
			continue;
		cr_assert(game_member(l, i), "%s without its group mate %s",
			w->devices[m->device].address, w->devices[i].address);
		cr_assert(m->isolation != ISOLATION_STRICT, "%s is not alone",
			w->devices[m->device].address);
	}
	if (m->isolation == ISOLATION_STRICT)
		cr_assert(w->facts.interrupt_remapping == YES && !w->facts.acs_override &&
			!w->facts.unsafe_interrupts_type1 && !w->facts.unsafe_interrupts_iommufd);
}

static void check_reset(struct game *g, struct lease *l, const struct member *m)
{
	const struct world *w = &g->world;
	bool alone = world_resets_alone(w, m->device);

	cr_assert(alone || !(m->reset_set & RESET_SET_FUNCTION));
	for (int i = 0; (m->reset_set & RESET_SET_EXCLUSIVE) && i < (int)w->n; i++) {
		if (!world_in_reset_set(w, m->device, i))
			continue;
		if (i != m->device && w->devices[i].pf >= 0)
			cr_assert(game_member(l, i), "%s without the VF %s",
				w->devices[m->device].address, w->devices[i].address);
		else
			cr_assert(member_is_touched(game_member(l, i)), "%s without %s of its reset set",
				w->devices[m->device].address, w->devices[i].address);
	}
}

static bool may_take_what_is_used(const struct game *g, const struct lease *l)
{
	/* Rules are named "r0" and so on. */
	for (size_t i = 0; i < l->n; i++)
		if (l->members[i].rule[0] &&
			g->world.rules[l->members[i].rule[1] - '0'].host_use_allow)
			return true;
	return false;
}

/* Idle: nobody's, not in quarantine, and on no driver of the host. */
static void check_reserved(struct game *g, const struct lease *l, const struct member *m)
{
	const struct world_mark *mark = &g->marks[m->device];

	cr_assert(!world_on_host_driver(&g->world, m->device), "%s is reserved, but not idle",
		g->world.devices[m->device].address);
	cr_assert(!g->world.devices[m->device].uses || may_take_what_is_used(g, l),
		"%s is reserved, and the console is on it", g->world.devices[m->device].address);
	cr_assert(!mark->set || (mark->kind == CLAIM_SAME_UID && mark->uid == l->uid),
		"%s is reserved, and marked", g->world.devices[m->device].address);
}

static void check_requested(struct game *g, const struct lease *l, const struct member *m)
{
	const struct world_mark *mark = &g->marks[m->device];
	const struct world_device *d = &g->world.devices[m->device];

	cr_assert(!mark->set || (mark->kind == CLAIM_SAME_UID && mark->uid == l->uid &&
		m->reset_set == RESET_SET_TOLERATE), "%s is leased, and marked", d->address);
	/* Rules are named "r0" and so on. */
	if (m->rule[0])
		cr_assert(!d->uses || g->world.rules[m->rule[1] - '0'].host_use_allow,
			"%s is leased, and in use", d->address);
	else
		cr_assert(!d->uses, "%s is leased, and in use", d->address);
}

/* VFs of what the lease has are in it too. */
static void check_vfs(struct game *g, struct lease *l, const struct member *m)
{
	for (size_t i = 0; i < g->world.n; i++)
		if (g->world.devices[i].pf == m->device && !g->world.devices[i].gone)
			cr_assert(game_member(l, i), "%s without its VF %s",
				g->world.devices[m->device].address, g->world.devices[i].address);
}

void game_check_lease(struct game *g, const struct topology *t, struct lease *l)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct member *m = &l->members[i];

		cr_assert(!g->world.devices[m->device].gone);
		check_access(g, t, l, m);
		check_vfs(g, l, m);
		check_group(g, l, m);
		if (m->requested) {
			check_requested(g, l, m);
			check_reset(g, l, m);
		} else {
			check_reserved(g, l, m);
		}
	}
}

static void check_apart(const struct world *w, const struct member *a, const struct member *b)
{
	const struct world_device *x = &w->devices[a->device], *y = &w->devices[b->device];

	cr_assert_neq(a->device, b->device, "%s is in two leases", x->address);
	cr_assert_neq(x->group, y->group, "%s and %s share a group", x->address, y->address);
	if (a->requested && (a->reset_set & RESET_SET_EXCLUSIVE))
		cr_assert(!world_in_reset_set(w, a->device, b->device),
			"%s is in the exclusive reset set of %s", y->address, x->address);
	if (member_is_touched(a) && b->requested)
		cr_assert_neq(y->pf, a->device, "%s and its VF %s", x->address, y->address);
}

void game_check_all(struct game *g)
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
