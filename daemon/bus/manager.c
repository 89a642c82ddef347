/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * org.devlease1.Manager. Each method reads its arguments, finds out who is calling, charges the
 * call, and passes on to the handlers.
 */
#include <errno.h>
#include <stdio.h>

#include "base/text.h"
#include "bus/bus-private.h"

#define DEVICES_PER_CALL 64

unsigned bus_list_cost(struct bus *b)
{
	return 1 + b->handlers->topology(b->userdata)->n_devices / DEVICES_PER_CALL;
}

int bus_caller(struct bus *b, sd_bus_message *m, unsigned cost, struct peer **ret,
	sd_bus_error *e)
{
	_cleanup_(peer_free_cleanup) struct peer *p = NULL;
	const char *sender = sd_bus_message_get_sender(m);
	int r = sender ? peer_identify(b->bus, sender, &p) : -ENXIO;

	if (r < 0)
		return bus_set_errno(e, -EACCES, "The bus does not say who is calling");
	r = bus_is_admitted(b, m) ? 0 : b->handlers->charge(b->userdata, p, cost);
	if (r < 0)
		return bus_set_errno(e, r, "Too many calls of this user; wait a moment");
	*ret = TAKE_PTR(p);
	return 0;
}

/*
 * Policy and quota go by another uid: for root, and whom polkit allows. Nobody else acts for root,
 * whom the Access= of [Defaults] does not bind.
 */
static int authorise_for_uid(struct bus *b, sd_bus_message *m, struct peer *peer,
	const struct bus_request *r, sd_bus_error *e)
{
	char uid[16];
	const char *details[] = {"method", sd_bus_message_get_member(m), "for-uid", uid, NULL};

	if (!r->has_for_uid || r->for_uid == peer->uid)
		return 1;
	if (r->for_uid == 0)
		return bus_set_errno(e, -EACCES,
			"Option for-uid: only root itself may ask on behalf of root (uid 0)");
	snprintf(uid, sizeof(uid), "%u", (unsigned)r->for_uid);
	return bus_authorise(b, m, peer, BUS_ACTION_MANAGE, details, e);
}

/* Acquire and Explain differ in their handler alone. */
static int with_request(sd_bus_message *m, struct bus *b, sd_bus_error *e,
	void (*handle)(void *userdata, struct peer **peer, struct bus_request *r,
		struct bus_call *call))
{
	_cleanup_(bus_request_done) struct bus_request request = {0};
	_cleanup_(peer_free_cleanup) struct peer *peer = NULL;
	struct bus_call *call;
	int r = bus_caller(b, m, 1, &peer, e);

	if (r >= 0)
		r = bus_read_request(m, &request, e);
	if (r >= 0)
		r = authorise_for_uid(b, m, peer, &request, e);
	if (r <= 0)
		return r < 0 ? r : 1;
	peer_describe(peer);
	call = bus_call_new(m);
	if (!call)
		return -ENOMEM;
	handle(b->userdata, &peer, &request, call);
	return 1;
}

static int method_acquire(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
	struct bus *b = userdata;

	return with_request(m, b, e, b->handlers->acquire);
}

static int method_explain(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
	struct bus *b = userdata;

	return with_request(m, b, e, b->handlers->explain);
}

static int method_get_device(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
	_cleanup_free_ char *path = NULL, *safe = NULL;
	struct bus *b = userdata;
	_cleanup_(peer_free_cleanup) struct peer *peer = NULL;
	char normal[ADDRESS_MAX];
	const char *address;
	struct bus_device d;
	int r = bus_caller(b, m, 1, &peer, e);

	if (r >= 0)
		r = sd_bus_message_read(m, "s", &address);
	if (r < 0)
		return r;
	safe = escape_text(address, 64);
	if (address_parse(address, normal, NULL) < 0)
		return sd_bus_error_setf(e, SD_BUS_ERROR_INVALID_ARGS,
			"'%s' is no address of a device; they look like 0000:01:00.0",
			safe ? safe : "");
	r = b->handlers->device(b->userdata, normal, &d);
	if (r < 0)
		return r;
	if (r == 0)
		return sd_bus_error_setf(e, BUS_NAME ".Error.NoSuchDevice",
			"%s: there is no such device; devleasectl list shows those there are",
			normal);
	path = bus_object_path(BUS_DEVICE_PATH, normal);
	return path ? sd_bus_reply_method_return(m, "o", path) : -ENOMEM;
}

static int append_devices(struct bus *b, sd_bus_message *reply, const struct bus_filter *f)
{
	const struct topology *t = b->handlers->topology(b->userdata);
	int r = sd_bus_message_open_container(reply, 'a', "a{sv}");

	for (size_t i = 0; r >= 0 && i < t->n_devices; i++) {
		struct bus_device d;

		if (t->devices[i]->is_bridge)
			continue;
		r = b->handlers->device(b->userdata, t->devices[i]->address, &d);
		if (r > 0 && bus_filter_match(f, &d))
			r = bus_append_device(reply, &d);
	}
	return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int method_list_devices(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	_cleanup_(bus_filter_free_cleanup) struct bus_filter *f = NULL;
	_cleanup_(peer_free_cleanup) struct peer *peer = NULL;
	struct bus *b = userdata;
	int r = bus_caller(b, m, bus_list_cost(b), &peer, e);

	if (r >= 0)
		r = bus_filter_read(m, &f, e);
	if (r >= 0)
		r = sd_bus_message_new_method_return(m, &reply);
	if (r >= 0)
		r = append_devices(b, reply, f);
	return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static int method_list_leases(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	_cleanup_(peer_free_cleanup) struct peer *peer = NULL;
	_cleanup_strv_free_ char **ids = NULL;
	struct bus *b = userdata;
	int r = bus_caller(b, m, 1, &peer, e);

	if (r >= 0)
		r = b->handlers->leases(b->userdata, peer, &ids);
	if (r >= 0)
		r = sd_bus_message_new_method_return(m, &reply);
	if (r >= 0)
		r = sd_bus_message_open_container(reply, 'a', "a{sv}");
	for (char **id = ids; r >= 0 && id && *id; id++) {
		struct bus_lease l;

		r = b->handlers->lease(b->userdata, peer, *id, &l);
		if (r > 0)
			r = bus_append_lease(reply, &l);
	}
	if (r >= 0)
		r = sd_bus_message_close_container(reply);
	return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static int method_reload(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
	static const char *const details[] = {"method", "Reload", NULL};
	_cleanup_(peer_free_cleanup) struct peer *peer = NULL;
	struct bus *b = userdata;
	struct bus_call *call;
	int r = bus_caller(b, m, 1, &peer, e);

	if (r >= 0)
		r = bus_authorise(b, m, peer, BUS_ACTION_RELOAD, details, e);
	if (r <= 0)
		return r < 0 ? r : 1;
	peer_describe(peer);
	call = bus_call_new(m);
	if (!call)
		return -ENOMEM;
	b->handlers->reload(b->userdata, peer, call);
	return 1;
}

static int get_version(sd_bus *bus, const char *path, const char *interface, const char *name,
	sd_bus_message *reply, void *userdata, sd_bus_error *e)
{
	return sd_bus_message_append(reply, "s", DEVLEASE_VERSION);
}

static const sd_bus_vtable vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD_WITH_ARGS("Acquire", SD_BUS_ARGS("as", devices, "a{sv}", options),
		SD_BUS_RESULT("o", lease, "a{sh}", fds, "a{sv}", info), method_acquire,
		SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("Explain", SD_BUS_ARGS("as", devices, "a{sv}", options),
		SD_BUS_RESULT("s", verdict, "aa{sv}", findings), method_explain,
		SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("GetDevice", SD_BUS_ARGS("s", address),
		SD_BUS_RESULT("o", device), method_get_device, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("ListDevices", SD_BUS_ARGS("a{sv}", filter),
		SD_BUS_RESULT("aa{sv}", devices), method_list_devices,
		SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("ListLeases", SD_BUS_NO_ARGS, SD_BUS_RESULT("aa{sv}", leases),
		method_list_leases, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("Reload", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, method_reload,
		SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_PROPERTY("Version", "s", get_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_VTABLE_END,
};

int bus_add_manager(struct bus *b)
{
	return sd_bus_add_object_vtable(b->bus, NULL, BUS_PATH, BUS_NAME ".Manager", vtable, b);
}
