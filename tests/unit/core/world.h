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
#define WORLD_RULES 4

struct world_device {
	char address[ADDRESS_MAX];
	int parent, pf; /* indices, -1 for none */
	int group;
	bool bridge;
	bool gone; /* for now */
	const char *methods, *driver;
	bool identity;
	struct bridge_facts facts;
	bool display;
	unsigned uses; /* a bit for each class of host use, while no vfio driver is bound */
};

/* A rule of the policy. Numbers are the values of the enums; 0 limits is none. */
struct world_rule {
	char device[24]; /* a pattern, "" for every device */
	int uid;         /* -1 for all */
	enum verdict access;
	enum isolation isolation;
	unsigned reset_set, handovers;
	enum backend backend;
	bool opened_first, host_use_allow;
	unsigned max_leases, max_devices;
};

struct world {
	struct world_device devices[WORLD_MAX];
	size_t n;
	int n_groups;
	size_t newest; /* the device that was plugged in last */
	struct host_facts facts;
	struct world_rule rules[WORLD_RULES];
	size_t n_rules;
};

void world_random(struct world *w, struct rng *r);
struct topology *world_topology(const struct world *w);
/* A device, or all below a port, with the VFs; and others that come in their places. */
bool world_goes_with(const struct world *w, int device, int unplugged);
void world_unplug(struct world *w, int device);
void world_plug(struct world *w, struct rng *r);
/* A port of the root bus. */
int world_port(const struct world *w, struct rng *r);
/* Another driver, and what the host does through it. */
void world_set_driver(struct world_device *d, struct rng *r);

/* Some rules of every kind; and the rules as a policy. */
void world_rules(struct world *w, struct rng *r);
struct policy *world_policy(const struct world *w);
/* Makes one rule stricter in one term; false when it could not be. */
bool world_stricter(struct world *w, struct rng *r);
uid_t world_uid(struct rng *r);

/* What the words mean, worked out again without the code under test. */
bool world_below(const struct world *w, int device, int bridge);
bool world_in_reset_set(const struct world *w, int of, int member);
bool world_resets_alone(const struct world *w, int device);
bool world_on_host_driver(const struct world *w, int device);
int world_index(const struct world *w, const char *address);
