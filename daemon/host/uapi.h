/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Kernel interfaces that are newer than the headers of the oldest supported distribution (Debian
 * 12 has those of Linux 6.1). Everything has names of our own, so that the file also compiles
 * beside a newer <linux/vfio.h>, which is included for the rest. Numbers and layouts are from
 * include/uapi/linux/vfio.h and include/uapi/linux/iommufd.h of Linux 7.2 and are stable ABI;
 * each entry says in which version it first appeared.
 */
#pragma once

#include <linux/types.h>
#include <linux/vfio.h>
#include <sys/ioctl.h>

/* vfio.h, 6.6: the cdev ioctls. argsz is the size of the struct. */
struct dl_vfio_bind_iommufd {
	__u32 argsz;
	__u32 flags;
	__s32 iommufd;
	__u32 out_devid; /* id of the device in the iommufd, above 0 */
};
struct dl_vfio_attach_pt {
	__u32 argsz;
	__u32 flags;
	__u32 pt_id; /* in: IOAS or HWPT; out: the HWPT that was used */
};
struct dl_vfio_detach_pt {
	__u32 argsz;
	__u32 flags;
};
#define DL_VFIO_DEVICE_BIND_IOMMUFD _IO(VFIO_TYPE, VFIO_BASE + 18)
#define DL_VFIO_DEVICE_ATTACH_PT _IO(VFIO_TYPE, VFIO_BASE + 19)
#define DL_VFIO_DEVICE_DETACH_PT _IO(VFIO_TYPE, VFIO_BASE + 20)

/*
 * vfio.h: the answer to VFIO_DEVICE_GET_PCI_HOT_RESET_INFO. The struct is of 3.x; what its id means
 * depends on a flag since 6.6: a group without it, a devid with it.
 */
struct dl_vfio_reset_member {
	__u32 id;
	__u16 segment; /* the PCI domain, cut to 16 bits */
	__u8 bus;
	__u8 devfn;
};
struct dl_vfio_reset_info {
	__u32 argsz;
	__u32 flags;
	__u32 count;
	struct dl_vfio_reset_member members[];
};
#define DL_VFIO_RESET_INFO_DEVID (1U << 0)

/* iommufd.h, 6.2. size is the size of the struct. */
#define DL_IOMMUFD_TYPE ';'
struct dl_iommu_destroy {
	__u32 size;
	__u32 id;
};
#define DL_IOMMU_DESTROY _IO(DL_IOMMUFD_TYPE, 0x80)

struct dl_iommu_ioas_alloc {
	__u32 size;
	__u32 flags;
	__u32 out_ioas_id;
};
#define DL_IOMMU_IOAS_ALLOC _IO(DL_IOMMUFD_TYPE, 0x81)

struct dl_iommu_ioas_unmap {
	__u32 size;
	__u32 ioas_id;
	__aligned_u64 iova;
	__aligned_u64 length; /* out: bytes unmapped; iova 0 and U64_MAX mean all */
};
#define DL_IOMMU_IOAS_UNMAP _IO(DL_IOMMUFD_TYPE, 0x86)

struct dl_iommu_option {
	__u32 size;
	__u32 option_id;
	__u16 op;
	__u16 reserved;
	__u32 object_id;
	__aligned_u64 value;
};
#define DL_IOMMU_OPTION _IO(DL_IOMMUFD_TYPE, 0x87)
#define DL_IOMMU_OPTION_RLIMIT_MODE 0
#define DL_IOMMU_OPTION_OP_SET 0
