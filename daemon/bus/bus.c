/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Connection and name. Objects are registered before the name is asked for; losing the name or the
 * connection ends the daemon's loop with an error, and the service manager starts it again.
 */
#include <errno.h>
#include <stdlib.h>

#include "bus/bus-private.h"

char *bus_object_path(const char *prefix, const char *name)
{
	char *path = NULL;

	return sd_bus_path_encode(prefix, name, &path) < 0 ? NULL : path;
}

static int on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
	struct bus *b = userdata;

	return sd_event_exit(b->event, EXIT_FAILURE);
}

static int connect_bus(struct bus *b)
{
	int r = sd_bus_open_system(&b->bus);

	if (r < 0)
		return r;
	r = sd_bus_attach_event(b->bus, b->event, SD_EVENT_PRIORITY_NORMAL);
	if (r < 0)
		return r;
	return sd_bus_match_signal(b->bus, NULL, "org.freedesktop.DBus.Local",
		"/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local", "Disconnected",
		on_disconnected, b);
}

int bus_new(sd_event *event, const struct bus_handlers *handlers, void *userdata,
	struct bus **ret)
{
	_cleanup_(bus_free_cleanup) struct bus *b = calloc(1, sizeof(*b));
	int r;

	if (!b)
		return -ENOMEM;
	b->event = sd_event_ref(event);
	b->handlers = handlers;
	b->userdata = userdata;
	r = connect_bus(b);
	if (r < 0)
		return r;
	r = sd_bus_add_object_manager(b->bus, NULL, BUS_PATH);
	if (r >= 0)
		r = bus_add_authorise(b);
	if (r >= 0)
		r = bus_add_manager(b);
	if (r >= 0)
		r = bus_add_devices(b);
	if (r >= 0)
		r = bus_add_leases(b);
	if (r >= 0)
		r = sd_bus_request_name(b->bus, BUS_NAME, 0);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(b);
	return 0;
}

void bus_free(struct bus *b)
{
	if (!b)
		return;
	bus_ask_done(b);
	bus_authorise_done(b);
	peer_free(b->lease_peer);
	sd_bus_flush_close_unref(b->bus);
	sd_event_unref(b->event);
	free(b);
}

int bus_get_id(struct bus *b, char ret[BUS_ID_SIZE])
{
	sd_id128_t id;
	int r = sd_bus_get_bus_id(b->bus, &id);

	if (r >= 0)
		sd_id128_to_string(id, ret);
	return r;
}

static int with_path(struct bus *b, const char *address,
	int (*emit)(sd_bus *bus, const char *path))
{
	_cleanup_free_ char *path = bus_object_path(BUS_DEVICE_PATH, address);

	return path ? emit(b->bus, path) : -ENOMEM;
}

static int emit_added(sd_bus *bus, const char *path)
{
	return sd_bus_emit_object_added(bus, path);
}

static int emit_removed(sd_bus *bus, const char *path)
{
	return sd_bus_emit_object_removed(bus, path);
}

static int emit_changed(sd_bus *bus, const char *path)
{
	return sd_bus_emit_properties_changed(bus, path, BUS_NAME ".Device", "Driver",
		"OriginalDriver", "State", "IommuGroup", "GroupDevices", "ResetSet",
		"ResetMethods", "Isolation", "PhysicalFunction", "VirtualFunctions", NULL);
}

/* A signal that cannot be sent is nobody's failure: the properties can still be read. */
void bus_device_added(struct bus *b, const char *address)
{
	(void)with_path(b, address, emit_added);
}

void bus_device_removed(struct bus *b, const char *address)
{
	(void)with_path(b, address, emit_removed);
}

void bus_device_changed(struct bus *b, const char *address)
{
	(void)with_path(b, address, emit_changed);
}
