/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tables of properties. One table serves the getters of a vtable, the a{sv} of listings and what is
 * compared with filters, so that they cannot disagree.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

#include "core/topology.h"

/* A property's value on its way out. What it points to is borrowed but for the list. */
struct bus_value {
	const char *type;     /* the D-Bus signature */
	const char *string;   /* of "s", never NULL */
	int64_t number;       /* of b, q, i, u and t */
	char **list;          /* of "as", allocated, */
	const struct device *const *devices; /* or: the addresses of these */
	size_t n_devices;
	/* Of any other type: appends it. */
	int (*append)(sd_bus_message *m, const void *object);
};

struct bus_property {
	const char *name;
	/* v is all zeros before. object is what the table is of, a bus_device or a bus_lease. */
	void (*get)(const void *object, struct bus_value *v);
};

void bus_value_string(struct bus_value *v, const char *s); /* NULL is "" */
void bus_value_number(struct bus_value *v, const char *type, int64_t n);
void bus_value_done(struct bus_value *v);

/* NULL when there is no such property. */
const struct bus_property *bus_property_find(const struct bus_property *properties, size_t n,
	const char *name);
/* Appends the value alone, as a getter of the vtable does. */
int bus_property_append(sd_bus_message *m, const struct bus_property *p, const void *object);
/* Appends an entry {sv}. */
int bus_property_append_entry(sd_bus_message *m, const struct bus_property *p, const void *object);
/* Appends all of them as a{sv}. */
int bus_properties_append(sd_bus_message *m, const struct bus_property *properties, size_t n,
	const void *object);
