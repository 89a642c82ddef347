/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A machine in memory: the roles of the test machine, and some that QEMU cannot show. */
#pragma once

#include "core/decide.h"

/* Addresses by role. */
#define SINGLE "0000:01:00.0"
#define SLOT0 "0000:02:00.0"
#define SLOT1 "0000:02:00.1"
#define SLOT2 "0000:02:00.2"
#define BRIDGE "0000:03:00.0"
#define CONV_EDU "0000:04:01.0"
#define CONV_E1000 "0000:04:02.0"
#define SWITCH0_PORT "0000:06:00.0"
#define SWITCH1_PORT "0000:06:01.0"
#define SWITCH0 "0000:07:00.0"
#define SWITCH1 "0000:08:00.0"
#define SINGLE_DMA "0000:0c:00.0"
#define NO_RESET "0000:00:16.0"
#define PF "0000:0a:00.0"
#define VF0 "0000:0a:10.0"
#define VF1 "0000:0a:10.2"
#define SPLIT0 "0000:0d:00.0"
#define SPLIT1 "0000:0d:00.1"
#define CHAIN0 "0000:0e:00.0"      /* its reset peer ... */
#define CHAIN1 "0000:0e:00.1"      /* ... shares a group with ... */
#define CHAIN_MATE "0000:0f:00.0"  /* ... this one, behind another port */
#define TRIO0 "0000:14:00.0"       /* two reset peers in one group ... */
#define TRIO1 "0000:14:00.1"
#define TRIO2 "0000:14:00.2"
#define TRIO_MATE "0000:15:00.0"   /* ... with this one */
#define LOW0 "0000:16:00.0"        /* its reset peer has a group mate ... */
#define LOW1 "0000:16:00.1"
#define LOW_MATE "0000:0b:00.0"    /* ... with a lower address */
#define NO_IOMMU "0000:10:00.0"
#define HALF0 "0000:11:00.0"       /* its reset peer is behind no IOMMU */
#define HALF1 "0000:11:00.1"
#define MULTI_PF0 "0000:12:00.0"   /* a slot with a plain function and a PF */
#define MULTI_PF1 "0000:12:00.1"
#define MULTI_VF "0000:12:10.0"
#define NO_FUNCTION "0000:13:00.0" /* bus reset only, two on the bus */
#define NO_FUNCTION1 "0000:13:00.1"

/*
 * changes: blank separated "ADDRESS=DRIVER" (DRIVER empty for none), "ADDRESS~display", which
 * makes it one, "-iommufd", "-legacy",
 * "+acs-override", "-remapping", "?remapping", "+unsafe-type1", "+unsafe-iommufd", "+passthrough".
 * NULL for none.
 */
struct topology *machine_new(const char *changes);
/* For machine_policy(): the one in force when none could be read. */
#define NO_POLICY "none"
/* A policy from its text; the test fails when it has an error. */
struct policy *machine_policy(const char *text);

/* A device for topologies of one's own; methods, parent, driver and pf may be NULL. */
struct device *machine_device(const char *address, const char *parent, int group,
	const char *methods, const char *driver, const char *pf);
