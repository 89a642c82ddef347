/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From errors to messages and exit statuses. Scripts rely on the mapping: 3 is a refusal that
 * stays until somebody changes something, 4 passes by waiting, 5 is about the service.
 */
#pragma once

#include <systemd/sd-bus.h>

#include "base/macro.h"

/* The exit status for the name of a D-Bus error; STATUS_FAILED for all that it does not know. */
int status_from_error_name(const char *name);

/* Says "devleasectl: MESSAGE" on stderr, control characters escaped, and returns status. A message
 * of several lines becomes several such lines. */
int fail(int status, const char *format, ...) PRINTF_LIKE(2, 3);
int fail_oom(void);

/* The same for a call that failed: what the daemon said when e is set, else -r as errno. */
int fail_call(const sd_bus_error *e, int r);
