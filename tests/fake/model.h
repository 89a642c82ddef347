/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The fake host's model: devices, and the files that are open on them. One lock for all. */
#pragma once

#include <pthread.h>
#include <sys/stat.h>

#include "fake-host.h"

struct fake_device {
	char address[ADDRESS_MAX];
	struct pci_address pci;
	uint16_t vendor, device;
	uint32_t class_code;
	int group, numa_node;
	bool bridge;
	char *natural; /* the driver whose id table matches, NULL: none */
	char *driver, *override;
	char *reset_methods;
	char *parent, *root, *physical_function;
	int cdev;       /* N of vfioN while on a vfio driver, else -1 */
	bool unbinding; /* its nodes are gone already */
	unsigned resets;
};

enum fake_kind {
	FAKE_IOMMUFD,
	FAKE_CDEV,
	FAKE_GROUP,
	FAKE_CONTAINER,
	FAKE_GROUP_DEVICE,
};

/* What the kernel would call a struct file, for any number of fds. */
struct fake_file {
	struct fake_file *next;
	enum fake_kind kind;
	char *path;
	dev_t dev;
	ino_t ino;
	bool held;                  /* somebody has an fd */
	struct fake_device *device; /* cdev, group device */
	int group;                  /* group */
	struct fake_file *context;  /* cdev: iommufd; group: container; group device: group */
	uint32_t devid, attached;   /* cdev: ids in its iommufd, 0 for none */
	uint32_t last_id;           /* iommufd */
	uint64_t ioas;              /* iommufd: bit N is IOAS N */
	bool type_set;              /* container */
};

struct fake_host {
	struct host host; /* first */
	pthread_mutex_t lock;
	struct host_facts facts;
	struct fake_device **devices;
	size_t n_devices;
	struct fake_file *files;
	unsigned serial;
	char directory[256];
	char hang_address[ADDRESS_MAX];
	char *hang_fifo;
	char *use_file;
	char *models_file; /* of DEVLEASE_FAKE_MODELS; NULL: none was replaced */
	char *state_file, *state_text; /* text: as it was written last */
};

/* Locks, and forgets the files that nobody holds any more. */
struct fake_host *fake_enter(struct host *h);
void fake_leave(struct fake_host **f);
#define FAKE_ENTER(f, h) _cleanup_(fake_leave) struct fake_host *f = fake_enter(h)

/* topology.c */
int fake_load(struct fake_host *f, const char *description);
int fake_load_builtin(struct fake_host *f);
struct fake_device *fake_find(struct fake_host *f, const char *address);
void fake_device_free(struct fake_device *d);
bool fake_on_vfio(const struct fake_device *d);

/* state.c */
/* Takes the state up from path, if it is there, and keeps it there from now on. */
int fake_state_open(struct fake_host *f, const char *path);
void fake_state_save(struct fake_host *f);

/* files.c */
int fake_file_new(struct fake_host *f, enum fake_kind kind, const char *name,
	struct fake_file **ret);
struct fake_file *fake_file_of(struct fake_host *f, int fd, enum fake_kind kind);
void fake_reap(struct fake_host *f);
unsigned fake_open_files_of(struct fake_host *f, const struct fake_device *d);
void fake_files_done(struct fake_host *f);

/* rules.c: who owns a group */
/* A member is on a driver of the host: nobody else may own the group. */
bool fake_group_is_viable(struct fake_host *f, int group);
struct fake_file *fake_group_owner(struct fake_host *f, int group);
struct fake_file *fake_bound_cdev(struct fake_host *f, const struct fake_device *d);
struct fake_file *fake_group_file(struct fake_host *f, int group);

/* The operations. */
int fake_scan(struct host *h, struct host_facts *ret_facts, struct device ***ret_devices,
	size_t *ret_n);
int fake_scan_device(struct host *h, const char *address, struct device **ret);
int fake_bridge_facts(struct host *h, const char *address, struct bridge_facts *ret);
void fake_switches(struct host *h, struct host_facts *facts);
int fake_host_use(struct host *h, const char *address, struct host_use_facts **ret);
int fake_block_claim(struct host *h, const char *address, int **ret_fds, size_t *ret_n);
int fake_driver_get(struct host *h, const char *address, char **ret);
int fake_override_get(struct host *h, const char *address, char **ret);
int fake_override_set(struct host *h, const char *address, const char *driver);
int fake_driver_unbind(struct host *h, const char *address);
int fake_driver_probe(struct host *h, const char *address, const char *driver);
int fake_function_reset(struct host *h, const char *address);
int fake_iommufd_open(struct host *h);
int fake_iommufd_rlimit_mode(struct host *h, int iommufd);
int fake_ioas_alloc(struct host *h, int iommufd, uint32_t *ret_ioas);
int fake_ioas_unmap_all(struct host *h, int iommufd, uint32_t ioas);
int fake_ioas_destroy(struct host *h, int iommufd, uint32_t ioas);
int fake_cdev_open(struct host *h, const char *address);
int fake_cdev_bind(struct host *h, int device_fd, int iommufd, uint32_t *ret_devid);
int fake_cdev_attach(struct host *h, int device_fd, uint32_t ioas);
int fake_cdev_detach(struct host *h, int device_fd);
int fake_group_open(struct host *h, int group);
int fake_container_open(struct host *h);
int fake_group_attach(struct host *h, int group_fd, int container_fd, bool first);
int fake_group_device_open(struct host *h, int group_fd, const char *address);
int fake_container_unmap_all(struct host *h, int container_fd);
int fake_device_reset(struct host *h, int device_fd);
int fake_hot_reset_info(struct host *h, int device_fd, struct hot_reset_member **ret);
int fake_hot_reset(struct host *h, int device_fd, const int *group_fds, size_t n);
int fake_verify_fd(struct host *h, int fd, const char *what, const char *address, int group);
