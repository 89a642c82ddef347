/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The iommufd backend: device cdevs and I/O address spaces, one ioctl an operation. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "host/linux.h"
#include "host/uapi.h"

#define BIND_RETRIES 50
#define BIND_STEP_MSEC 20

static int call(int fd, unsigned long request, void *argument)
{
	int r;

	do
		r = ioctl(fd, request, argument);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

int host_iommufd_open(struct host *h)
{
	dev_t rdev;
	int r = sysfs_read_rdev(linux_host(h)->sysfs, "class/misc/iommu/dev", &rdev);

	return r < 0 ? r : open_node(linux_host(h), "iommu", rdev);
}

int host_iommufd_rlimit_mode(struct host *h, int iommufd)
{
	struct dl_iommu_option option = {
		.size = sizeof(option),
		.option_id = DL_IOMMU_OPTION_RLIMIT_MODE,
		.op = DL_IOMMU_OPTION_OP_SET,
		.value = 1,
	};

	return call(iommufd, DL_IOMMU_OPTION, &option);
}

int host_ioas_alloc(struct host *h, int iommufd, uint32_t *ret_ioas)
{
	struct dl_iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
	int r = call(iommufd, DL_IOMMU_IOAS_ALLOC, &alloc);

	if (r < 0)
		return r;
	*ret_ioas = alloc.out_ioas_id;
	return 0;
}

int host_ioas_unmap_all(struct host *h, int iommufd, uint32_t ioas)
{
	struct dl_iommu_ioas_unmap unmap = {
		.size = sizeof(unmap),
		.ioas_id = ioas,
		.length = UINT64_MAX,
	};
	int r = call(iommufd, DL_IOMMU_IOAS_UNMAP, &unmap);

	/* Nothing was mapped: as good as unmapped. */
	return r == -ENOENT ? 0 : r;
}

int host_ioas_destroy(struct host *h, int iommufd, uint32_t ioas)
{
	struct dl_iommu_destroy destroy = { .size = sizeof(destroy), .id = ioas };

	return call(iommufd, DL_IOMMU_DESTROY, &destroy);
}

int host_cdev_open(struct host *h, const char *address)
{
	_cleanup_free_ char *name = NULL;
	char path[HOST_PATH_MAX], node[HOST_PATH_MAX];
	dev_t rdev;
	int r;

	r = sysfs_cdev_name(linux_host(h)->sysfs, address, &name);
	if (r < 0)
		return r;
	if (snprintf(node, sizeof(node), "/vfio-dev/%s/dev", name) >= (int)sizeof(node))
		return -ENAMETOOLONG;
	r = device_path(address, node, path);
	if (r >= 0)
		r = sysfs_read_rdev(linux_host(h)->sysfs, path, &rdev);
	if (r < 0)
		return r;
	snprintf(node, sizeof(node), "vfio/devices/%s", name);
	return open_node(linux_host(h), node, rdev);
}

int host_cdev_bind(struct host *h, int device_fd, int iommufd, uint32_t *ret_devid)
{
	const struct timespec step = { .tv_nsec = BIND_STEP_MSEC * 1000000L };
	struct dl_vfio_bind_iommufd bind = { .argsz = sizeof(bind), .iommufd = iommufd };
	int r;

	/* EAGAIN: somebody holds the device lock at this moment (vfio_pci_core_enable()). */
	for (int i = 0; (r = call(device_fd, DL_VFIO_DEVICE_BIND_IOMMUFD, &bind)) == -EAGAIN &&
		i < BIND_RETRIES; i++)
		nanosleep(&step, NULL);
	if (r < 0)
		return r;
	*ret_devid = bind.out_devid;
	return 0;
}

int host_cdev_attach(struct host *h, int device_fd, uint32_t ioas)
{
	struct dl_vfio_attach_pt attach = { .argsz = sizeof(attach), .pt_id = ioas };

	return call(device_fd, DL_VFIO_DEVICE_ATTACH_PT, &attach);
}

int host_cdev_detach(struct host *h, int device_fd)
{
	struct dl_vfio_detach_pt detach = { .argsz = sizeof(detach) };

	return call(device_fd, DL_VFIO_DEVICE_DETACH_PT, &detach);
}
