/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Kill points: the places in the daemon where a SIGKILL leaves something different behind. They are
 * the kernel operations that change anything, and each durable or visible step: a file of the state
 * replaced, removed or made, a message to the fd store, records of the journal before the write and
 * before the sync, a reply on the bus. Being killed after a step is being killed before the next,
 * so one place before each is enough.
 *   DEVLEASE_POINTS=FILE      appends a line for each point that is passed: "STEP SUBJECT"
 *   DEVLEASE_KILL_FILE=FILE   as soon as it exists, "N STEP SUBJECT" in it kills the process at the
 *                             Nth time from then on that it gets there; it is removed when it is
 *                             taken up
 * A subject never depends on a lease's id, so that one lease's points are those of the next.
 */
#pragma once

#include "host/host.h"

/* Puts itself before the host's gate. 0, also when the environment asks for nothing, or -errno. */
int points_from_environment(struct host *h);
