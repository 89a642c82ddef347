/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A host of struct host_ops over a model in memory, for tests of what the kernel would do: who may
 * bind, attach and reset what, and what an unbind waits for. Its rules are those measured on real
 * kernels. The fds are real: files with an exclusive flock, which lasts until the last copy in any
 * process is closed, so the model knows when nobody holds a device any more.
 *
 * From the environment, read by fake_host_new():
 *   DEVLEASE_FAKE_BACKEND=iommufd|legacy|both   what the host has (else as described)
 *   DEVLEASE_FAKE_HANG=ADDRESS=FIFO             driver_unbind of ADDRESS waits until somebody
 *                                               opens FIFO for writing
 *   DEVLEASE_FAKE_USE=FILE                      what the host does with devices: see use.c
 *   DEVLEASE_FAKE_MODELS=FILE                   models that came to addresses: see fake-host.c
 *   DEVLEASE_FAKE_STATE=FILE                    the state of devices and open files as JSON: taken
 *                                               up from FILE where it exists, kept there after
 *                                               each change
 */
#pragma once

#include "host/host.h"

/*
 * description is a JSON file, NULL the built-in one: the addresses of the test machine's full
 * topology. Its form:
 *   { "iommufd": true, "legacy": true, "interrupt-remapping": true, "acs-override": false,
 *     "devices": [ { "address": "0000:01:00.0", "id": "1b36:0010", "class": "010802",
 *                    "group": 1, "driver": "nvme", "override": "vfio-pci",
 *                    "reset-methods": "flr bus", "parent": "0000:00:10.0", "numa-node": 0,
 *                    "bridge": false, "physical-function": "0000:0b:00.0" } ] }
 * Only address is required. driver is the one that matches the device by its ids, and the one it
 * is on at first. -EINVAL when it makes no sense, with a line on stderr.
 */
int fake_host_new(const char *description, struct host **ret);

/* For tests: the state of one device; -ENODEV. Strings are borrowed until the next change. */
struct fake_state {
	const char *driver, *override;
	unsigned resets;     /* by whatever means, each counted when it succeeded */
	unsigned open_files; /* cdev or group device fds, the copies of one counted once */
};
int fake_host_state(struct host *h, const char *address, struct fake_state *ret);
/* fds of any kind that somebody still holds. */
size_t fake_host_open_files(struct host *h);
