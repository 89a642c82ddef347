/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Device.HostUse. A getter of sd-bus has to answer at once, and finding this out takes a walk
 * through /proc: so Properties.Get of it is taken before sd-bus sees it and answered later. GetAll
 * and the ObjectManager leave it out, and nothing is cached that the kernel sends no event for.
 */
#include <errno.h>

#include "base/text.h"
#include "bus/bus-private.h"

#define COST 8 /* calls: it costs a thread and a walk */

int bus_get_host_use(sd_bus *bus, const char *path, const char *interface, const char *name,
	sd_bus_message *reply, void *userdata, sd_bus_error *e)
{
	return -EOPNOTSUPP; /* on_get() was there before */
}

/* 1 when m asks for the property of a device, whose address is in *ret. */
static int is_asked(sd_bus_message *m, char **ret)
{
	const char *interface, *name;
	int r;

	if (!sd_bus_message_is_method_call(m, "org.freedesktop.DBus.Properties", "Get") ||
		!sd_bus_message_has_signature(m, "ss"))
		return 0;
	r = sd_bus_message_read(m, "ss", &interface, &name);
	if (r >= 0 && streq(interface, BUS_NAME ".Device") && streq(name, "HostUse"))
		return sd_bus_path_decode(sd_bus_message_get_path(m), BUS_DEVICE_PATH, ret);
	if (r >= 0)
		r = sd_bus_message_rewind(m, true);
	return r < 0 ? r : 0;
}

static int on_get(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
	_cleanup_(peer_free_cleanup) struct peer *peer = NULL;
	_cleanup_free_ char *address = NULL;
	struct bus *b = userdata;
	struct bus_call *call;
	int r = is_asked(m, &address);

	if (r <= 0)
		return r;
	r = b->handlers->device(b->userdata, address, &b->found_device);
	if (r < 0)
		return r;
	/* sd-bus answers for an object that is not there. */
	if (r == 0)
		return sd_bus_message_rewind(m, true) < 0 ? -EIO : 0;
	r = bus_caller(b, m, COST, &peer, e);
	if (r < 0)
		return r;
	call = bus_call_new(m);
	if (!call)
		return -ENOMEM;
	b->handlers->host_use(b->userdata, peer, address, call);
	return 1;
}

int bus_add_host_use(struct bus *b)
{
	return sd_bus_add_filter(b->bus, NULL, on_get, b);
}

static int build(sd_bus_message *m, const struct host_use_facts *f)
{
	int r = sd_bus_message_open_container(m, 'v', "as");

	if (r >= 0)
		r = sd_bus_message_open_container(m, 'a', "s");
	for (int class = 0; r >= 0 && f && class < HOST_USE_N; class++)
		if (host_use_has(f, class))
			r = sd_bus_message_append(m, "s", host_use_class_to_string(class));
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

void bus_reply_host_use(struct bus_call *call, const struct host_use_facts *f)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	int r = sd_bus_message_new_method_return(call->message, &reply);

	if (r >= 0)
		r = build(reply, f);
	bus_reply_built(call, reply, r);
}
