/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The legacy backend: IOMMU group, container, TYPE1v2. A no-IOMMU group has a node of another name
 * (noiommu-N), which is never opened.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

#include "base/io.h"
#include "host/linux.h"
#include "host/uapi.h"

int host_group_open(struct host *h, int group)
{
	struct linux_host *l = linux_host(h);
	char path[HOST_PATH_MAX], node[64];
	dev_t rdev;
	int r;

	if (group < 0)
		return -EINVAL;
	snprintf(path, sizeof(path), "kernel/iommu_groups/%d", group);
	if (faccessat(l->sysfs, path, F_OK, 0) < 0)
		return -ENODEV;
	snprintf(node, sizeof(node), "vfio/noiommu-%d", group);
	if (faccessat(l->dev, node, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return -EOPNOTSUPP;
	snprintf(path, sizeof(path), "class/vfio/%d/dev", group);
	r = sysfs_read_rdev(l->sysfs, path, &rdev);
	if (r < 0)
		return r == -ENOENT ? -ENODEV : r;
	snprintf(node, sizeof(node), "vfio/%d", group);
	return open_node(l, node, rdev);
}

int host_container_open(struct host *h)
{
	dev_t rdev;
	int r = sysfs_read_rdev(linux_host(h)->sysfs, "class/misc/vfio/dev", &rdev);

	return r < 0 ? r : open_node(linux_host(h), "vfio/vfio", rdev);
}

int host_group_attach(struct host *h, int group_fd, int container_fd, bool first)
{
	int r = 0;

	/* EPERM: a member of the group is on a host driver (iommu_group_claim_dma_owner()). */
	if (ioctl(group_fd, VFIO_GROUP_SET_CONTAINER, &container_fd) < 0)
		return -errno;
	if (!first)
		return 0;
	if (ioctl(container_fd, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU) <= 0)
		r = -EOPNOTSUPP;
	else if (ioctl(container_fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU) < 0)
		r = -errno;
	if (r < 0)
		ioctl(group_fd, VFIO_GROUP_UNSET_CONTAINER);
	return r;
}

int host_group_device_open(struct host *h, int group_fd, const char *address)
{
	char path[HOST_PATH_MAX];
	int fd, r;

	r = device_path(address, "", path);
	if (r < 0)
		return r;
	/* The kernel opens it with O_CLOEXEC. */
	fd = ioctl(group_fd, VFIO_GROUP_GET_DEVICE_FD, address);
	return fd < 0 ? -errno : fd;
}

int host_container_unmap_all(struct host *h, int container_fd)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.flags = VFIO_DMA_UNMAP_FLAG_ALL, /* 5.12 */
	};

	return ioctl(container_fd, VFIO_IOMMU_UNMAP_DMA, &unmap) < 0 ? -errno : 0;
}
