/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files of the Linux host share. Every path is relative to one of two directory fds,
 * /sys and /dev, so that a synthetic tree works the same; /proc is looked for beside /sys.
 */
#pragma once

#include <stdio.h>
#include <sys/types.h>

#include "host/helper.h"
#include "host/host.h"

/* Room for any path that is made from an address and fixed parts. */
#define HOST_PATH_MAX 512

struct linux_host {
	struct host host; /* first: the table's functions get a pointer to it */
	int sysfs;
	int dev;
	struct helper *helper;
};

static inline struct linux_host *linux_host(struct host *h)
{
	return (struct linux_host *)h;
}

/*
 * "bus/pci/devices/ADDRESS" + suffix ("" or "/attribute") into path. -EINVAL for anything that is
 * not a normalised PCI address: the one gate between addresses and paths.
 */
int device_path(const char *address, const char *suffix, char path[HOST_PATH_MAX]);
/* The major:minor of a "dev" attribute. */
int sysfs_read_rdev(int sysfs, const char *path, dev_t *ret);
/* "vfioN" of a device that is on a vfio driver and has a cdev; -ENOENT. */
int sysfs_cdev_name(int sysfs, const char *address, char **ret);
/*
 * Opens a character device below /dev and makes sure that it is the one that sysfs means: vfioN
 * and group numbers are used again. -ESTALE when it is another.
 */
int open_node(struct linux_host *h, const char *node, dev_t expected);

int host_scan(struct host *h, struct host_facts *ret_facts, struct device ***ret_devices,
	size_t *ret_n);
int host_scan_device(struct host *h, const char *address, struct device **ret);
int host_bridge_facts(struct host *h, const char *address, struct bridge_facts *ret);
void host_switches(struct host *h, struct host_facts *facts);
void read_facts(struct linux_host *h, struct host_facts *ret);

int host_host_use(struct host *h, const char *address, struct host_use_facts **ret);
int host_block_claim(struct host *h, const char *address, int **ret_fds, size_t *ret_n);

int host_driver_get(struct host *h, const char *address, char **ret);
int host_override_get(struct host *h, const char *address, char **ret);
int host_override_set(struct host *h, const char *address, const char *driver);
int host_driver_unbind(struct host *h, const char *address);
int host_driver_probe(struct host *h, const char *address, const char *driver);
int host_function_reset(struct host *h, const char *address);

int host_iommufd_open(struct host *h);
int host_iommufd_rlimit_mode(struct host *h, int iommufd);
int host_ioas_alloc(struct host *h, int iommufd, uint32_t *ret_ioas);
int host_ioas_unmap_all(struct host *h, int iommufd, uint32_t ioas);
int host_ioas_destroy(struct host *h, int iommufd, uint32_t ioas);
int host_cdev_open(struct host *h, const char *address);
int host_cdev_bind(struct host *h, int device_fd, int iommufd, uint32_t *ret_devid);
int host_cdev_attach(struct host *h, int device_fd, uint32_t ioas);
int host_cdev_detach(struct host *h, int device_fd);

int host_group_open(struct host *h, int group);
int host_container_open(struct host *h);
int host_group_attach(struct host *h, int group_fd, int container_fd, bool first);
int host_group_device_open(struct host *h, int group_fd, const char *address);
int host_container_unmap_all(struct host *h, int container_fd);

int host_device_reset(struct host *h, int device_fd);
int host_hot_reset_info(struct host *h, int device_fd, struct hot_reset_member **ret);
int host_hot_reset(struct host *h, int device_fd, const int *group_fds, size_t n);

int host_verify_fd(struct host *h, int fd, const char *what, const char *address, int group);
