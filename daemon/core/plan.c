/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The order of an acquire. Drivers first, since a group can be used only when no host driver is
 * left in it; then the context, everything that is bound along, and the client's own devices last.
 */
#include <errno.h>

#include "base/text.h"
#include "core/plan.h"

static const char *const names[STEP_KIND_N] = {
	[STEP_OVERRIDE] = "override",
	[STEP_UNBIND] = "unbind",
	[STEP_PROBE] = "probe",
	[STEP_IOMMUFD_OPEN] = "iommufd-open",
	[STEP_RLIMIT_MODE] = "rlimit-mode",
	[STEP_IOAS_ALLOC] = "ioas-alloc",
	[STEP_CDEV_OPEN] = "cdev-open",
	[STEP_CDEV_BIND] = "cdev-bind",
	[STEP_CDEV_ATTACH] = "cdev-attach",
	[STEP_CONTAINER_OPEN] = "container-open",
	[STEP_GROUP_OPEN] = "group-open",
	[STEP_GROUP_ATTACH] = "group-attach",
	[STEP_GROUP_DEVICE_OPEN] = "group-device-open",
	[STEP_CONFIRM_RESET_SET] = "confirm-reset-set",
};

const char *plan_step_to_string(enum step_kind k)
{
	return (unsigned)k < STEP_KIND_N ? names[k] : NULL;
}

void plan_free(struct plan *p)
{
	if (p)
		free(p->steps);
	free(p);
}

/* The array was made long enough for every device and group to take every step. */
static void add(struct plan *p, enum step_kind kind, size_t device, int group)
{
	p->steps[p->n++] = (struct plan_step){kind, device, group};
}

static void add_step(struct plan *p, enum step_kind kind)
{
	add(p, kind, PLAN_NO_DEVICE, PLAN_NO_GROUP);
}

static void add_device(struct plan *p, enum step_kind kind, size_t device)
{
	add(p, kind, device, PLAN_NO_GROUP);
}

/*
 * A device that is on vfio-pci stays as it is, unless its fd goes out unbound: then only an unbind
 * proves that nobody else has an unbound fd of it. From a variant driver it is moved, since
 * Migration=deny holds on vfio-pci only; a peer is never handed out and may stay.
 */
static bool needs_driver(const struct decision *d, size_t i)
{
	const struct decided_device *dd = &d->devices[i];

	if (dd->peer)
		return (dd->peer & PEER_RESET) && !device_on_vfio_driver(dd->device);
	return d->handover == HANDOVER_OPENED || !streq(dd->device->driver, VFIO_DRIVER);
}

static void add_drivers(struct plan *p, const struct decision *d)
{
	for (size_t i = 0; i < d->n_all; i++) {
		if (!needs_driver(d, i))
			continue;
		add_device(p, STEP_OVERRIDE, i);
		add_device(p, STEP_UNBIND, i);
		add_device(p, STEP_PROBE, i);
	}
}

/* Of a VF the kernel's answer is about its PF's bus, and no hot reset through it ever succeeds: a VF
 * is alone in its dev_set (drivers/vfio/pci/vfio_pci_core.c: vfio_pci_core_register_device()). */
static void add_confirm(struct plan *p, const struct decision *d, size_t i)
{
	if ((d->devices[i].reset_set & RESET_SET_EXCLUSIVE) &&
		!d->devices[i].device->physical_function)
		add_device(p, STEP_CONFIRM_RESET_SET, i);
}

static void add_bound_peers(struct plan *p, const struct decision *d)
{
	for (size_t i = d->n_devices; i < d->n_all; i++)
		if (d->devices[i].peer & PEER_BIND) {
			add_device(p, STEP_CDEV_OPEN, i);
			add_device(p, STEP_CDEV_BIND, i);
		}
}

static void plan_attached(struct plan *p, const struct decision *d)
{
	add_step(p, STEP_IOMMUFD_OPEN);
	add_bound_peers(p, d);
	for (size_t i = 0; i < d->n_devices; i++) {
		add_device(p, STEP_CDEV_OPEN, i);
		add_device(p, STEP_CDEV_BIND, i);
	}
	add_step(p, STEP_IOAS_ALLOC);
	for (size_t i = 0; i < d->n_devices; i++)
		add_device(p, STEP_CDEV_ATTACH, i);
	for (size_t i = 0; i < d->n_devices; i++)
		add_confirm(p, d, i);
}

static void plan_opened(struct plan *p, const struct decision *d)
{
	add_step(p, STEP_IOMMUFD_OPEN);
	add_step(p, STEP_RLIMIT_MODE);
	add_bound_peers(p, d);
	for (size_t i = 0; i < d->n_devices; i++) {
		add_confirm(p, d, i);
		add_device(p, STEP_CDEV_OPEN, i);
	}
}

static bool group_is_first(const struct decision *d, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (d->devices[j].device->iommu_group == d->devices[i].device->iommu_group &&
			(!d->devices[j].peer || (d->devices[j].peer & PEER_RESET)))
			return false;
	return true;
}

/* Groups of reset peers too: the daemon's hot reset has to show the kernel all groups' fds. */
static void plan_legacy(struct plan *p, const struct decision *d)
{
	add_step(p, STEP_CONTAINER_OPEN);
	for (size_t i = 0; i < d->n_all; i++) {
		int group = d->devices[i].device->iommu_group;

		if (d->devices[i].peer && !(d->devices[i].peer & PEER_RESET))
			continue;
		if (!group_is_first(d, i))
			continue;
		add(p, STEP_GROUP_OPEN, PLAN_NO_DEVICE, group);
		add(p, STEP_GROUP_ATTACH, PLAN_NO_DEVICE, group);
	}
	for (size_t i = 0; i < d->n_devices; i++)
		add_device(p, STEP_GROUP_DEVICE_OPEN, i);
	for (size_t i = 0; i < d->n_devices; i++)
		add_confirm(p, d, i);
}

int plan_acquire(const struct decision *d, struct plan **ret)
{
	bool iommufd = d->backend == BACKEND_IOMMUFD;
	_cleanup_plan_free_ struct plan *p = NULL;

	if (d->verdict == VERDICT_DENY || d->backend == BACKEND_ANY)
		return -EINVAL;
	if (d->handover != HANDOVER_ATTACHED && !(iommufd && d->handover == HANDOVER_OPENED))
		return -EOPNOTSUPP;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->steps = calloc((d->n_all + 1) * STEP_KIND_N, sizeof(*p->steps));
	if (!p->steps)
		return -ENOMEM;
	add_drivers(p, d);
	if (!iommufd)
		plan_legacy(p, d);
	else if (d->handover == HANDOVER_OPENED)
		plan_opened(p, d);
	else
		plan_attached(p, d);
	*ret = TAKE_PTR(p);
	return 0;
}
