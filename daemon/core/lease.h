/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The life of a lease as a table: which event is permitted in which state. What is not in the
 * table cannot happen, and a reset always comes after the proof that nobody holds the device.
 */
#pragma once

#include <stdbool.h>

enum lease_state {
	LEASE_REQUESTED,  /* decided and claimed; polkit or the journal may still be awaited */
	LEASE_PREPARING,  /* drivers are bound, fds opened; nothing was handed out */
	LEASE_ACTIVE,     /* granted; all fds of ours are there */
	LEASE_DEGRADED,   /* granted; some fds of ours were lost over a restart */
	LEASE_DETACHED,   /* granted; all were: only the hold and the holders tell that it lives */
	LEASE_REVOKING,   /* the client was asked to give it back */
	LEASE_CUTTING,    /* the end: DMA off, our fds closed */
	LEASE_WAITING,    /* until nobody holds a device any more */
	LEASE_UNBINDING,  /* the driver is taken off, as proof that nobody does */
	LEASE_RESETTING,  /* the reset that counts */
	LEASE_REBINDING,  /* overrides and drivers as they were before */
	LEASE_LOST,       /* a step hangs in the kernel or failed; the devices are not free */
	LEASE_ENDED,
	LEASE_STATE_N,
};

enum lease_event {
	LEASE_EVENT_PREPARE,      /* authorised, and the intent is on disk */
	LEASE_EVENT_REFUSE,       /* nothing was changed yet */
	LEASE_EVENT_GRANT,        /* all steps done, saved and on disk */
	LEASE_EVENT_FAIL,         /* a step of preparing failed; what was done is to be undone */
	LEASE_EVENT_FDS_LOST,     /* after a restart: some fds are missing */
	LEASE_EVENT_DETACH,       /* after a restart: all are */
	LEASE_EVENT_REVOKE,
	LEASE_EVENT_RELEASE,      /* hold gone, Release(), deadline over, or the device is gone */
	LEASE_EVENT_CUT,          /* DMA is off as far as the handover allows */
	LEASE_EVENT_FREE,         /* a fresh open and bind proved it; not for opened and node */
	LEASE_EVENT_UNBIND,       /* the proof has to be a completed unbind */
	LEASE_EVENT_UNBOUND,
	LEASE_EVENT_RESET,        /* done or failed: a failed one quarantines, the lease goes on */
	LEASE_EVENT_REBOUND,
	LEASE_EVENT_STUCK,        /* a step of the end is over its time */
	LEASE_EVENT_RESTART,      /* the daemon found the lease in this state when it started */
	LEASE_EVENT_N,
};

/* The new state, or -EINVAL when the event cannot happen in this state. */
int lease_state_next(enum lease_state from, enum lease_event event);

/* From CUTTING to REBINDING: the lease cannot come back. */
bool lease_state_is_ending(enum lease_state s);
/* ACTIVE to REVOKING: the client has its fds. */
bool lease_state_is_granted(enum lease_state s);

/* Own names, for state files and logs; NULL for a number that is none. */
const char *lease_state_to_string(enum lease_state s);
int lease_state_from_string(const char *s); /* -EINVAL */
const char *lease_event_to_string(enum lease_event e);
/* Lease.State on the bus: active, revoking, releasing, degraded, detached, lost; NULL for a lease
 * that is not on the bus yet or any more. */
const char *lease_state_to_public(enum lease_state s);
