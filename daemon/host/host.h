/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one table of kernel operations. Everything the daemon does to the kernel's devices goes
 * through a struct host, so that tests can put another implementation, or a gate that fails chosen
 * calls, in its place. Every operation is synchronous and thread-safe, may block for a bounded
 * time (a reset: seconds) and is therefore never called on the main loop; the ones marked
 * [helper] can block in the kernel without bound, so the Linux implementation runs them in a
 * process that holds no device fd, and the calling thread merely waits for its answer.
 *
 * All return 0 or more on success and -errno on failure. fds are O_CLOEXEC and owned by the
 * caller, who gives them back with host_close() (the last close of a device resets it: up to
 * seconds).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/host_use.h"
#include "core/topology.h"

struct host;

/* One member of the kernel's own answer to VFIO_DEVICE_GET_PCI_HOT_RESET_INFO. */
struct hot_reset_member {
	char address[ADDRESS_MAX];
	int devid; /* cdev: >0 bound in this context, 0 owned through its group, -1 not owned */
};

struct host_ops {
	/* A full scan; *ret_devices as topology_new_consume() wants it. */
	int (*scan)(struct host *h, struct host_facts *ret_facts, struct device ***ret_devices,
		size_t *ret_n);
	/* One device again; -ENODEV when it is gone. Neither reads the facts of bridges. */
	int (*scan_device)(struct host *h, const char *address, struct device **ret);
	/* Reads a bridge's configuration space, which waits while it is being reset; a bridge
	 * that sleeps is left alone: -EAGAIN. */
	int (*bridge_facts)(struct host *h, const char *address, struct bridge_facts *ret);
	/* Sets the two unsafe_interrupts_* of facts as they are now. Quick and never blocks, so
	 * that it may be called on the main loop. */
	void (*switches)(struct host *h, struct host_facts *facts);

	/*
	 * What the host does with the device, as far as a scan can tell: what is mounted and open
	 * in other namespaces stays unseen, so that no facts do not prove that it is idle. -ENODEV.
	 */
	int (*host_use)(struct host *h, const char *address, struct host_use_facts **ret);
	/*
	 * Opens every disk of the device exclusively (O_EXCL): check and claim in one, since the
	 * kernel gives no block device to a second exclusive user, be it a mount, swap or mapping in
	 * whatever namespace. -EBUSY when there is one. The claim lasts until its fds are closed; an
	 * unbind does not wait for them. *ret_fds is allocated, also for none.
	 */
	int (*block_claim)(struct host *h, const char *address, int **ret_fds, size_t *ret_n);

	/* *ret is NULL when there is no driver or no override. [helper] for the override. */
	int (*driver_get)(struct host *h, const char *address, char **ret);
	int (*override_get)(struct host *h, const char *address, char **ret);
	/* driver NULL clears. [helper] */
	int (*override_set)(struct host *h, const char *address, const char *driver);
	/* Waits until every fd of a vfio device is closed. No driver is success. [helper] */
	int (*driver_unbind)(struct host *h, const char *address);
	/* Probes drivers for the device; -ENXIO when driver is not NULL and not the one that
	 * bound. Loads driver's module first where it is not there. [helper] */
	int (*driver_probe)(struct host *h, const char *address, const char *driver);
	/* sysfs `reset` of a device that has no driver; -ENOTTY without a reset method. [helper] */
	int (*function_reset)(struct host *h, const char *address);

	/* iommufd backend: linux/vfio.h since 6.6, linux/iommufd.h since 6.2. */
	int (*iommufd_open)(struct host *h);
	/* IOMMU_OPTION_RLIMIT_MODE = 1: only on an empty context, else -EBUSY. */
	int (*iommufd_rlimit_mode)(struct host *h, int iommufd);
	int (*ioas_alloc)(struct host *h, int iommufd, uint32_t *ret_ioas);
	int (*ioas_unmap_all)(struct host *h, int iommufd, uint32_t ioas);
	int (*ioas_destroy)(struct host *h, int iommufd, uint32_t ioas);
	/* The node is checked against sysfs by rdev after the open (-ESTALE). */
	int (*cdev_open)(struct host *h, const char *address);
	int (*cdev_bind)(struct host *h, int device_fd, int iommufd, uint32_t *ret_devid);
	int (*cdev_attach)(struct host *h, int device_fd, uint32_t ioas);
	int (*cdev_detach)(struct host *h, int device_fd);

	/* legacy backend: group and container, TYPE1v2. */
	/* -EBUSY while anybody holds a device of the group, on either backend: the cheap check
	 * before an unbind. Never opens a no-IOMMU node. */
	int (*group_open)(struct host *h, int group);
	int (*container_open)(struct host *h);
	/* SET_CONTAINER, then SET_IOMMU when it is the container's first group; -EPERM when the
	 * group is not viable (a member on a host driver). */
	int (*group_attach)(struct host *h, int group_fd, int container_fd, bool first);
	int (*group_device_open)(struct host *h, int group_fd, const char *address);
	int (*container_unmap_all)(struct host *h, int container_fd);

	/* Both backends, on a bound device fd. */
	int (*device_reset)(struct host *h, int device_fd);
	/* Returns the number of members, *ret allocated; -ENODEV: no bus or slot reset. */
	int (*hot_reset_info)(struct host *h, int device_fd, struct hot_reset_member **ret);
	/* group_fds NULL and n 0 on iommufd. */
	int (*hot_reset)(struct host *h, int device_fd, const int *group_fds, size_t n);

	int (*close)(struct host *h, int fd);
	/* Whether fd is this device's cdev, this group's node, an iommufd...: for restored fds. */
	int (*verify_fd)(struct host *h, int fd, const char *what, const char *address, int group);
	void (*free)(struct host *h);
};

/*
 * gate, when set, is asked before each operation with its name and its device's address (or ""),
 * and fails the operation by returning -errno. close is announced but cannot be failed.
 */
struct host {
	const struct host_ops *ops;
	int (*gate)(void *userdata, const char *operation, const char *subject);
	void *gate_userdata;
};

/* Calls through the gate: HOST(h, override_set, address, address, "vfio-pci"). */
#define HOST(h, op, subject, ...)                                                                  \
	({                                                                                         \
		struct host *h_ = (h);                                                             \
		int r_ = h_->gate ? h_->gate(h_->gate_userdata, #op, (subject)) : 0;               \
		r_ < 0 ? r_ : h_->ops->op(h_, ##__VA_ARGS__);                                      \
	})
void host_close(struct host *h, int fd); /* negative fds are ignored */
void host_free(struct host *h);

/*
 * The Linux implementation. sysfs_fd and dev_fd are directories (/sys and /dev, or a synthetic
 * tree), consumed. Forks the helper process at once: call it first thing, while the process has
 * no threads and no device fds.
 */
int host_linux_new_consume(int sysfs_fd, int dev_fd, struct host **ret);

/*
 * Watches the kernel's own uevents (not udev's). The fd becomes readable; read all with
 * host_uevent_read() until it returns 0. -ENOBUFS: events were lost, scan again.
 */
int host_uevent_open(void);
struct host_uevent {
	char action[16];
	char subsystem[16];
	char address[ADDRESS_MAX]; /* the PCI device it is about, "" when none */
};
/* Returns 1 with an event, 0 when there is none now, -errno. */
int host_uevent_read(int fd, struct host_uevent *ret);
