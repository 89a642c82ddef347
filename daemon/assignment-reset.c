/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Resets: of a live lease through its own fds, and of devices that nobody holds any more. The
 * second kind is what the next client relies on; it is made on devices without a driver, or through
 * fds that were opened after the proof and never handed out.
 */
#include <errno.h>

#include "assignment-private.h"
#include "base/text.h"


static bool has_member_in(const struct assignment *a, int group, const struct assigned_device *d)
{
	for (size_t i = 0; i < a->n_devices; i++)
		if (a->devices[i].group == group &&
			strv_contains(d->reset_set, a->devices[i].address))
			return true;
	return false;
}

/* The hot reset of d's reset set, with what is open now. The kernel wants the fds of the groups
 * that are in the set, and no others. */
static int hot_reset(struct assignment *a, const struct assigned_device *d)
{
	_cleanup_free_ int *fds = calloc(a->n_groups + 1, sizeof(int));
	size_t n = 0;

	if (!fds)
		return -ENOMEM;
	for (size_t i = 0; i < a->n_groups; i++)
		if (has_member_in(a, a->groups[i].group, d))
			fds[n++] = a->groups[i].fd;
	return CALL(a, hot_reset, d->address, d->fd, n ? fds : NULL, n);
}

/* An earlier device's hot reset has reset this one, too. */
static bool is_covered(const struct assignment *a, size_t i, bool (*counts)(
	const struct assigned_device *d))
{
	for (size_t j = 0; j < i; j++)
		if (counts(&a->devices[j]) &&
			strv_contains(a->devices[j].reset_set, a->devices[i].address))
			return true;
	return false;
}

static bool is_any(const struct assigned_device *d)
{
	return true;
}

static bool needs_bus(const struct assigned_device *d)
{
	return d->driver_changed && !d->broken && !d->resettable && d->hot_resettable;
}

int assignment_live_reset(struct assignment *a, bool hot)
{
	for (size_t i = 0; i < a->n_requested; i++) {
		const struct assigned_device *d = &a->devices[i];
		int r = 0;

		if (!hot)
			r = CALL(a, device_reset, d->address, d->fd);
		else if (!is_covered(a, i, is_any))
			r = hot_reset(a, d);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Back on the vfio driver, those that were taken off it: peers that were there before, stayed. */
static int probe_all(struct assignment *a)
{
	for (size_t i = 0; i < a->n_devices; i++) {
		struct assigned_device *d = &a->devices[i];
		int r;

		if (!is_taken(d) || !d->driver_changed)
			continue;
		d->override_changed = true;
		r = CALL_INSIST(a, override_set, d->address, d->address, VFIO_DRIVER);
		if (r >= 0)
			r = CALL_INSIST(a, driver_probe, d->address, d->address, VFIO_DRIVER);
		if (r < 0)
			return r;
	}
	return 0;
}

static int open_all(struct assignment *a)
{
	bool iommufd = a->backend == BACKEND_IOMMUFD;
	int r = iommufd ? CALL(a, iommufd_open, "") : CALL(a, container_open, "");

	if (r < 0)
		return r;
	a->iommu_fd = r;
	for (size_t i = 0; i < a->n_devices; i++) {
		struct assigned_device *d = &a->devices[i];

		if (!is_taken(d))
			continue;
		if (iommufd) {
			r = assignment_open_device(a, d);
			if (r >= 0)
				r = CALL(a, cdev_bind, d->address, d->fd, a->iommu_fd, &d->devid);
		} else {
			r = assignment_open_group(a, d->group);
			if (r >= 0 && d->requested)
				r = assignment_open_device(a, d);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

static int reset_sets(struct assignment *a)
{
	for (size_t i = 0; i < a->n_requested; i++) {
		int r = 0;

		if (needs_bus(&a->devices[i]) && !is_covered(a, i, needs_bus))
			r = hot_reset(a, &a->devices[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

static int reset_by_bus(struct assignment *a)
{
	enum handover handover = a->handover;
	int r = probe_all(a);

	if (r >= 0)
		r = open_all(a);
	if (r >= 0)
		r = reset_sets(a);
	/* Nothing is attached, so there is nothing to detach. */
	a->handover = HANDOVER_OPENED;
	assignment_cut(a);
	a->handover = handover;
	(void)assignment_prove(a);
	return r;
}

void assignment_reset(struct assignment *a)
{
	bool bus = false;
	int r;

	for (size_t i = 0; i < a->n_requested; i++) {
		struct assigned_device *d = &a->devices[i];

		if (!d->driver_changed || d->broken)
			continue;
		if (d->resettable)
			d->reset_result = CALL_INSIST(a, function_reset, d->address, d->address);
		bus |= needs_bus(d);
	}
	if (!bus)
		return;
	for (unsigned try = 1; (r = reset_by_bus(a)) < 0 && !is_gone(r) && try < CALL_TRIES; try++)
		usleep(CALL_PAUSE_USEC);
	for (size_t i = 0; i < a->n_requested; i++)
		if (needs_bus(&a->devices[i]))
			a->devices[i].reset_result = r < 0 ? r : 0;
}
