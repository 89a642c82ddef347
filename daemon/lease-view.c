/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a lease looks on the bus, and who may look: its owner's uid and root.
 */
#include <errno.h>

#include "base/text.h"
#include "manager.h"

static void view_device(const struct lease *l, size_t i, bool usable)
{
	const struct assigned_device *a = &l->assignment->devices[i];
	const struct lease_device *d = &l->devices[i];

	l->view[i] = (struct bus_lease_device){
		.address = d->address,
		.fd = usable ? a->fd : -1,
		.devid = usable ? a->devid : 0,
		.ioas = usable ? l->assignment->ioas : 0,
		.group = a->group,
		.reset_set = d->reset_set,
		.reset_set_owned = d->reset_set_owned,
	};
}

void lease_view(struct lease *l, struct bus_lease *ret)
{
	/* From the first moment of the end on the fds are the job's, or closed. */
	bool usable = !lease_state_is_ending(l->state);
	bool owned = true;

	for (size_t i = 0; i < l->n_devices; i++) {
		view_device(l, i, usable);
		owned &= l->devices[i].reset_set_owned;
	}
	*ret = (struct bus_lease){
		.id = l->id,
		.uid = l->uid,
		.pid = l->peer ? l->peer->pid : 0,
		.unit = l->peer ? l->peer->unit : NULL,
		.label = l->request.label,
		.handover = handover_to_string(l->assignment->handover),
		.backend = backend_to_string(l->assignment->backend),
		.state = lease_state_to_public(l->state),
		.reset_set_owned = owned,
		.since = l->since,
		.iommu_fd = usable ? l->assignment->iommu_fd : -1,
		.ioas = usable ? l->assignment->ioas : 0,
		.devices = l->view,
		.n_devices = l->n_devices,
	};
}

static bool may_see(const struct lease *l, const struct peer *peer)
{
	return peer->uid == 0 || peer->uid == l->uid;
}

/* A client learns of a lease with the reply to Acquire, not before. */
bool lease_is_known(const struct lease *l)
{
	return lease_state_is_granted(l->state) || lease_state_is_ending(l->state);
}

int lease_bus_view(struct manager *m, const struct peer *peer, const char *id,
	struct bus_lease *ret)
{
	struct lease *l = lease_find(m, id);

	if (!l || !lease_is_known(l) || !may_see(l, peer))
		return 0;
	lease_view(l, ret);
	return 1;
}

int lease_bus_ids(struct manager *m, const struct peer *peer, char ***ret)
{
	_cleanup_strv_free_ char **ids = calloc(1, sizeof(char *));

	if (!ids)
		return -ENOMEM;
	for (struct lease *l = m->leases; l; l = l->next)
		if (lease_is_known(l) && may_see(l, peer) && strv_append(&ids, l->id) < 0)
			return -ENOMEM;
	*ret = TAKE_PTR(ids);
	return 0;
}
