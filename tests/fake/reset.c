/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Resets of the model, with VFIO's rules for who may hot-reset: drivers/vfio/pci/vfio_pci_core.c. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "model.h"

/* The device behind an fd of either backend that may be operated, or NULL. */
static struct fake_file *bound_file(struct fake_host *f, int fd)
{
	struct fake_file *file = fake_file_of(f, fd, FAKE_CDEV);

	if (!file)
		file = fake_file_of(f, fd, FAKE_GROUP_DEVICE);
	return file && file->context ? file : NULL;
}

int fake_device_reset(struct host *h, int device_fd)
{
	FAKE_ENTER(f, h);
	struct fake_file *file = bound_file(f, device_fd);

	if (!file || !*file->device->reset_methods)
		return -EINVAL;
	file->device->resets++;
	return 0;
}

/* Below d's parent, at any depth. */
static bool is_below(struct fake_host *f, const struct fake_device *d, const char *bridge)
{
	for (unsigned depth = 0; d && d->parent && depth < 64; depth++) {
		if (streq(d->parent, bridge))
			return true;
		d = fake_find(f, d->parent);
	}
	return false;
}

/* Members of d's slot or bus into set, which has room for all; -ENODEV without such a reset. */
static int reset_set(struct fake_host *f, const struct fake_device *d, struct fake_device **set)
{
	int n = 0;

	if (!d->parent || d->physical_function)
		return -ENODEV;
	for (size_t i = 0; i < f->n_devices; i++) {
		if (!is_below(f, f->devices[i], d->parent))
			continue;
		if (f->devices[i]->bridge || f->devices[i]->physical_function)
			return -ENODEV;
		set[n++] = f->devices[i];
	}
	return n;
}

/* As the kernel answers to a cdev: above 0 in this context, 0 by its group, -1 not owned. */
static int devid_of(struct fake_host *f, const struct fake_device *d,
	const struct fake_file *context)
{
	struct fake_file *bound = fake_bound_cdev(f, d);

	if (!fake_on_vfio(d))
		return -1;
	if (bound)
		return bound->context == context ? (int)bound->devid : -1;
	return fake_group_owner(f, d->group) == context ? 0 : -1;
}

int fake_hot_reset_info(struct host *h, int device_fd, struct hot_reset_member **ret)
{
	FAKE_ENTER(f, h);
	struct fake_file *file = bound_file(f, device_fd);
	_cleanup_free_ struct fake_device **set = calloc(f->n_devices + 1, sizeof(struct fake_device *));
	struct hot_reset_member *members;
	int n;

	if (!file || !set)
		return file ? -ENOMEM : -EINVAL;
	n = reset_set(f, file->device, set);
	if (n < 0)
		return n;
	members = calloc((size_t)n + 1, sizeof(*members));
	if (!members)
		return -ENOMEM;
	for (int i = 0; i < n; i++) {
		strcpy(members[i].address, set[i]->address);
		if (file->kind == FAKE_CDEV)
			members[i].devid = devid_of(f, set[i], file->context);
	}
	*ret = members;
	return n;
}

static bool has_group(struct fake_host *f, int group, const int *group_fds, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct fake_file *file = fake_file_of(f, group_fds[i], FAKE_GROUP);

		if (file && file->group == group)
			return true;
	}
	return false;
}

int fake_hot_reset(struct host *h, int device_fd, const int *group_fds, size_t n)
{
	FAKE_ENTER(f, h);
	struct fake_file *file = bound_file(f, device_fd);
	_cleanup_free_ struct fake_device **set = calloc(f->n_devices + 1, sizeof(struct fake_device *));
	int members;

	if (!file || !set)
		return file ? -ENOMEM : -EINVAL;
	/* A cdev takes no group fds, a group's device needs them. */
	if ((file->kind == FAKE_CDEV) != (n == 0))
		return -EINVAL;
	members = reset_set(f, file->device, set);
	for (int i = 0; i < members; i++) {
		bool owned = file->kind == FAKE_CDEV ? devid_of(f, set[i], file->context) >= 0 :
			fake_on_vfio(set[i]) && has_group(f, set[i]->group, group_fds, n);

		if (!owned)
			return -EINVAL;
	}
	for (int i = 0; i < members; i++)
		set[i]->resets++;
	return members < 0 ? members : 0;
}
