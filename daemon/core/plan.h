/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What an acquire does, as data: the ordered steps that follow from a decision. The one who carries
 * them out undoes the done ones, last first, when one fails.
 */
#pragma once

#include <stddef.h>

#include "base/macro.h"
#include "core/decide.h"

/* What every leased device is bound to: Driver= knows no other, and Migration=deny rests on it. */
#define VFIO_DRIVER "vfio-pci"

enum step_kind {
	STEP_OVERRIDE,          /* driver_override = vfio-pci */
	STEP_UNBIND,            /* from whatever driver it is on; none is fine */
	STEP_PROBE,             /* and verify that it is on the vfio driver */
	STEP_IOMMUFD_OPEN,      /* one for the lease */
	STEP_RLIMIT_MODE,       /* on the empty iommufd, before anything is bound to it */
	STEP_IOAS_ALLOC,
	STEP_CDEV_OPEN,
	STEP_CDEV_BIND,
	STEP_CDEV_ATTACH,       /* to the lease's IOAS */
	STEP_CONTAINER_OPEN,    /* one for the lease */
	STEP_GROUP_OPEN,
	STEP_GROUP_ATTACH,      /* to the container; the first one sets the IOMMU type */
	STEP_GROUP_DEVICE_OPEN,
	/*
	 * VFIO's own hot-reset answer has to equal the device's members. -ENODEV from the kernel
	 * (no bus or slot reset) agrees with any set. Before the device's STEP_CDEV_OPEN (handover
	 * opened) it is asked through a private open and a scratch iommufd, closed again.
	 */
	STEP_CONFIRM_RESET_SET,
	STEP_KIND_N,
};

#define PLAN_NO_DEVICE ((size_t)-1)
#define PLAN_NO_GROUP (-1)

struct plan_step {
	enum step_kind kind;
	size_t device; /* index into decision->devices, or PLAN_NO_DEVICE */
	int group;     /* for STEP_GROUP_OPEN and STEP_GROUP_ATTACH, else PLAN_NO_GROUP */
};

struct plan {
	struct plan_step *steps;
	size_t n;
};

/*
 * Returns 0 and a plan; -EINVAL for a decision that denies, -EOPNOTSUPP for a handover that has no
 * plan, -ENOMEM. The plan refers to the decision by index only and may outlive it.
 */
int plan_acquire(const struct decision *d, struct plan **ret);
void plan_free(struct plan *p);
DEFINE_CLEANUP(struct plan *, plan_free);
#define _cleanup_plan_free_ _cleanup_(plan_free_cleanup)

/* "cdev-bind"; NULL for a number that is no step. */
const char *plan_step_to_string(enum step_kind k);
