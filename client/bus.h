/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls to devleased. All return an exit status, and have said why when it is not 0. */
#pragma once

#include <jansson.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

#include "ctl.h"

#define BUS_NAME "org.devlease1"
#define BUS_PATH "/org/devlease1"
#define BUS_MANAGER "org.devlease1.Manager"
#define BUS_DEVICE "org.devlease1.Device"
#define BUS_LEASE "org.devlease1.Lease"

/* For calls in which a device is reset, unbound or closed, or polkit may ask for a password; the
 * daemon has a shorter limit. */
#define BUS_LONG_USEC (UINT64_C(300) * 1000 * 1000)
#define BUS_DEFAULT_USEC UINT64_C(0)

DEFINE_CLEANUP(sd_bus_message *, sd_bus_message_unref);
#define _cleanup_message_ _cleanup_(sd_bus_message_unref_cleanup)

int bus_connect(struct ctl *c);
int bus_new_call(struct ctl *c, const char *path, const char *interface, const char *method,
	sd_bus_message **ret);
/* ret may be NULL. */
int bus_call(struct ctl *c, sd_bus_message *m, uint64_t timeout_usec, sd_bus_message **ret);
/* The first value of the reply. */
int bus_call_json(struct ctl *c, sd_bus_message *m, json_t **ret);

/* ListDevices with the filters that were given (NULL: any), ordered by address. */
int bus_list_devices(struct ctl *c, const char *state, const char *driver, json_t **ret);

/* The object of a lease; NULL when out of memory. */
char *bus_lease_path(const char *id);
