/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Taking an assignment back: cut DMA off, drop the fds, prove that nobody holds a device, reset it
 * alone, put its driver and override back. Each part can be repeated: after a crash it starts over
 * from what the state file says.
 */
#include <errno.h>
#include <string.h>

#include "assignment-private.h"
#include "base/text.h"

static void look_at(struct assignment *a, struct assigned_device *d)
{
	_cleanup_free_ char *driver = NULL, *override = NULL;

	/* The override first: it waits for what an earlier daemon began on the device. */
	if (CALL(a, override_get, d->address, d->address, &override) >= 0 &&
		streq(override, d->prior_override))
		d->override_changed = false;
	if (CALL(a, driver_get, d->address, d->address, &driver) >= 0 &&
		streq(driver, d->prior_driver))
		d->driver_changed = false;
}

void assignment_look(struct assignment *a)
{
	for (size_t i = 0; a->assumed && i < a->n_devices; i++)
		look_at(a, &a->devices[i]);
	a->assumed = false;
}

static void detach(struct assignment *a, const struct assigned_device *d)
{
	int r = HOST(a->host, cdev_detach, d->address, d->fd);

	/* Under `opened` only the client knows whether it bound the device: EINVAL is no news. */
	if (r != -EINVAL || a->handover != HANDOVER_OPENED)
		(void)assignment_note(a, "cdev_detach", d->address, r);
}

static void cut_iommufd(struct assignment *a)
{
	if (a->ioas)
		CALL(a, ioas_unmap_all, "", a->iommu_fd, a->ioas);
	/* A DETACH takes effect with the last attached sibling of the group only: detach all. */
	for (size_t i = 0; i < a->n_requested; i++)
		if (a->devices[i].fd >= 0)
			detach(a, &a->devices[i]);
	if (a->ioas)
		CALL(a, ioas_destroy, "", a->iommu_fd, a->ioas);
	a->ioas = 0;
}

void assignment_cut(struct assignment *a)
{
	if (a->iommu_fd >= 0 && a->backend == BACKEND_IOMMUFD)
		cut_iommufd(a);
	else if (a->iommu_fd >= 0)
		CALL(a, container_unmap_all, "", a->iommu_fd);
	for (size_t i = 0; i < a->n_devices; i++) {
		host_close(a->host, TAKE_FD(a->devices[i].fd));
		a->devices[i].devid = 0;
	}
	for (size_t i = 0; i < a->n_groups; i++)
		host_close(a->host, TAKE_FD(a->groups[i].fd));
	a->n_groups = 0;
	host_close(a->host, TAKE_FD(a->iommu_fd));
}

int assignment_check_group(struct assignment *a, const struct assigned_device *d)
{
	int fd;

	if (d->group < 0)
		return 0;
	fd = HOST(a->host, group_open, d->address, d->group);
	if (fd >= 0) {
		host_close(a->host, fd);
		return 0;
	}
	/* No group node: the device left the vfio driver, or this kernel has none of them. */
	if (is_gone(fd) || fd == -ENXIO)
		return 0;
	if (fd == -EBUSY)
		return fd;
	return assignment_note(a, "group_open", d->address, fd);
}

int assignment_check_holders(struct assignment *a)
{
	for (size_t i = 0; i < a->n_devices; i++) {
		int r;

		if (!is_taken(&a->devices[i]))
			continue;
		r = assignment_check_group(a, &a->devices[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

int assignment_prove(struct assignment *a)
{
	int result = 0;

	for (size_t i = 0; i < a->n_devices; i++) {
		struct assigned_device *d = &a->devices[i];
		int r;

		if (!d->driver_changed)
			continue;
		r = CALL_INSIST(a, driver_unbind, d->address, d->address);
		if (r < 0 && !is_gone(r)) {
			d->broken = true;
			result = r;
		}
	}
	return result;
}

void assignment_was_not_used(struct assignment *a)
{
	for (size_t i = 0; i < a->n_devices; i++)
		a->devices[i].stays = false;
}

/* Under its override the driver need not match the device any more: name it for the moment. */
static int probe_by_name(struct assignment *a, const struct assigned_device *d, const char *driver)
{
	int r = CALL_INSIST(a, override_set, d->address, d->address, driver);

	/* A driver that took the device meanwhile keeps it until it is unbound. */
	if (r >= 0)
		r = CALL_INSIST(a, driver_unbind, d->address, d->address);
	if (r >= 0)
		r = CALL_INSIST(a, driver_probe, d->address, d->address, driver);
	if (CALL_INSIST(a, override_set, d->address, d->address, d->prior_override) < 0 && r >= 0)
		r = -EIO;
	return r;
}

static int return_device(struct assignment *a, struct assigned_device *d)
{
	const char *driver = d->stays ? VFIO_DRIVER : d->prior_driver;
	int r = d->override_changed || d->driver_changed ?
		CALL_INSIST(a, override_set, d->address, d->address, d->prior_override) : 0;

	if (!d->driver_changed)
		return r;
	/* A device that could not be reset is quarantined: no driver of the host may touch it. */
	if (r < 0 || !driver || d->reset_result < 0)
		return r;
	r = HOST(a->host, driver_probe, d->address, d->address, driver);
	/* It may have been bound under an override that was taken away or changed afterwards. */
	if (r == -ENODEV || r == -ENXIO)
		return probe_by_name(a, d, driver);
	if (assignment_note(a, "driver_probe", d->address, r) < 0)
		r = CALL_INSIST(a, driver_probe, d->address, d->address, driver);
	return r;
}

int assignment_return(struct assignment *a)
{
	int result = 0;

	for (size_t i = 0; i < a->n_devices; i++) {
		struct assigned_device *d = &a->devices[i];
		int r;

		if (d->broken)
			continue;
		r = return_device(a, d);
		if (r < 0 && !is_gone(r)) {
			d->broken = true;
			result = r;
		} else {
			d->override_changed = d->driver_changed = false;
		}
	}
	assignment_refresh(a);
	return result;
}
