/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Operations on an open device of either backend: resets, and VFIO's own view of the reset set. */
#include <errno.h>
#include <stdint.h>
#include <unistd.h>

#include "base/macro.h"
#include "host/linux.h"
#include "host/uapi.h"

/* The kernel's own bound on a hot reset's list is one entry for each function of the buses. */
#define MEMBERS_MAX 65536

int host_device_reset(struct host *h, int device_fd)
{
	return ioctl(device_fd, VFIO_DEVICE_RESET) < 0 ? -errno : 0;
}

/* *ret is set on success only; asks again with more room when the set has grown meanwhile. */
static int read_info(int device_fd, struct dl_vfio_reset_info **ret)
{
	size_t room = 16;

	while (room <= MEMBERS_MAX) {
		_cleanup_free_ struct dl_vfio_reset_info *info = NULL;
		size_t size = sizeof(*info) + room * sizeof(info->members[0]);

		info = calloc(1, size);
		if (!info)
			return -ENOMEM;
		info->argsz = (uint32_t)size;
		if (ioctl(device_fd, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, info) >= 0) {
			*ret = TAKE_PTR(info);
			return 0;
		}
		if (errno != ENOSPC)
			return -errno;
		/* count says how many there are; old kernels may leave it alone. */
		room = info->count > room ? info->count : room * 2;
	}
	return -E2BIG;
}

int host_hot_reset_info(struct host *h, int device_fd, struct hot_reset_member **ret)
{
	_cleanup_free_ struct dl_vfio_reset_info *info = NULL;
	_cleanup_free_ struct hot_reset_member *members = NULL;
	int r;

	r = read_info(device_fd, &info);
	if (r < 0)
		return r;
	members = calloc(info->count + 1, sizeof(*members));
	if (!members)
		return -ENOMEM;
	for (uint32_t i = 0; i < info->count; i++) {
		const struct dl_vfio_reset_member *m = &info->members[i];

		snprintf(members[i].address, sizeof(members[i].address), "%04x:%02x:%02x.%x",
			m->segment, m->bus, m->devfn >> 3, m->devfn & 7);
		members[i].devid = info->flags & DL_VFIO_RESET_INFO_DEVID ? (int)m->id : 0;
	}
	*ret = TAKE_PTR(members);
	return (int)info->count;
}

int host_hot_reset(struct host *h, int device_fd, const int *group_fds, size_t n)
{
	_cleanup_free_ struct vfio_pci_hot_reset *reset = NULL;
	size_t size = sizeof(*reset) + n * sizeof(reset->group_fds[0]);

	if (n > MEMBERS_MAX)
		return -E2BIG;
	reset = calloc(1, size);
	if (!reset)
		return -ENOMEM;
	reset->argsz = (uint32_t)size;
	reset->count = (uint32_t)n;
	for (size_t i = 0; i < n; i++)
		reset->group_fds[i] = group_fds[i];
	return ioctl(device_fd, VFIO_DEVICE_PCI_HOT_RESET, reset) < 0 ? -errno : 0;
}
