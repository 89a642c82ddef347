/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* reset ID: resets the devices of a lease, each alone or its reset set at once. */
#include "base/text.h"
#include "bus.h"
#include "request.h"
#include "status.h"

int verb_reset(struct ctl *c)
{
	const char *kind = c->options.kind ? c->options.kind : "function";
	_cleanup_free_ char *path = bus_lease_path(c->args[0]);
	_cleanup_message_ sd_bus_message *m = NULL;
	int r;

	if (!streq(kind, "function") && !streq(kind, "hot"))
		return fail(STATUS_USAGE, "--kind=%s: use function or hot", kind);
	if (!path)
		return fail_oom();
	r = bus_new_call(c, path, BUS_LEASE, "Reset", &m);
	if (r != STATUS_OK)
		return r;
	r = sd_bus_message_append(m, "s", kind);
	return r < 0 ? fail_call(NULL, r) : lease_call(c, c->args[0], m, false);
}
