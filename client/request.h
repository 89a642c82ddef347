/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What acquire, exec and explain have in common: the request, and the lease that came of it. */
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <sys/types.h>

#include "ctl.h"

/* A message to Manager.METHOD with the devices and the options of the command line. Returns an
 * exit status. */
int request_new(struct ctl *c, const char *method, char *const *devices, sd_bus_message **ret);

/* A name or a number. 0 or -errno; -ESRCH when there is no such user. */
int parse_user(const char *text, uid_t *ret);

/*
 * A lease as this process holds it. fds[i] is named names[i]: "iommu", "hold", then the devices in
 * the order of the reply. All fds are CLOEXEC and owned. The lease ends when no copy of "hold" is
 * open anywhere, so exiting is enough to give everything back.
 */
struct lease {
	char *path, *id;
	json_t *info;     /* as Acquire returned it */
	char **names;
	int *fds;
	size_t n_fds;
};

/* Returns an exit status; *ret is empty unless that is 0. */
int lease_acquire(struct ctl *c, char *const *devices, struct lease *ret);
/* Closes our fds, but for "hold" when keep_hold is set. */
void lease_close_fds(struct lease *l, bool keep_hold);
/* Calls a method without reply of the lease id. A lease that is not there is a failure, or, with
 * gone_is_fine, what was wanted. Returns an exit status. */
int lease_call(struct ctl *c, const char *id, sd_bus_message *m, bool gone_is_fine);
/* Release, and waits until the devices are back. Returns an exit status. */
int lease_release(struct ctl *c, const char *id, bool gone_is_fine);
void lease_done(struct lease *l);
#define _cleanup_lease_ _cleanup_(lease_done)
