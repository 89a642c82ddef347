/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Random machines and policies. The same seed gives the same ones everywhere. */
#pragma once

#include "core/decide.h"

struct rng {
	uint64_t state;
};
unsigned rng_below(struct rng *r, unsigned n); /* 0 to n - 1 */
bool rng_one_in(struct rng *r, unsigned n);

#define WORLD_MAX 64
#define WORLD_UIDS 4 /* 1000 to 1002, and root */

struct world_device {
	char address[ADDRESS_MAX];
	int parent, pf; /* indices, -1 for none */
	int group;
	bool bridge;
	const char *methods, *driver;
};

struct world {
	struct world_device devices[WORLD_MAX];
	size_t n;
	int n_groups;
	struct host_facts facts;
};

void world_random(struct world *w, struct rng *r);
struct topology *world_topology(const struct world *w);
/* A policy's text; never NULL. */
char *world_policy(const struct world *w, struct rng *r);
uid_t world_uid(struct rng *r);

/* What the words mean, worked out again without the code under test. */
bool world_below(const struct world *w, int device, int bridge);
bool world_in_reset_set(const struct world *w, int of, int member);
bool world_resets_alone(const struct world *w, int device);
bool world_on_host_driver(const struct world *w, int device);
int world_index(const struct world *w, const char *address);
