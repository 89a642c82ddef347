/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The iommufd backend of the model. IOAS and devids share one numbering, as iommufd's objects do. */
#include <errno.h>
#include <stdio.h>

#include "model.h"

#define IDS_MAX 63 /* ids are bits of a word */

int fake_iommufd_open(struct host *h)
{
	FAKE_ENTER(f, h);
	struct fake_file *file;

	return f->facts.iommufd ? fake_file_new(f, FAKE_IOMMUFD, "iommufd", &file) : -ENOENT;
}

static bool has_bound(const struct fake_host *f, const struct fake_file *iommufd)
{
	for (const struct fake_file *file = f->files; file; file = file->next)
		if (file->context == iommufd)
			return true;
	return false;
}

int fake_iommufd_rlimit_mode(struct host *h, int iommufd)
{
	FAKE_ENTER(f, h);
	struct fake_file *file = fake_file_of(f, iommufd, FAKE_IOMMUFD);

	if (!file)
		return -ENOTTY;
	return file->ioas || has_bound(f, file) ? -EBUSY : 0;
}

int fake_ioas_alloc(struct host *h, int iommufd, uint32_t *ret_ioas)
{
	FAKE_ENTER(f, h);
	struct fake_file *file = fake_file_of(f, iommufd, FAKE_IOMMUFD);

	if (!file)
		return -ENOTTY;
	if (file->last_id >= IDS_MAX)
		return -ENOSPC;
	*ret_ioas = ++file->last_id;
	file->ioas |= UINT64_C(1) << *ret_ioas;
	return 0;
}

static bool has_ioas(const struct fake_file *file, uint32_t ioas)
{
	return ioas <= IDS_MAX && file->ioas >> ioas & 1;
}

int fake_ioas_unmap_all(struct host *h, int iommufd, uint32_t ioas)
{
	FAKE_ENTER(f, h);
	struct fake_file *file = fake_file_of(f, iommufd, FAKE_IOMMUFD);

	if (!file)
		return -ENOTTY;
	return has_ioas(file, ioas) ? 0 : -ENOENT;
}

int fake_ioas_destroy(struct host *h, int iommufd, uint32_t ioas)
{
	FAKE_ENTER(f, h);
	struct fake_file *file = fake_file_of(f, iommufd, FAKE_IOMMUFD);

	if (!file)
		return -ENOTTY;
	if (!has_ioas(file, ioas))
		return -ENOENT;
	for (struct fake_file *other = f->files; other; other = other->next)
		if (other->context == file && other->attached == ioas)
			return -EBUSY;
	file->ioas &= ~(UINT64_C(1) << ioas);
	return 0;
}

int fake_cdev_open(struct host *h, const char *address)
{
	FAKE_ENTER(f, h);
	struct fake_device *d = fake_find(f, address);
	struct fake_file *file;
	char name[ADDRESS_MAX + 8];
	int fd;

	if (!d)
		return -ENODEV;
	if (!f->facts.iommufd || d->cdev < 0 || d->unbinding)
		return -ENOENT;
	snprintf(name, sizeof(name), "cdev-%s", d->address);
	fd = fake_file_new(f, FAKE_CDEV, name, &file);
	if (fd >= 0)
		file->device = d;
	return fd;
}

int fake_cdev_bind(struct host *h, int device_fd, int iommufd, uint32_t *ret_devid)
{
	FAKE_ENTER(f, h);
	struct fake_file *file = fake_file_of(f, device_fd, FAKE_CDEV), *owner;
	struct fake_file *context = fake_file_of(f, iommufd, FAKE_IOMMUFD);

	if (!file || !context)
		return file ? -EBADFD : -ENOTTY;
	if (fake_bound_cdev(f, file->device))
		return -EINVAL;
	if (fake_group_file(f, file->device->group))
		return -EBUSY;
	owner = fake_group_owner(f, file->device->group);
	if (!fake_group_is_viable(f, file->device->group) || (owner && owner != context))
		return -EPERM;
	if (context->last_id >= IDS_MAX)
		return -ENOSPC;
	file->context = context;
	file->devid = ++context->last_id;
	*ret_devid = file->devid;
	return 0;
}

int fake_cdev_attach(struct host *h, int device_fd, uint32_t ioas)
{
	FAKE_ENTER(f, h);
	struct fake_file *file = fake_file_of(f, device_fd, FAKE_CDEV);

	if (!file || !file->context)
		return file ? -EINVAL : -ENOTTY;
	if (!has_ioas(file->context, ioas))
		return -ENOENT;
	/* The group has one translation: siblings share it. */
	for (struct fake_file *other = f->files; other; other = other->next)
		if (other != file && other->attached && other->attached != ioas &&
			other->device->group == file->device->group)
			return -EINVAL;
	file->attached = ioas;
	return 0;
}

int fake_cdev_detach(struct host *h, int device_fd)
{
	FAKE_ENTER(f, h);
	struct fake_file *file = fake_file_of(f, device_fd, FAKE_CDEV);

	if (!file || !file->context)
		return file ? -EINVAL : -ENOTTY;
	file->attached = 0;
	return 0;
}
