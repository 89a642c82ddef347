/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* DMA ownership of IOMMU groups: drivers/iommu/iommu.c, as far as VFIO's users can see it. */
#include "base/text.h"
#include "model.h"

bool fake_on_vfio(const struct fake_device *d)
{
	struct device facts = { .driver = d->driver };

	return device_on_vfio_driver(&facts);
}

bool fake_group_is_viable(struct fake_host *f, int group)
{
	for (size_t i = 0; i < f->n_devices; i++) {
		const struct fake_device *d = f->devices[i];

		/* Port drivers manage no DMA (driver_managed_dma). */
		if (d->group == group && !d->bridge && d->driver && !fake_on_vfio(d))
			return false;
	}
	return true;
}

struct fake_file *fake_bound_cdev(struct fake_host *f, const struct fake_device *d)
{
	for (struct fake_file *file = f->files; file; file = file->next)
		if (file->kind == FAKE_CDEV && file->device == d && file->context)
			return file;
	return NULL;
}

struct fake_file *fake_group_file(struct fake_host *f, int group)
{
	for (struct fake_file *file = f->files; file; file = file->next)
		if (file->kind == FAKE_GROUP && file->group == group)
			return file;
	return NULL;
}

/* The iommufd or the container that owns the group's DMA. */
struct fake_file *fake_group_owner(struct fake_host *f, int group)
{
	for (struct fake_file *file = f->files; file; file = file->next) {
		if (file->kind == FAKE_CDEV && file->device->group == group && file->context)
			return file->context;
		if (file->kind == FAKE_GROUP && file->group == group && file->context)
			return file->context;
	}
	return NULL;
}
