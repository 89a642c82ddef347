/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the bus layer share with each other and with nobody else. */
#pragma once

#include <stddef.h>

#include "bus/bus.h"

struct bus {
	sd_bus *bus;
	sd_event *event;
	const struct bus_handlers *handlers;
	void *userdata;
	/* What the last find callback found: sd-bus hands it to the getters right after. */
	struct bus_device found_device;
	struct bus_lease found_lease;
	/* polkit.c: what it is asked now, and the match that tells who leaves meanwhile. */
	struct bus_question *questions;
	sd_bus_slot *leaving;
	uint64_t last_question;
	/* authorise.c: calls that wait for polkit, and the authorised one that is handled now. */
	struct bus_admission *admissions, *admitted;
	/* lease.c: who the last find callback was for, and whether it may see the lease. */
	struct peer *lease_peer;
	bool lease_visible;
	char hidden_id[32];
};

struct bus_call {
	sd_bus_message *message;
};
/* NULL only when out of memory; takes a reference of m. */
struct bus_call *bus_call_new(sd_bus_message *m);
/* For one that is not answered here; NULL is fine. */
void bus_call_free(struct bus_call *c);

int bus_add_manager(struct bus *b);
int bus_add_devices(struct bus *b);
int bus_add_leases(struct bus *b);
/* device-use.c */
int bus_add_host_use(struct bus *b);
int bus_get_host_use(sd_bus *bus, const char *path, const char *interface, const char *name,
	sd_bus_message *reply, void *userdata, sd_bus_error *e);

/* Identifies the sender of m and charges it; a failure is an error reply already made in e. */
int bus_caller(struct bus *b, sd_bus_message *m, unsigned cost, struct peer **ret,
	sd_bus_error *e);
/*
 * Whether the sender of m may do this: 1 for root, and for whom polkit authorised it for this message;
 * else 0, when polkit is asked and m will be handled again from scratch, or a negative errno with e
 * set, -EACCES when polkit said no. details: key, value, ..., NULL, for the administrator's rules.
 */
int bus_authorise(struct bus *b, sd_bus_message *m, struct peer *peer, enum bus_action action,
	const char *const *details, sd_bus_error *e);
/* m was charged before it waited for polkit. */
bool bus_is_admitted(const struct bus *b, const sd_bus_message *m);
int bus_add_authorise(struct bus *b);
void bus_authorise_done(struct bus *b);
/* What a reply that tells of all devices costs, in calls. */
unsigned bus_list_cost(struct bus *b);
/*
 * The struct bus of a method call on a device or lease: the userdata of such a call is what the
 * find callback found, which is a member of it.
 */
#define BUS_OF(found, member) ((struct bus *)((char *)(found) - offsetof(struct bus, member)))
/* Object path of a device or lease. NULL when out of memory. */
char *bus_object_path(const char *prefix, const char *name);

/* Sets e from -errno in the one way that there is; returns a negative errno for sd-bus. */
int bus_set_errno(sd_bus_error *e, int error, const char *message);
/* The same for what a refusal of the core is called on the bus. */
const char *bus_refusal_name(enum refusal r);
/* Sends a reply, or says that making it failed with built; consumes call. */
void bus_reply_built(struct bus_call *call, sd_bus_message *reply, int built);

/* Reads "asa{sv}" of Acquire and Explain; on failure e is set. */
int bus_read_request(sd_bus_message *m, struct bus_request *ret, sd_bus_error *e);

/* The a{sv} of a device or lease, with the names of its properties. */
int bus_append_device(sd_bus_message *m, const struct bus_device *d);
int bus_append_lease(sd_bus_message *m, const struct bus_lease *l);
/* The a{sv} that describes a leased device in Acquire's info and OpenDevice. */
int bus_append_lease_device(sd_bus_message *m, const struct bus_lease_device *d);

/* ListDevices' filter. */
struct bus_filter;
int bus_filter_read(sd_bus_message *m, struct bus_filter **ret, sd_bus_error *e);
bool bus_filter_match(const struct bus_filter *f, const struct bus_device *d);
void bus_filter_free(struct bus_filter *f);
DEFINE_CLEANUP(struct bus_filter *, bus_filter_free);
