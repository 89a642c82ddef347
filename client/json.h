/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Replies of the bus as JSON. Verbs work on these objects, so what --json prints is what the
 * daemon said, with the D-Bus property names as keys.
 */
#pragma once

#include <jansson.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

#include "base/macro.h"

DEFINE_CLEANUP(json_t *, json_decref);
#define _cleanup_json_ _cleanup_(json_decref_cleanup)

/*
 * Reads one complete value where m stands. Dictionaries become objects (keys that are numbers
 * become strings), arrays and structs arrays, variants what is in them, fds null. A number above
 * INT64_MAX becomes a real. *ret is a new reference. -errno; -ENXIO when there is nothing to read.
 */
int json_from_message(sd_bus_message *m, json_t **ret);

/* Members of an object: "" or fallback when there is none of that type. Borrowed. */
const char *json_text(const json_t *object, const char *key);
json_int_t json_number(const json_t *object, const char *key, json_int_t fallback);

/* The strings of an array member, joined; "" when empty or missing. NULL: no memory. */
char *json_join(const json_t *object, const char *key, const char *separator);
