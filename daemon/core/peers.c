/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Devices that a lease reserves without having asked for them. Only an idle device becomes a peer:
 * nothing is ever unbound behind anyone's back. The group of a reset peer is closed over as well,
 * since the kernel lets nobody use a group that a host driver uses too.
 */
#include <errno.h>

#include "base/text.h"
#include "core/context.h"

static const char *claim_state(const struct claim *claim)
{
	switch (claim->kind) {
	case CLAIM_LEASED:
		return "is leased";
	case CLAIM_RESERVED:
		return "is reserved with a lease";
	case CLAIM_RELEASING:
		return "is on its way back from a lease";
	case CLAIM_STUCK:
		return "is stuck in an operation of the kernel";
	case CLAIM_QUARANTINED:
		return "is quarantined";
	case CLAIM_SAME_UID:
		return "could not be reset after its last lease";
	}
	return "is taken";
}

int peer_check_idle(struct context *c, size_t i, const struct device *peer, const char *where,
	const struct peer_codes *codes)
{
	const struct device *d = c->decision->devices[i].device;
	const struct claim *claim = claim_find(c, peer);
	int r;

	if (claim_holds(claim) || claim_keeps_off(c, claim))
		r = report(c, claim_holds(claim) ? codes->claimed : codes->quarantined, d->address,
			NULL, "%s %s %s", peer->address, where, claim_state(claim));
	else if (claims_reset_set_around(c, peer))
		r = report(c, codes->claimed, d->address, NULL,
			"%s %s is in a reset set that a lease has for itself", peer->address,
			where);
	else if (peer->driver && !device_on_vfio_driver(peer))
		r = missing_report(c, i, peer, where, codes->in_use);
	else
		return 1;
	return r < 0 ? r : 0;
}

static int check_denied_by_name(struct context *c, size_t i, const struct device *peer)
{
	struct policy_device pd = policy_device_of(peer);
	const struct policy_rule *rule = policy_denies_by_name(c->policy, c->client, &pd);

	if (!rule)
		return 0;
	return report(c, CODE_ACCESS_PEER_DENIED, c->decision->devices[i].device->address, NULL,
		"%s would have to be reserved with it, and rule %s (%s:%u) denies that device",
		peer->address, rule->name, rule->file, rule->line);
}

/* VFs are members that do not become reset peers, but they do become group peers. */
static bool was_looked_at(const struct device **members, int n, const struct device *d)
{
	for (int i = 0; i < n; i++)
		if (members[i] == d)
			return !d->physical_function;
	return false;
}

int peer_add_group_of(struct context *c, size_t i, const struct device *peer,
	const struct peer_group *g)
{
	_cleanup_free_ const struct device **mates = NULL;
	_cleanup_free_ char *where = format_text("in the IOMMU group %d of %s%s",
		peer->iommu_group, peer->address, g->which);
	int n = topology_group_mates(c->topology, peer, &mates);

	if (!where)
		return -ENOMEM;
	for (int k = 0; k < n; k++) {
		int r;

		if (context_is_requested(c, mates[k]) ||
			was_looked_at(g->looked_at, g->n_looked_at, mates[k]))
			continue;
		r = peer_check_idle(c, i, mates[k], where, &g->codes);
		if (r > 0)
			r = peer_add(c, i, mates[k], PEER_GROUP);
		if (r < 0)
			return r;
	}
	return n < 0 ? n : 0;
}

/* Each requested device that needs the peer tells of it, once. */
static int check_host_use(struct context *c, size_t i, struct decided_device *peer)
{
	bool allowed = c->decision->devices[i].host_use_allowed;

	if (peer->needed_by == i + 1)
		return 0;
	peer->host_use_allowed = allowed && (!peer->needed_by || peer->host_use_allowed);
	peer->needed_by = i + 1;
	return host_use_check_peer(c, i, peer->device);
}

int peer_add(struct context *c, size_t i, const struct device *peer, unsigned role)
{
	struct decision *d = c->decision;
	ssize_t at = context_find(c, peer);
	int r = 0;

	if (at >= 0)
		d->devices[at].peer |= role;
	else
		r = context_append(c, peer, role);
	if (r >= 0)
		r = check_host_use(c, i, &d->devices[at >= 0 ? (size_t)at : d->n_all - 1]);
	if (r >= 0 && (role & PEER_RESET))
		r = sriov_check_bind(c, i, peer);
	if (r < 0 || at >= 0)
		return r;
	r = check_denied_by_name(c, i, peer);
	return r < 0 ? r : sriov_check(c, i, peer);
}
