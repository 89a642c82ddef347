/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What has to hold of a device's reset set. Under exclusive every member ends up in the lease or
 * on the vfio driver, reserved with it: the kernel calls a member without one not owned, and then
 * refuses the client's hot reset.
 */
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "core/context.h"

/* VFs are not reset peers of their own: who has or reserves the PF keeps all others from them. */
static bool covered_by_pf(const struct context *c, const struct device *d)
{
	const struct device *pf;

	if (!d->physical_function)
		return false;
	pf = topology_find(c->topology, d->physical_function);
	return pf && context_find(c, pf) >= 0;
}

static bool is_requested_group(const struct context *c, int group)
{
	for (size_t i = 0; i < c->decision->n_devices; i++)
		if (c->decision->devices[i].device->iommu_group == group)
			return true;
	return false;
}

/* A reset peer outside all groups of the requested devices has to be bound to the iommufd too. */
static unsigned peer_role(const struct context *c, const struct device *peer)
{
	if (c->decision->backend != BACKEND_IOMMUFD || is_requested_group(c, peer->iommu_group))
		return PEER_RESET;
	return PEER_RESET | PEER_BIND;
}

static int check_member(struct context *c, size_t i, const struct device *member)
{
	static const struct peer_codes codes = {
		.in_use = CODE_RESET_SET_SHARED,
		.claimed = CODE_RESET_SET_CLAIMED,
		.quarantined = CODE_RESET_SET_QUARANTINED,
	};
	int r;

	if (context_is_requested(c, member) || covered_by_pf(c, member))
		return 0;
	r = peer_check_idle(c, i, member, "in the same reset set", &codes);
	if (r <= 0 || member->physical_function)
		return r;
	if (member->iommu_group < 0)
		return report(c, CODE_RESET_SET_SHARED, c->decision->devices[i].device->address,
			"switch the IOMMU on for all devices",
			"%s in the same reset set is behind no IOMMU and cannot be reserved",
			member->address);
	return peer_add(c, i, member, peer_role(c, member));
}

static bool is_reset_peer(const struct context *c, const struct device *d)
{
	ssize_t at = context_find(c, d);

	return at >= 0 && (c->decision->devices[at].peer & PEER_RESET);
}

static int check_exclusive(struct context *c, size_t i, const struct device **members, int n)
{
	const struct peer_group group_of = {" of the reset set",
		{CODE_RESET_SET_GROUP_IN_USE, CODE_RESET_SET_CLAIMED, CODE_RESET_SET_QUARANTINED},
		members, n};
	int r = 0;

	for (int k = 0; r >= 0 && k < n; k++)
		r = check_member(c, i, members[k]);
	for (int k = 0; r >= 0 && k < n; k++) {
		int group = members[k]->iommu_group;
		bool first = is_reset_peer(c, members[k]) && !is_requested_group(c, group);

		for (int j = 0; j < k && first; j++)
			first = members[j]->iommu_group != group || !is_reset_peer(c, members[j]);
		if (first)
			r = peer_add_group_of(c, i, members[k], &group_of);
	}
	return r;
}

/*
 * The kernel lists its methods when it finds a device, before the others of the bus: the first
 * device of a bus lists "bus" whether or not it stays alone there, and the reset then fails
 * (drivers/pci/pci.c: pci_init_reset_methods() and pci_parent_bus_reset()).
 */
static bool resets_alone(const struct device *d, int n_members)
{
	const char *s = d->reset_methods ? d->reset_methods : "";

	while (*(s += strspn(s, " "))) {
		size_t n = strcspn(s, " ");
		bool bus = (n == 3 && strncmp(s, "bus", n) == 0) ||
			(n == 7 && strncmp(s, "cxl_bus", n) == 0);

		if (!bus || n_members == 1)
			return true;
		s += n;
	}
	return false;
}

static int check_function(struct context *c, const struct decided_device *dd)
{
	const struct device *d = dd->device;

	if (dd->function_reset)
		return report(c, CODE_RESET_SET_FUNCTION, d->address, NULL,
			"can be reset without touching another device, by %s", d->reset_methods);
	return report(c, CODE_RESET_SET_NO_FUNCTION_RESET, d->address, NULL,
		"cannot be reset without resetting its whole bus or slot");
}

/* Once for each device of the decision, peers included. */
static int find_members(struct context *c, struct decided_device *dd)
{
	int n;

	if (dd->members)
		return 0;
	n = topology_reset_set(c->topology, dd->device, &dd->members, &dd->bus_reset);
	if (n < 0)
		return n;
	dd->n_members = n;
	dd->function_reset = resets_alone(dd->device, n);
	return 0;
}

int reset_set_check(struct context *c, size_t i)
{
	struct decided_device dd;
	int r = find_members(c, &c->decision->devices[i]);

	if (r < 0)
		return r;
	/* A copy: peers may move the array. */
	dd = c->decision->devices[i];
	if (!dd.bus_reset && !dd.function_reset) {
		if (dd.reset_set != RESET_SET_TOLERATE)
			return report(c, CODE_RESET_SET_NO_RESET, dd.device->address, NULL,
				"has neither a function reset nor a bus or slot reset");
		return report(c, CODE_RESET_SET_NO_RESET_TOLERATED, dd.device->address, NULL,
			"has neither a function reset nor a bus or slot reset");
	}
	if (dd.reset_set & RESET_SET_FUNCTION)
		r = check_function(c, &dd);
	if (r >= 0 && (dd.reset_set & RESET_SET_EXCLUSIVE))
		r = check_exclusive(c, i, dd.members, (int)dd.n_members);
	return r;
}

static int report_ownership(struct context *c, const struct decided_device *dd)
{
	_cleanup_free_ char *names = NULL;
	bool resettable = dd->bus_reset || dd->function_reset;

	if (dd->reset_set_owned ? !resettable : dd->reset_set & RESET_SET_EXCLUSIVE)
		return 0;
	names = join_addresses(dd->members, dd->n_members, ", ");
	if (!names)
		return -ENOMEM;
	if (dd->reset_set_owned)
		return report(c, CODE_RESET_SET_OWNED, dd->device->address, NULL,
			"its reset set (%s) is in this lease or reserved with it", names);
	return report(c, CODE_RESET_SET_TOLERATED, dd->device->address, NULL,
		"its reset set (%s) is not wholly in this lease; a reset of others resets it too",
		names);
}

/* A device that only a bus or slot reset can reset gets one after its lease, whatever was required,
 * and the kernel makes it only when each member is on a vfio driver: reserved is not enough. */
static void own_members(struct context *c, const struct device **members, int n)
{
	for (int k = 0; k < n; k++) {
		ssize_t at = context_find(c, members[k]);

		if (at >= 0 && c->decision->devices[at].peer && !members[k]->physical_function)
			c->decision->devices[at].peer |= peer_role(c, members[k]);
	}
}

static int finish_device(struct context *c, struct decided_device *dd)
{
	int r = find_members(c, dd);

	if (r < 0)
		return r;
	dd->reset_set_owned = true;
	for (size_t k = 0; k < dd->n_members; k++)
		if (context_find(c, dd->members[k]) < 0 && !covered_by_pf(c, dd->members[k]))
			dd->reset_set_owned = false;
	if (dd->peer)
		return 0;
	if (dd->reset_set_owned && dd->bus_reset && !dd->function_reset)
		own_members(c, dd->members, (int)dd->n_members);
	return report_ownership(c, dd);
}

int reset_set_finish(struct context *c)
{
	for (size_t i = 0; i < c->decision->n_all; i++) {
		int r = finish_device(c, &c->decision->devices[i]);

		if (r < 0)
			return r;
	}
	return 0;
}
