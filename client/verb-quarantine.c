/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* quarantine DEVICE..., clear DEVICE...: whether devices may be leased at all; for root. */
#include "bus.h"
#include "status.h"

static int device_path(struct ctl *c, const char *address, sd_bus_message **ret_reply,
	const char **ret)
{
	_cleanup_message_ sd_bus_message *m = NULL;
	int r = bus_new_call(c, BUS_PATH, BUS_MANAGER, "GetDevice", &m);

	if (r != STATUS_OK)
		return r;
	r = sd_bus_message_append(m, "s", address);
	if (r < 0)
		return fail_call(NULL, r);
	r = bus_call(c, m, BUS_DEFAULT_USEC, ret_reply);
	if (r != STATUS_OK)
		return r;
	r = sd_bus_message_read(*ret_reply, "o", ret);
	return r < 0 ? fail_call(NULL, r) : STATUS_OK;
}

static int call_device(struct ctl *c, const char *address, const char *method, const char *reason)
{
	_cleanup_message_ sd_bus_message *found = NULL, *m = NULL;
	const char *path;
	int r = device_path(c, address, &found, &path);

	if (r == STATUS_OK)
		r = bus_new_call(c, path, BUS_DEVICE, method, &m);
	if (r != STATUS_OK)
		return r;
	r = reason ? sd_bus_message_append(m, "s", reason) : 0;
	return r < 0 ? fail_call(NULL, r) : bus_call(c, m, BUS_LONG_USEC, NULL);
}

static int call_devices(struct ctl *c, const char *method, const char *reason)
{
	int status = STATUS_OK;

	for (char **address = c->args; *address; address++) {
		int r = call_device(c, *address, method, reason);

		if (r != STATUS_OK)
			status = r;
	}
	return status;
}

int verb_quarantine(struct ctl *c)
{
	return call_devices(c, "Quarantine", "by an administrator");
}

int verb_clear(struct ctl *c)
{
	return call_devices(c, "Clear", NULL);
}
