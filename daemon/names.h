/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Vendor and model names from the PCI ID database. It is read when a name is asked for that is not
 * yet known, and let go again: it is many times larger than everything else in the daemon.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"

struct names;

int names_new(struct names **ret);
void names_free(struct names *n);
DEFINE_CLEANUP(struct names *, names_free);

struct names_id {
	uint16_t vendor, device;
};
/* Looks up all that are not known yet, reading the database at most once. */
void names_learn(struct names *n, const struct names_id *ids, size_t count);
bool names_known(struct names *n, uint16_t vendor, uint16_t device);
/* Never NULL: "" for what the database does not have. Valid until names_free(). */
const char *names_vendor(struct names *n, uint16_t vendor, uint16_t device);
const char *names_model(struct names *n, uint16_t vendor, uint16_t device);
