/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parser of a kernel uevent message, apart from the socket so that it can be tested. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "host/host.h"

/*
 * "ACTION@DEVPATH" and KEY=VALUE, each ended by a NUL. Returns whether the event concerns devices
 * that are assigned: a PCI device, a vfio cdev or group, an IOMMU group.
 */
bool uevent_parse(const char *message, size_t size, struct host_uevent *ret);
