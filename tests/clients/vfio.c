/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VFIO and iommufd as an unprivileged client uses them. */
#include <errno.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "client.h"
#include "host/uapi.h"

/* linux/iommufd.h, 6.2. Only clients map, so the daemon's header does not have it. */
struct ioas_map {
	__u32 size;
	__u32 flags;
	__u32 ioas_id;
	__u32 reserved;
	__aligned_u64 user_va;
	__aligned_u64 length;
	__aligned_u64 iova;
};
#define IOAS_MAP _IO(DL_IOMMUFD_TYPE, 0x85)
#define IOAS_MAP_FIXED_IOVA (1U << 0)
#define IOAS_MAP_WRITEABLE (1U << 1)
#define IOAS_MAP_READABLE (1U << 2)

int failed(const char *what, int error)
{
	const char *name = strerrorname_np(error);

	fprintf(stderr, "edu-client: %s: %s\n", what, name ? name : "unknown error");
	return -error;
}

int client_bind_attach(struct client *c)
{
	struct dl_vfio_bind_iommufd bind = {.argsz = sizeof(bind), .iommufd = c->iommu};
	struct dl_iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
	struct dl_vfio_attach_pt attach = {.argsz = sizeof(attach)};

	if (ioctl(c->device, DL_VFIO_DEVICE_BIND_IOMMUFD, &bind) < 0)
		return failed("BIND_IOMMUFD", errno);
	if (ioctl(c->iommu, DL_IOMMU_IOAS_ALLOC, &alloc) < 0)
		return failed("IOAS_ALLOC", errno);
	attach.pt_id = c->ioas = alloc.out_ioas_id;
	if (ioctl(c->device, DL_VFIO_DEVICE_ATTACH_PT, &attach) < 0)
		return failed("ATTACH_IOMMUFD_PT", errno);
	return 0;
}

static int map_legacy(struct client *c)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)c->buffer,
		.iova = BUFFER_IOVA,
		.size = BUFFER_SIZE,
	};

	return ioctl(c->iommu, VFIO_IOMMU_MAP_DMA, &map) < 0 ? failed("MAP_DMA", errno) : 0;
}

static int map_iommufd(struct client *c)
{
	struct ioas_map map = {
		.size = sizeof(map),
		.flags = IOAS_MAP_FIXED_IOVA | IOAS_MAP_READABLE | IOAS_MAP_WRITEABLE,
		.ioas_id = c->ioas,
		.user_va = (uintptr_t)c->buffer,
		.length = BUFFER_SIZE,
		.iova = BUFFER_IOVA,
	};

	return ioctl(c->iommu, IOAS_MAP, &map) < 0 ? failed("IOAS_MAP", errno) : 0;
}

int client_map_buffer(struct client *c)
{
	void *buffer = mmap(NULL, BUFFER_SIZE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (buffer == MAP_FAILED)
		return failed("a buffer", errno);
	c->buffer = buffer;
	return c->legacy ? map_legacy(c) : map_iommufd(c);
}

int client_read_config(struct client *c, uint32_t offset, void *data, size_t size)
{
	struct vfio_region_info config = {
		.argsz = sizeof(config),
		.index = VFIO_PCI_CONFIG_REGION_INDEX,
	};

	if (ioctl(c->device, VFIO_DEVICE_GET_REGION_INFO, &config) < 0)
		return failed("information about the config space", errno);
	if (pread(c->device, data, size, config.offset + offset) != (ssize_t)size)
		return failed("reading the config space", errno);
	return 0;
}

int client_reset(struct client *c)
{
	return ioctl(c->device, VFIO_DEVICE_RESET) < 0 ? failed("DEVICE_RESET", errno) : 0;
}

int client_hot_reset(struct client *c)
{
	struct vfio_pci_hot_reset reset = {.argsz = sizeof(reset)};

	if (ioctl(c->device, VFIO_DEVICE_PCI_HOT_RESET, &reset) < 0)
		return failed("PCI_HOT_RESET", errno);
	return 0;
}
