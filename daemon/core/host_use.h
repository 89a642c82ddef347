/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the host does with a device, as far as could be found out: plain facts that the host layer
 * gathers and a decision goes by. A class of use is what everybody may know; its details (a mount
 * point, an interface, a node) are for root alone.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/macro.h"
#include "core/topology.h"

enum host_use_class {
	HOST_USE_MOUNTED,
	HOST_USE_SWAP,
	HOST_USE_HOLDER,        /* dm, md, LVM, bcache or loop on a block device of it */
	HOST_USE_OPEN,          /* a block or character device node of it is open */
	HOST_USE_INTERFACE,     /* up, with an address */
	HOST_USE_ROUTE,         /* carries a default route */
	HOST_USE_MASTER,        /* in a bond or bridge, or below a VLAN or the like */
	HOST_USE_DISPLAY,       /* the boot display, or the console's frame buffer */
	HOST_USE_CONSOLE,       /* a keyboard, or a serial line that the console is on */
	HOST_USE_UNKNOWN_USERS, /* its driver's users cannot be listed */
	HOST_USE_N,
};

struct host_use {
	enum host_use_class class;
	char *detail; /* "/srv on nvme0n1p1"; as the kernel has it, unescaped */
};

struct host_use_facts {
	char address[ADDRESS_MAX];
	struct host_use *items;
	size_t n;
};

/* The facts of some devices; one that is missing was not looked at. All is borrowed. */
struct host_uses {
	struct host_use_facts *const *items;
	size_t n;
};

int host_use_facts_new(const char *address, struct host_use_facts **ret);
void host_use_facts_free(struct host_use_facts *f);
DEFINE_CLEANUP(struct host_use_facts *, host_use_facts_free);
#define _cleanup_host_use_facts_free_ _cleanup_(host_use_facts_free_cleanup)
/* The same use twice is one. At most HOST_USE_MAX are kept, of each class at least one. */
#define HOST_USE_MAX 64
int host_use_add(struct host_use_facts *f, enum host_use_class class, const char *format, ...)
	PRINTF_LIKE(3, 4);
bool host_use_has(const struct host_use_facts *f, enum host_use_class class);

/*
 * Whether the device has to be looked at before it is taken: a driver of the host has it, or it is
 * a display, which the console can draw on without one.
 */
bool host_use_concerns(const struct device *d);

/* "mounted", as in the finding's code and in Device.HostUse; from_string: or -EINVAL. */
const char *host_use_class_to_string(enum host_use_class class);
int host_use_class_from_string(const char *s);
/* "a mounted file system is on it" */
const char *host_use_class_text(enum host_use_class class);
