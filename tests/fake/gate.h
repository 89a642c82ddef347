/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A gate for any host, set up from the environment, that tells and fails kernel operations:
 *   DEVLEASE_TRACE=FILE                     appends "OPERATION SUBJECT" a line for each call
 *   DEVLEASE_FAULT=OPERATION[:N[:ERRNO[:COUNT]]]
 *                                           fails the Nth call (1) of that operation with ERRNO
 *                                           (EIO, by name or number), and COUNT (1) in all from
 *                                           there on. ERRNO KILL: the process gets a SIGKILL;
 *                                           STOP: a SIGSTOP, and the call is made afterwards
 *   DEVLEASE_FAULT_FILE=FILE                the same from FILE as soon as it exists; it is
 *                                           removed when it is taken up
 * The subject is "-" where an operation has none. A call that is failed is in the trace
 * too, with " !ERRNO" at the end.
 */
#pragma once

#include "host/host.h"

/* 0, also when there is nothing to do; -EINVAL for a fault that makes no sense, or -errno. */
int gate_from_environment(struct host *h);
/* The same from values; either may be NULL. The gate lives as long as the process. */
int gate_set(struct host *h, const char *trace, const char *fault);
