/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A random world in play: leases that were granted and come to their ends, marks on devices, and
 * what is plugged and unplugged meanwhile. It keeps the books as the daemon does.
 */
#pragma once

#include "machine.h"
#include "world.h"

#define LEASES_MAX 16

struct member {
	int device;
	bool requested;
	unsigned peer, reset_set;
	enum isolation isolation;
	const char *driver_before;
	char rule[8];
};

struct lease {
	bool used;
	enum claim_kind state; /* of requested ones: leased, releasing, stuck */
	uid_t uid;
	char id[16];
	struct member members[WORLD_MAX]; /* requested ones first */
	size_t n;
};

/* A mark on a device without lease. */
struct world_mark {
	bool set;
	enum claim_kind kind; /* quarantined, same-uid */
	uid_t uid;
};

struct game {
	struct rng rng;
	struct world world;
	struct policy *policy;
	struct lease leases[LEASES_MAX];
	struct world_mark marks[WORLD_MAX];
	struct claim items[WORLD_MAX * 2];
	struct claims claims;
	struct host_use_facts *facts[WORLD_MAX];
	struct host_uses uses;
	unsigned serial;
};

/* Fills claims from leases and marks, and uses from the devices. */
void game_books(struct game *g);
void game_done(struct game *g);
/* The lease that has the device as a member, or NULL. */
struct lease *game_lease_of(struct game *g, int device);
struct member *game_member(struct lease *l, int device);
/* Leased, or put on the vfio driver for the lease. */
bool member_is_touched(const struct member *m);
/* A lease from an allowed decision; NULL when there is no room. */
struct lease *game_grant(struct game *g, uid_t uid, const struct decision *d);
/* Something happens that is not a request: an end of a lease, hot-plug, a driver, a mark. */
void game_event(struct game *g);

/* --- invariants.c: what must hold of a lease that was just granted, and of all together --- */
void game_check_lease(struct game *g, const struct topology *t, struct lease *l);
void game_check_all(struct game *g);
