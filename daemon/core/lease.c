/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The transition table of a lease, and its names. */
#include <errno.h>
#include <stddef.h>

#include "base/text.h"
#include "core/lease.h"

/* A restart in the middle of the end goes back to the proof: an earlier one is worth nothing. */
static const struct transition {
	enum lease_state from;
	enum lease_event event;
	enum lease_state to;
} transitions[] = {
	{LEASE_REQUESTED, LEASE_EVENT_PREPARE, LEASE_PREPARING},
	{LEASE_REQUESTED, LEASE_EVENT_REFUSE, LEASE_ENDED},
	{LEASE_REQUESTED, LEASE_EVENT_RELEASE, LEASE_ENDED},
	{LEASE_REQUESTED, LEASE_EVENT_RESTART, LEASE_ENDED},

	{LEASE_PREPARING, LEASE_EVENT_GRANT, LEASE_ACTIVE},
	{LEASE_PREPARING, LEASE_EVENT_FAIL, LEASE_REBINDING},
	{LEASE_PREPARING, LEASE_EVENT_RELEASE, LEASE_CUTTING},
	{LEASE_PREPARING, LEASE_EVENT_STUCK, LEASE_LOST},
	{LEASE_PREPARING, LEASE_EVENT_RESTART, LEASE_CUTTING},

	{LEASE_ACTIVE, LEASE_EVENT_FDS_LOST, LEASE_DEGRADED},
	{LEASE_ACTIVE, LEASE_EVENT_DETACH, LEASE_DETACHED},
	{LEASE_ACTIVE, LEASE_EVENT_REVOKE, LEASE_REVOKING},
	{LEASE_ACTIVE, LEASE_EVENT_RELEASE, LEASE_CUTTING},
	{LEASE_ACTIVE, LEASE_EVENT_RESTART, LEASE_ACTIVE},

	{LEASE_DEGRADED, LEASE_EVENT_DETACH, LEASE_DETACHED},
	{LEASE_DEGRADED, LEASE_EVENT_REVOKE, LEASE_REVOKING},
	{LEASE_DEGRADED, LEASE_EVENT_RELEASE, LEASE_CUTTING},
	{LEASE_DEGRADED, LEASE_EVENT_RESTART, LEASE_DEGRADED},

	{LEASE_DETACHED, LEASE_EVENT_REVOKE, LEASE_REVOKING},
	{LEASE_DETACHED, LEASE_EVENT_RELEASE, LEASE_CUTTING},
	{LEASE_DETACHED, LEASE_EVENT_RESTART, LEASE_DETACHED},

	{LEASE_REVOKING, LEASE_EVENT_REVOKE, LEASE_REVOKING},
	{LEASE_REVOKING, LEASE_EVENT_RELEASE, LEASE_CUTTING},
	{LEASE_REVOKING, LEASE_EVENT_RESTART, LEASE_REVOKING},

	{LEASE_CUTTING, LEASE_EVENT_CUT, LEASE_WAITING},
	{LEASE_CUTTING, LEASE_EVENT_STUCK, LEASE_LOST},
	{LEASE_CUTTING, LEASE_EVENT_RESTART, LEASE_CUTTING},

	{LEASE_WAITING, LEASE_EVENT_FREE, LEASE_RESETTING},
	{LEASE_WAITING, LEASE_EVENT_UNBIND, LEASE_UNBINDING},
	{LEASE_WAITING, LEASE_EVENT_STUCK, LEASE_LOST},
	{LEASE_WAITING, LEASE_EVENT_RESTART, LEASE_WAITING},

	{LEASE_UNBINDING, LEASE_EVENT_UNBOUND, LEASE_RESETTING},
	{LEASE_UNBINDING, LEASE_EVENT_STUCK, LEASE_LOST},
	{LEASE_UNBINDING, LEASE_EVENT_RESTART, LEASE_WAITING},

	{LEASE_RESETTING, LEASE_EVENT_RESET, LEASE_REBINDING},
	{LEASE_RESETTING, LEASE_EVENT_STUCK, LEASE_LOST},
	{LEASE_RESETTING, LEASE_EVENT_RESTART, LEASE_WAITING},

	{LEASE_REBINDING, LEASE_EVENT_REBOUND, LEASE_ENDED},
	{LEASE_REBINDING, LEASE_EVENT_STUCK, LEASE_LOST},
	{LEASE_REBINDING, LEASE_EVENT_RESTART, LEASE_REBINDING},

	/* The job that hung came back after all: in the middle, or with everything put back. Or the
	 * daemon is a new one. */
	{LEASE_LOST, LEASE_EVENT_CUT, LEASE_WAITING},
	{LEASE_LOST, LEASE_EVENT_REBOUND, LEASE_ENDED},
	{LEASE_LOST, LEASE_EVENT_RESTART, LEASE_WAITING},
};

static const struct {
	const char *name, *public;
} states[LEASE_STATE_N] = {
	[LEASE_REQUESTED] = {"requested", NULL},
	[LEASE_PREPARING] = {"preparing", NULL},
	[LEASE_ACTIVE] = {"active", "active"},
	[LEASE_DEGRADED] = {"degraded", "degraded"},
	[LEASE_DETACHED] = {"detached", "detached"},
	[LEASE_REVOKING] = {"revoking", "revoking"},
	[LEASE_CUTTING] = {"cutting", "releasing"},
	[LEASE_WAITING] = {"waiting", "releasing"},
	[LEASE_UNBINDING] = {"unbinding", "releasing"},
	[LEASE_RESETTING] = {"resetting", "releasing"},
	[LEASE_REBINDING] = {"rebinding", "releasing"},
	[LEASE_LOST] = {"lost", "lost"},
	[LEASE_ENDED] = {"ended", NULL},
};

static const char *const events[LEASE_EVENT_N] = {
	[LEASE_EVENT_PREPARE] = "prepare",
	[LEASE_EVENT_REFUSE] = "refuse",
	[LEASE_EVENT_GRANT] = "grant",
	[LEASE_EVENT_FAIL] = "fail",
	[LEASE_EVENT_FDS_LOST] = "fds-lost",
	[LEASE_EVENT_DETACH] = "detach",
	[LEASE_EVENT_REVOKE] = "revoke",
	[LEASE_EVENT_RELEASE] = "release",
	[LEASE_EVENT_CUT] = "cut",
	[LEASE_EVENT_FREE] = "free",
	[LEASE_EVENT_UNBIND] = "unbind",
	[LEASE_EVENT_UNBOUND] = "unbound",
	[LEASE_EVENT_RESET] = "reset",
	[LEASE_EVENT_REBOUND] = "rebound",
	[LEASE_EVENT_STUCK] = "stuck",
	[LEASE_EVENT_RESTART] = "restart",
};

int lease_state_next(enum lease_state from, enum lease_event event)
{
	for (size_t i = 0; i < ARRAY_SIZE(transitions); i++)
		if (transitions[i].from == from && transitions[i].event == event)
			return transitions[i].to;
	return -EINVAL;
}

bool lease_state_is_ending(enum lease_state s)
{
	return s >= LEASE_CUTTING && s <= LEASE_REBINDING;
}

bool lease_state_is_granted(enum lease_state s)
{
	return s >= LEASE_ACTIVE && s <= LEASE_REVOKING;
}

const char *lease_state_to_string(enum lease_state s)
{
	return (unsigned)s < LEASE_STATE_N ? states[s].name : NULL;
}

int lease_state_from_string(const char *s)
{
	for (size_t i = 0; s && i < LEASE_STATE_N; i++)
		if (streq(states[i].name, s))
			return i;
	return -EINVAL;
}

const char *lease_event_to_string(enum lease_event e)
{
	return (unsigned)e < LEASE_EVENT_N ? events[e] : NULL;
}

const char *lease_state_to_public(enum lease_state s)
{
	return (unsigned)s < LEASE_STATE_N ? states[s].public : NULL;
}
