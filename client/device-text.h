/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How a device (an object with the D-Bus property names as keys) reads to people. */
#pragma once

#include <jansson.h>
#include <stddef.h>

/* "QEMU Virtual Machine edu device", or "1234:11e8" when the database knows neither; the legal
 * form of the company is left out. NULL: no memory. */
char *device_name(const json_t *device);
/* All addresses, blank separated; on a terminal the first and how many more: "0000:01:00.0 +2".
 * devices holds strings or objects with an address. NULL: no memory. */
char *device_addresses(const json_t *devices);
/* "3", or "" when the device is behind no IOMMU. */
const char *device_group(const json_t *device, char buffer[static 16]);
