/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Carrying out a plan. Each step either is done, or fails and everything before it is put back
 * before assignment_take() returns.
 */
#include <errno.h>
#include <string.h>

#include "assignment-private.h"

struct disks {
	int *fds;
	size_t n;
};

static int look(struct assignment *a, const struct assigned_device *d)
{
	_cleanup_host_use_facts_free_ struct host_use_facts *facts = NULL;
	int r = CALL(a, host_use, d->address, d->address, &facts);

	if (r < 0 || facts->n == 0)
		return r;
	a->in_use = host_use_class_text(facts->items[0].class);
	return assignment_note(a, "host_use", d->address, -EBUSY);
}

/* No step unbinds a display that has no driver, or touches one that is only reserved. */
static int look_at_displays(struct assignment *a)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < a->n_devices; i++)
		if (a->devices[i].drawn_on && !a->devices[i].host_use_allowed)
			r = look(a, &a->devices[i]);
	return r;
}

/*
 * The survey of the decision is some moments old, and blind to other namespaces: look again, and
 * claim the disks, so that nobody can begin to use one between this look and the unbind.
 */
static int claim(struct assignment *a, const struct assigned_device *d, struct disks *ret)
{
	int r = look(a, d);

	if (r < 0)
		return r;
	r = CALL(a, block_claim, d->address, d->address, &ret->fds, &ret->n);
	if (r == -EBUSY)
		a->in_use = "a disk of it is mounted or in other exclusive use, perhaps in another "
			    "namespace";
	return r;
}

static void unclaim(struct assignment *a, struct disks *disks)
{
	for (size_t i = 0; i < disks->n; i++)
		host_close(a->host, disks->fds[i]);
	free(disks->fds);
}

static bool is_of_host(const char *driver)
{
	struct device facts = {.driver = (char *)driver};

	return driver && !device_on_vfio_driver(&facts);
}

/* The facts may have changed since they were gathered: a driver that came meanwhile is not ours to
 * take away. */
static int unbind(struct assignment *a, struct assigned_device *d)
{
	_cleanup_free_ char *driver = NULL;
	struct disks disks = {0};
	int r = CALL(a, driver_get, d->address, d->address, &driver);

	if (r < 0)
		return r;
	if (!streq(driver, d->prior_driver))
		return assignment_note(a, "driver_get", d->address, -ESTALE);
	/* Who uses the device past the daemon would keep the unbind in the kernel. */
	r = assignment_check_group(a, d);
	if (r < 0)
		return assignment_note(a, "group_open", d->address, r);
	if (is_of_host(driver) && !d->host_use_allowed) {
		r = claim(a, d, &disks);
		if (r < 0)
			return r;
	}
	r = CALL(a, driver_unbind, d->address, d->address);
	d->driver_changed |= r >= 0;
	unclaim(a, &disks);
	return r;
}

static int open_into(int r, int *ret_fd)
{
	if (r < 0)
		return r;
	*ret_fd = r;
	return 0;
}

static struct assigned_group *find_group(struct assignment *a, int group)
{
	for (size_t i = 0; i < a->n_groups; i++)
		if (a->groups[i].group == group)
			return &a->groups[i];
	return NULL;
}

static const char *group_subject(struct assignment *a, int group)
{
	for (size_t i = 0; i < a->n_devices; i++)
		if (a->devices[i].group == group)
			return a->devices[i].address;
	return "";
}

static int open_group(struct assignment *a, int group)
{
	int fd = CALL(a, group_open, group_subject(a, group), group);

	if (fd < 0)
		return fd;
	a->groups[a->n_groups++] = (struct assigned_group){group, fd, false};
	return 0;
}

static int attach_group(struct assignment *a, int group)
{
	struct assigned_group *g = find_group(a, group);
	int r = CALL(a, group_attach, group_subject(a, group), g->fd, a->iommu_fd,
		g == a->groups);

	g->attached = r >= 0;
	return r;
}

int assignment_open_group(struct assignment *a, int group)
{
	int r = find_group(a, group) ? 0 : open_group(a, group);

	return r < 0 || find_group(a, group)->attached ? r : attach_group(a, group);
}

int assignment_open_device(struct assignment *a, struct assigned_device *d)
{
	if (a->backend == BACKEND_IOMMUFD)
		return open_into(CALL(a, cdev_open, d->address, d->address), &d->fd);
	return open_into(CALL(a, group_device_open, d->address, find_group(a, d->group)->fd,
				 d->address),
		&d->fd);
}

static int keep_members(struct assigned_device *d, const struct hot_reset_member *members, int n)
{
	strv_free(d->confirmed);
	d->confirmed = NULL;
	for (int i = 0; i < n; i++)
		if (strv_append(&d->confirmed, members[i].address) < 0)
			return -ENOMEM;
	return 0;
}

static int ask_reset_set(struct assignment *a, struct assigned_device *d, int fd)
{
	_cleanup_free_ struct hot_reset_member *members = NULL;
	int n = HOST(a->host, hot_reset_info, d->address, fd, &members);

	/* ENODEV: there is no bus or slot reset, so it shares none with anybody. */
	if (n == -ENODEV)
		return 0;
	if (n < 0)
		return assignment_note(a, "hot_reset_info", d->address, n);
	return keep_members(d, members, n);
}

/* The client's fd has to stay unbound: ask through a private open, closed again at once. */
static int ask_privately(struct assignment *a, struct assigned_device *d)
{
	uint32_t devid;
	int iommufd, fd, r;

	iommufd = CALL(a, iommufd_open, d->address);
	if (iommufd < 0)
		return iommufd;
	r = fd = CALL(a, cdev_open, d->address, d->address);
	if (r >= 0)
		r = CALL(a, cdev_bind, d->address, fd, iommufd, &devid);
	if (r >= 0)
		r = ask_reset_set(a, d, fd);
	host_close(a->host, fd);
	host_close(a->host, iommufd);
	return r;
}

static int device_step(struct assignment *a, enum step_kind kind, struct assigned_device *d)
{
	switch (kind) {
	case STEP_OVERRIDE:
		d->override_changed = true;
		return CALL(a, override_set, d->address, d->address, VFIO_DRIVER);
	case STEP_UNBIND:
		return unbind(a, d);
	case STEP_PROBE:
		return CALL(a, driver_probe, d->address, d->address, VFIO_DRIVER);
	case STEP_CDEV_OPEN:
	case STEP_GROUP_DEVICE_OPEN:
		return assignment_open_device(a, d);
	case STEP_CDEV_BIND:
		return CALL(a, cdev_bind, d->address, d->fd, a->iommu_fd, &d->devid);
	case STEP_CDEV_ATTACH:
		return CALL(a, cdev_attach, d->address, d->fd, a->ioas);
	case STEP_CONFIRM_RESET_SET:
		return d->fd >= 0 ? ask_reset_set(a, d, d->fd) : ask_privately(a, d);
	default:
		return -ENOSYS;
	}
}

static int run_step(struct assignment *a, const struct plan_step *s)
{
	switch (s->kind) {
	case STEP_IOMMUFD_OPEN:
		return open_into(CALL(a, iommufd_open, ""), &a->iommu_fd);
	case STEP_RLIMIT_MODE:
		return CALL(a, iommufd_rlimit_mode, "", a->iommu_fd);
	case STEP_IOAS_ALLOC:
		return CALL(a, ioas_alloc, "", a->iommu_fd, &a->ioas);
	case STEP_CONTAINER_OPEN:
		return open_into(CALL(a, container_open, ""), &a->iommu_fd);
	case STEP_GROUP_OPEN:
		return open_group(a, s->group);
	case STEP_GROUP_ATTACH:
		return attach_group(a, s->group);
	default:
		return device_step(a, s->kind, &a->devices[s->device]);
	}
}

/* Nothing was handed out, so nothing has to be proved or reset. */
static void unwind(struct assignment *a)
{
	const char *step = a->failed_step;
	char device[ADDRESS_MAX];

	memcpy(device, a->failed_device, sizeof(device));
	assignment_cut(a);
	(void)assignment_prove(a);
	assignment_was_not_used(a);
	(void)assignment_return(a);
	/* What the client hears of is the step that failed first. */
	a->failed_step = step;
	memcpy(a->failed_device, device, sizeof(device));
}

int assignment_take(struct assignment *a, const struct plan *plan)
{
	int r = look_at_displays(a);

	for (size_t i = 0; r >= 0 && i < plan->n; i++)
		r = run_step(a, &plan->steps[i]);
	if (r < 0) {
		unwind(a);
		return r;
	}
	/* Whoever had a device has to be unbound from it: see assignment_prove(). */
	for (size_t i = 0; i < a->n_requested; i++)
		a->devices[i].driver_changed = true;
	assignment_refresh(a);
	return 0;
}
