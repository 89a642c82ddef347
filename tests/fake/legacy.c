/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The legacy backend of the model. */
#include <errno.h>
#include <stdio.h>

#include "model.h"

int fake_group_open(struct host *h, int group)
{
	FAKE_ENTER(f, h);
	struct fake_file *file;
	bool present = false;
	char name[32];
	int fd;

	for (size_t i = 0; i < f->n_devices; i++) {
		struct fake_device *d = f->devices[i];

		if (d->group != group)
			continue;
		present = present || (fake_on_vfio(d) && !d->unbinding);
		if (fake_bound_cdev(f, d))
			return -EBUSY;
	}
	if (!f->facts.legacy || !present)
		return -ENODEV;
	/* Still there while a device of it is open, whoever has the group's fd. */
	if (fake_group_file(f, group))
		return -EBUSY;
	snprintf(name, sizeof(name), "group-%d", group);
	fd = fake_file_new(f, FAKE_GROUP, name, &file);
	if (fd >= 0)
		file->group = group;
	return fd;
}

int fake_container_open(struct host *h)
{
	FAKE_ENTER(f, h);
	struct fake_file *file;

	return f->facts.legacy ? fake_file_new(f, FAKE_CONTAINER, "container", &file) : -ENOENT;
}

int fake_group_attach(struct host *h, int group_fd, int container_fd, bool first)
{
	FAKE_ENTER(f, h);
	struct fake_file *group = fake_file_of(f, group_fd, FAKE_GROUP);
	struct fake_file *container = fake_file_of(f, container_fd, FAKE_CONTAINER);

	if (!group || !container)
		return group ? -EINVAL : -ENOTTY;
	if (group->context || (first && container->type_set))
		return -EINVAL;
	if (!fake_group_is_viable(f, group->group))
		return -EPERM;
	group->context = container;
	if (first)
		container->type_set = true;
	return 0;
}

int fake_group_device_open(struct host *h, int group_fd, const char *address)
{
	FAKE_ENTER(f, h);
	struct fake_file *group = fake_file_of(f, group_fd, FAKE_GROUP), *file;
	struct fake_device *d = fake_find(f, address);
	char name[ADDRESS_MAX + 8];
	int fd;

	if (!group)
		return -ENOTTY;
	if (!group->context || !group->context->type_set)
		return -EINVAL;
	if (!d || d->group != group->group || !fake_on_vfio(d) || d->unbinding)
		return -ENODEV;
	snprintf(name, sizeof(name), "device-%s", d->address);
	fd = fake_file_new(f, FAKE_GROUP_DEVICE, name, &file);
	if (fd >= 0) {
		file->device = d;
		file->context = group;
	}
	return fd;
}

int fake_container_unmap_all(struct host *h, int container_fd)
{
	FAKE_ENTER(f, h);
	struct fake_file *container = fake_file_of(f, container_fd, FAKE_CONTAINER);

	if (!container)
		return -ENOTTY;
	return container->type_set ? 0 : -EINVAL;
}
