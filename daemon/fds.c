/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A lease's fds in the service manager's fd store, so that they outlive the process. What is in
 * the store keeps a device open: it is taken out before the device can be given back.
 */
#include <errno.h>
#include <stdio.h>

#include "base/io.h"
#include "manager.h"

#define ROLE_MAX (ADDRESS_MAX + 16)

/* Calls each(l, role, fd) for every fd of the assignment until one fails. */
static int for_each_fd(struct lease *l, int (*each)(struct lease *l, const char *role, int fd))
{
	struct assignment *a = l->assignment;
	char role[ROLE_MAX];
	int r = each(l, "iommu", a->iommu_fd);

	for (size_t i = 0; r >= 0 && i < a->n_devices; i++) {
		snprintf(role, sizeof(role), "device-%s", a->devices[i].address);
		r = each(l, role, a->devices[i].fd);
	}
	for (size_t i = 0; r >= 0 && i < a->n_groups; i++) {
		snprintf(role, sizeof(role), "group-%d", a->groups[i].group);
		r = each(l, role, a->groups[i].fd);
	}
	return r;
}

static int push(struct lease *l, const char *role, int fd)
{
	return fd < 0 ? 0 : fdstore_push(l->id, role, fd);
}

static int pull(struct lease *l, const char *role, int fd)
{
	if (fd >= 0)
		(void)fdstore_remove(l->id, role);
	return 0;
}

int lease_store_fds(struct lease *l)
{
	return for_each_fd(l, push);
}

void lease_unstore_fds(struct lease *l)
{
	(void)for_each_fd(l, pull);
}

static int on_barrier(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct lease *l = userdata;
	void (*then)(struct lease *l) = l->when_stored;

	l->barrier_source = sd_event_source_disable_unref(l->barrier_source);
	l->barrier_fd = close_fd(l->barrier_fd);
	then(l);
	return 0;
}

int lease_when_stored(struct lease *l, void (*then)(struct lease *l))
{
	int r = fdstore_barrier(&l->barrier_fd);

	if (r < 0)
		return r;
	if (r == 0) {
		then(l);
		return 0;
	}
	l->when_stored = then;
	return sd_event_add_io(l->manager->event, &l->barrier_source, l->barrier_fd, EPOLLIN,
		on_barrier, l);
}
