/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An immutable snapshot of the machine's devices: what sysfs said, in plain structs. Decisions are
 * made on one snapshot; a change of the machine makes a new one that shares the unchanged devices.
 * Attributes that take the device lock in the kernel (driver_override, sriov_numvfs) are not in
 * it: reading them would block behind an unbind that hangs. VFs are counted by their links.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"
#include "core/address.h"

enum bridge_kind {
	BRIDGE_UNKNOWN, /* no bridge, or not looked at yet */
	BRIDGE_ROOT_PORT,
	BRIDGE_UPSTREAM_PORT,
	BRIDGE_DOWNSTREAM_PORT,
	BRIDGE_CONVENTIONAL, /* below it is conventional PCI: PCIe-to-PCI and PCI-to-PCI */
	BRIDGE_OTHER,
};

/* ACS controls that isolate: bits of the ACS capability's registers (PCIe 5.0, 7.7.8). */
#define ACS_SOURCE_VALIDATION 0x01
#define ACS_REQUEST_REDIRECT 0x04
#define ACS_COMPLETION_REDIRECT 0x08
#define ACS_UPSTREAM_FORWARDING 0x10
#define ACS_ISOLATION                                                                              \
	(ACS_SOURCE_VALIDATION | ACS_REQUEST_REDIRECT | ACS_COMPLETION_REDIRECT |                  \
		ACS_UPSTREAM_FORWARDING)

/* What a bridge's configuration space says. */
struct bridge_facts {
	enum bridge_kind kind;
	bool has_acs;         /* there is an ACS capability */
	uint16_t acs_missing; /* of ACS_ISOLATION: not there, or there and switched off. The kernel
			       * takes a bit that the capability lacks for hard-wired
			       * (drivers/pci/pci.c: pci_acs_flags_enabled()) */
};

/* One device, never changed once it is in a snapshot, reference counted. */
struct device {
	unsigned refs;
	char address[ADDRESS_MAX];
	struct pci_address pci;
	uint16_t vendor, device, subvendor, subdevice;
	uint32_t class_code;       /* 24 bits */
	char *modalias;
	char *driver;              /* NULL: none */
	int iommu_group;           /* -1: none, or one that has no IOMMU */
	char *reset_methods;       /* blank separated, "" when there is no reset */
	int numa_node;             /* -1: none */
	bool identity_domain;      /* its group's default domain is identity: passthrough */
	struct bridge_facts bridge;
	bool is_bridge;            /* header type 1 or 2: never leased, never counted as a sibling */
	char *parent;              /* address of the bridge above, NULL on a root bus */
	char *root;                /* "pci0000:00" */
	char *physical_function;   /* address of the PF when this is a VF, else NULL */
	char **virtual_functions;  /* addresses, NULL when there are none */
	char *cdev;                /* "vfio3" when a cdev exists, else NULL */
};

struct device *device_ref(struct device *d);
/* Frees at the last reference; takes NULL and half-built devices; returns NULL. */
struct device *device_unref(struct device *d);

enum tristate { UNKNOWN = -1, NO = 0, YES = 1 };

/* Facts about the host that are not a device's. */
struct host_facts {
	bool iommufd;                /* /dev/iommu is there and VFIO has cdevs (Linux 6.6+) */
	bool legacy;                 /* /dev/vfio/vfio is there */
	enum tristate interrupt_remapping;
	bool acs_override;           /* pcie_acs_override= on the kernel command line */
	/* allow_unsafe_interrupts of the modules vfio_iommu_type1 and iommufd. */
	bool unsafe_interrupts_type1, unsafe_interrupts_iommufd;
};

struct topology {
	unsigned refs;
	struct host_facts facts; /* its owner may freshen them: no event tells of the switches */
	struct device **devices; /* sorted by address with strcmp() */
	size_t n_devices;
	struct device **by_group;  /* the same n_devices, sorted by group and address */
	struct device **by_parent; /* the same, sorted by parent and address */
	struct device **by_pf;     /* the VFs alone, sorted by PF and address */
	size_t n_vfs;
};

/*
 * Consumes the references in devices (the array itself is freed too), also on failure. -EEXIST
 * when an address is there twice.
 */
int topology_new_consume(const struct host_facts *facts, struct device **devices, size_t n,
	struct topology **ret);
struct topology *topology_ref(struct topology *t);
struct topology *topology_unref(struct topology *t);
DEFINE_CLEANUP(struct topology *, topology_unref);
#define _cleanup_topology_unref_ _cleanup_(topology_unref_cleanup)

/* Borrowed pointer, NULL when there is none. Logarithmic. */
const struct device *topology_find(const struct topology *t, const char *address);

/*
 * Other devices of the same IOMMU group, without bridges and without d itself. *ret is an
 * allocated array of borrowed pointers (to be freed), in address order; returns their number.
 */
int topology_group_mates(const struct topology *t, const struct device *d,
	const struct device ***ret);

/*
 * The VFs of d, by their own links to it: the PF's list may be older than a VF that came since.
 * *ret is borrowed from the snapshot, in address order; returns their number.
 */
size_t topology_virtual_functions(const struct topology *t, const struct device *d,
	struct device *const **ret);

/* d is somewhere below this bridge. */
bool topology_is_below(const struct topology *t, const struct device *d, const char *bridge);

/*
 * The reset set: every device that a bus or slot reset of d resets, d itself included, bridges
 * left out. From sysfs alone it is a superset of what the kernel will say; VFIO's own answer
 * confirms it after the bind. On a root bus and for a VF it is d alone (drivers/pci/pci.c:
 * pci_probe_reset_bus and pci_probe_reset_slot find no parent bridge). Returns the number;
 * *ret_possible is false when there is no bus or slot reset at all (root bus, VF, a bridge in the
 * set, or VFs on the set's PFs).
 */
int topology_reset_set(const struct topology *t, const struct device *d,
	const struct device ***ret, bool *ret_possible);

/* "0000:01:00.0, 0000:01:00.1"; NULL when out of memory. */
char *join_addresses(const struct device **devices, size_t n, const char *separator);

/* Alone in its group, on a host where that holds: what Isolation=strict requires. */
bool topology_is_strict(const struct topology *t, const struct device *d);

/* d can be reset without touching another device: reset_method is not empty. */
bool device_has_function_reset(const struct device *d);
/* driver is vfio-pci or a variant driver on vfio-pci-core: all names end so (mlx5_vfio_pci). */
bool device_on_vfio_driver(const struct device *d);
