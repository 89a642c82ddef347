/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lease.ResetSetOwned over the life of a lease: under tolerate a sibling may be leased or taken by
 * the host later, and under any requirement one may be plugged in. The holder is told and the
 * journal keeps it, each time it changes.
 */
#include <string.h>

#include "manager.h"

static bool is_owned(const struct lease *l, const struct claims *claims, size_t i)
{
	const struct device *d = topology_find(l->manager->topology, l->devices[i].address);

	return !d || reset_set_is_owned(l->manager->topology, claims, d, l->id);
}

static void record_change(struct lease *l, const struct lease_device *d)
{
	json_t *r = record_event("lease.reset-set");

	json_object_set_new(r, "lease", json_string(l->id));
	json_object_set_new(r, "devices", json_pack("[{s:s, s:b}]", "address", d->address,
		"reset-set-owned", (int)d->reset_set_owned));
	(void)record_append(l->manager, r, NULL, NULL);
}

static bool look(struct lease *l, const struct claims *claims, bool tell)
{
	bool changed = false;

	for (size_t i = 0; i < l->n_devices; i++) {
		struct lease_device *d = &l->devices[i];
		bool owned = is_owned(l, claims, i);

		if (owned == d->reset_set_owned)
			continue;
		d->reset_set_owned = owned;
		changed = true;
		if (tell)
			record_change(l, d);
	}
	return changed;
}

void ownership_settle(struct lease *l)
{
	_cleanup_free_ struct claim *items = NULL;
	struct claims claims;

	if (lease_claims(l->manager, &claims, &items) >= 0)
		(void)look(l, &claims, false);
}

void ownership_review(struct manager *m)
{
	_cleanup_free_ struct claim *items = NULL;
	struct claims claims;

	if (!m->leases || lease_claims(m, &claims, &items) < 0)
		return;
	for (struct lease *l = m->leases; l; l = l->next) {
		if (!lease_state_is_granted(l->state) || !look(l, &claims, true))
			continue;
		(void)lease_save(l, l->state);
		if (m->bus && l->peer && l->peer->name)
			bus_lease_changed(m->bus, l->id, l->peer->name);
	}
}
