/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Making an assignment from a decision, and reading the facts before anything is changed.
 */
#include <errno.h>
#include <string.h>

#include "assignment-private.h"
#include "base/text.h"

#define TROUBLE_MAX 2048 /* bytes: what a journal record should carry of it */

static int fill_device(struct assigned_device *to, const struct decided_device *from)
{
	memcpy(to->address, from->device->address, ADDRESS_MAX);
	to->group = from->device->iommu_group;
	to->requested = !from->peer;
	to->host_use_allowed = from->host_use_allowed;
	to->drawn_on = !from->device->driver && host_use_concerns(from->device);
	to->peer = from->peer;
	to->fd = -1;
	to->resettable = from->function_reset;
	to->hot_resettable = from->reset_set_owned && from->n_members > 1;
	to->reset_result = 1;
	to->stays = from->rule && from->rule->terms.when_free == WHEN_FREE_VFIO;
	for (size_t i = 0; i < from->n_members; i++)
		if (strv_append(&to->reset_set, from->members[i]->address) < 0)
			return -ENOMEM;
	return 0;
}

int assignment_new(struct host *host, const struct decision *d, struct assignment **ret)
{
	_cleanup_(assignment_free_cleanup) struct assignment *a = calloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	a->host = host;
	a->iommu_fd = -1;
	a->backend = d->backend;
	a->handover = d->handover;
	a->devices = calloc(d->n_all, sizeof(*a->devices));
	/* At most one group a device. */
	a->groups = calloc(d->n_all, sizeof(*a->groups));
	if (!a->devices || !a->groups)
		return -ENOMEM;
	for (size_t i = 0; i < d->n_all; i++) {
		a->n_devices++;
		if (fill_device(&a->devices[i], &d->devices[i]) < 0)
			return -ENOMEM;
	}
	a->n_requested = d->n_devices;
	*ret = TAKE_PTR(a);
	return 0;
}

static void drop_fresh(struct assignment *a)
{
	for (size_t i = 0; i < a->n_fresh; i++)
		device_unref(a->fresh[i]);
	free(a->fresh);
	a->fresh = NULL;
	a->n_fresh = 0;
}

struct assignment *assignment_free(struct assignment *a)
{
	if (!a)
		return NULL;
	drop_fresh(a);
	text_done(&a->trouble);
	for (size_t i = 0; i < a->n_devices; i++) {
		free(a->devices[i].prior_driver);
		free(a->devices[i].prior_override);
		strv_free(a->devices[i].reset_set);
		strv_free(a->devices[i].confirmed);
		host_close(a->host, a->devices[i].fd);
	}
	for (size_t i = 0; i < a->n_groups; i++)
		host_close(a->host, a->groups[i].fd);
	host_close(a->host, a->iommu_fd);
	free(a->devices);
	free(a->groups);
	free(a);
	return NULL;
}

struct assigned_device *assignment_find(struct assignment *a, const char *address)
{
	for (size_t i = 0; i < a->n_devices; i++)
		if (streq(a->devices[i].address, address))
			return &a->devices[i];
	return NULL;
}

static int add_trouble(struct assignment *a, const char *operation, const char *address,
	int result)
{
	if (result < 0 && a->trouble.size < TROUBLE_MAX)
		text_appendf(&a->trouble, "%s%s%s%s: %s", a->trouble.size ? "; " : "", operation,
			*address ? " " : "", address, errno_name(-result));
	return result;
}

/* Best effort, and no failure of the job: a device that is gone has no fresh facts. */
void assignment_refresh(struct assignment *a)
{
	drop_fresh(a);
	a->fresh = calloc(a->n_devices, sizeof(*a->fresh));
	if (!a->fresh)
		return;
	for (size_t i = 0; i < a->n_devices; i++) {
		const char *address = a->devices[i].address;

		if (add_trouble(a, "scan_device", address,
			    HOST(a->host, scan_device, address, address,
				    &a->fresh[a->n_fresh])) >= 0)
			a->n_fresh++;
	}
}

int assignment_note(struct assignment *a, const char *operation, const char *address, int result)
{
	if (result >= 0)
		return result;
	a->failed_step = operation;
	strcpy(a->failed_device, address);
	return add_trouble(a, operation, address, result);
}

int assignment_gather(struct assignment *a)
{
	for (size_t i = 0; i < a->n_devices; i++) {
		struct assigned_device *d = &a->devices[i];
		char *driver, *override;
		int r = CALL(a, driver_get, d->address, d->address, &driver);

		if (r < 0)
			return r;
		free(d->prior_driver);
		d->prior_driver = driver;
		r = CALL(a, override_get, d->address, d->address, &override);
		if (r < 0)
			return r;
		free(d->prior_override);
		d->prior_override = override;
	}
	assignment_refresh(a);
	return 0;
}
