/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An assignment: what a lease has done to the kernel, and how it is undone. The functions here run
 * in a job, one at a time for each assignment; between two jobs the main loop owns the struct. They
 * do nothing but operations of the host's table.
 *
 * Invariant: whatever is changed was recorded in prior_* and *_changed before, so that
 * assignment_return() can undo it from these alone, also after a restart of the daemon.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"
#include "core/decide.h"
#include "core/plan.h"
#include "host/host.h"

struct assigned_device {
	char address[ADDRESS_MAX];
	int group;
	bool host_use_allowed; /* its rule lets it be taken from the host */
	bool drawn_on;       /* or may be: a display without driver */
	bool requested;      /* else a peer that is only reserved or bound along */
	unsigned peer;       /* PEER_* bits of a peer */
	bool override_changed; /* by us, or it may have been */
	bool driver_changed;   /* likewise: what is bound now is ours to unbind */
	char *prior_driver;  /* NULL: none */
	char *prior_override;
	int fd;              /* our duplicate, or -1 */
	uint32_t devid;      /* 0: not bound by us */
	char **reset_set;    /* as decided, with the device itself */
	char **confirmed;    /* VFIO's own reset set; NULL when it was not asked */
	bool resettable;     /* has a reset of its own */
	bool hot_resettable; /* its whole reset set is in the assignment */
	int reset_result;    /* of the reset after the proof: 0, -errno, 1 when not tried */
	bool stays;          /* WhenFree=vfio: the vfio driver has it after the lease */
	bool broken;         /* could not be put back */
};

struct assigned_group {
	int group;
	int fd;        /* legacy: stays with the daemon */
	bool attached; /* to the container */
};

struct assignment {
	struct host *host;
	enum backend backend;
	enum handover handover;
	struct assigned_device *devices; /* requested ones first */
	size_t n_requested, n_devices;
	struct assigned_group *groups;   /* legacy only */
	size_t n_groups;
	int iommu_fd;                    /* iommufd or container, or -1 */
	uint32_t ioas;                   /* 0: none of ours */

	/* Where the last job failed. */
	const char *failed_step;
	char failed_device[ADDRESS_MAX];
	const char *in_use; /* static: what the host does with it, if that is why */
	bool assumed; /* from a state file: what is said to be changed need not be */
	struct text trouble; /* every failed operation so far, for the journal */
	/* Facts as they are after the last job, for the snapshot; owned until taken. */
	struct device **fresh;
	size_t n_fresh;
};

/* Copies what it needs from the decision. */
int assignment_new(struct host *host, const struct decision *d, struct assignment **ret);
/* fds are closed without a word to the kernel; for the end of a job's work, not instead of it. */
struct assignment *assignment_free(struct assignment *a);
DEFINE_CLEANUP(struct assignment *, assignment_free);

/* Reads driver and override of every device into prior_*, and fresh facts. Changes nothing. */
int assignment_gather(struct assignment *a);

/*
 * Does the plan. On failure everything is put back before it returns, failed_step and
 * failed_device say where; a device that could not be put back is `broken`.
 */
int assignment_take(struct assignment *a, const struct plan *plan);

/*
 * After a restart, of a request that was cut short or of devices that were being given back: finds
 * out which of the changes that a state file allows for were made. Waits for the kernel.
 */
void assignment_look(struct assignment *a);
/* Takes the client's DMA away as far as the handover allows, closes all fds. Cannot fail. */
void assignment_cut(struct assignment *a);
/*
 * -EBUSY while anybody holds a device that is bound. 0 does not prove that nobody holds one that
 * is open but unbound.
 */
int assignment_check_holders(struct assignment *a);
/*
 * Proves that nobody holds a device: unbinds each that was rebound or handed out and waits for
 * the kernel. Without a bound: who holds a device keeps it here.
 */
int assignment_prove(struct assignment *a);
/*
 * Resets each requested device alone, or, where that cannot be, its reset set by the bus: through
 * fds that nobody else ever had. Results in reset_result. Devices end without a driver.
 */
void assignment_reset(struct assignment *a);
/* No client ever had it: WhenFree= is about the end of a lease, and this is none. */
void assignment_was_not_used(struct assignment *a);
/* Puts overrides and drivers back; marks as broken what cannot be. Refreshes the facts. */
int assignment_return(struct assignment *a);

/* Resets the devices of a live lease: "function" each alone, "hot" the reset set by the bus. */
int assignment_live_reset(struct assignment *a, bool hot);

/* Records a failed operation in failed_*, and in trouble for the journal. Returns result. */
int assignment_note(struct assignment *a, const char *operation, const char *address, int result);
struct assigned_device *assignment_find(struct assignment *a, const char *address);
