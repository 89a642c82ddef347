/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who is at the other end of the bus: what the bus daemon says of a unique name, which never
 * changes while the name exists. The unit comes from the process, which can change, and is asked
 * anew for each request.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

#include "base/macro.h"

/* What polkit can be asked for, org.devlease1.NAME. */
enum bus_action {
	BUS_ACTION_ACQUIRE, /* a device whose rule says ask */
	BUS_ACTION_MANAGE,  /* others' leases, quarantine, requests on behalf of others */
	BUS_ACTION_RELOAD,  /* the policy */
	BUS_ACTION_N,
};

struct peer {
	char *name;  /* unique bus name */
	uid_t uid;
	gid_t *gids; /* all, as the bus reports them */
	size_t n_gids;
	bool gids_known;     /* the bus does say */
	pid_t pid;           /* 0: the bus does not say */
	uint64_t start_time; /* of the process in clock ticks since boot, 0: unknown */
	char *unit;          /* system unit, NULL: none or unknown */
	bool unit_known;     /* there is such a process, in that unit or in none */
	char *exe;           /* for the journal only, NULL: unknown */
	uint32_t loginuid;   /* UINT32_MAX: none */
	bool loginuid_known;
	unsigned authorised; /* bits of enum bus_action: polkit was asked and said yes */
};

/* One round trip to the bus daemon: uid, gids and pid. -ENXIO when the name is gone already. */
int peer_identify(sd_bus *bus, const char *unique_name, struct peer **ret);
/*
 * Adds what /proc says of the process, for decisions and the journal. The unit is left NULL unless
 * the process's uid equals the bus's and it was the same process before and after.
 */
void peer_describe(struct peer *p);
struct peer *peer_free(struct peer *p);
DEFINE_CLEANUP(struct peer *, peer_free);
