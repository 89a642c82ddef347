/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * org.devlease1.Lease. The find callback asks who is calling before anything is said: to a peer
 * that may not see a lease its object does not exist. For Release and Reset polkit is asked first,
 * in the same way whether there is such a lease or not, so that only whom it authorises can tell.
 * It is not asked for properties and fds: reading must not wait, and no administrator needs the
 * fds of another's devices.
 */
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "bus/bus-private.h"
#include "bus/property.h"

static void get_id(const void *object, struct bus_value *v)
{
	bus_value_string(v, ((const struct bus_lease *)object)->id);
}

static int append_devices(sd_bus_message *m, const void *object)
{
	const struct bus_lease *l = object;
	int r = sd_bus_message_open_container(m, 'a', "s");

	for (size_t i = 0; r >= 0 && i < l->n_devices; i++)
		r = sd_bus_message_append(m, "s", l->devices[i].address);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static void get_devices(const void *object, struct bus_value *v)
{
	v->type = "as";
	v->append = append_devices;
}

static int append_owner(sd_bus_message *m, const void *object)
{
	const struct bus_lease *l = object;

	return sd_bus_message_append(m, "(uuss)", (uint32_t)l->uid, (uint32_t)l->pid,
		l->unit ? l->unit : "", l->label ? l->label : "");
}

static void get_owner(const void *object, struct bus_value *v)
{
	v->type = "(uuss)";
	v->append = append_owner;
}

static void get_handover(const void *object, struct bus_value *v)
{
	bus_value_string(v, ((const struct bus_lease *)object)->handover);
}

static void get_backend(const void *object, struct bus_value *v)
{
	bus_value_string(v, ((const struct bus_lease *)object)->backend);
}

static void get_state(const void *object, struct bus_value *v)
{
	bus_value_string(v, ((const struct bus_lease *)object)->state);
}

static void get_reset_set_owned(const void *object, struct bus_value *v)
{
	bus_value_number(v, "b", ((const struct bus_lease *)object)->reset_set_owned);
}

static void get_since(const void *object, struct bus_value *v)
{
	bus_value_number(v, "t", (int64_t)((const struct bus_lease *)object)->since);
}

static const struct bus_property properties[] = {
	{"Id", get_id},
	{"Devices", get_devices},
	{"Owner", get_owner},
	{"Handover", get_handover},
	{"Backend", get_backend},
	{"State", get_state},
	{"ResetSetOwned", get_reset_set_owned},
	{"Since", get_since},
};

static const struct bus_property *find_property(const char *name)
{
	return bus_property_find(properties, ARRAY_SIZE(properties), name);
}

static int get_property(sd_bus *bus, const char *path, const char *interface, const char *name,
	sd_bus_message *reply, void *userdata, sd_bus_error *e)
{
	return bus_property_append(reply, find_property(name), userdata);
}

int bus_append_lease(sd_bus_message *m, const struct bus_lease *l)
{
	return bus_properties_append(m, properties, ARRAY_SIZE(properties), l);
}

static int append_changed(sd_bus_message *m, const struct bus_lease *l)
{
	int r = sd_bus_message_append(m, "s", BUS_NAME ".Lease");

	if (r >= 0)
		r = sd_bus_message_open_container(m, 'a', "{sv}");
	if (r >= 0)
		r = bus_property_append_entry(m, find_property("ResetSetOwned"), l);
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	return r < 0 ? r : sd_bus_message_append(m, "as", 0);
}

static int emit_changed(struct bus *b, const char *id, const char *holder)
{
	_cleanup_free_ char *path = bus_object_path(BUS_LEASE_PATH, id);
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
	struct peer root = {.uid = 0};
	struct bus_lease l;
	int r = path ? b->handlers->lease(b->userdata, &root, id, &l) : -ENOMEM;

	if (r <= 0)
		return r;
	r = sd_bus_message_new_signal(b->bus, &m, path, "org.freedesktop.DBus.Properties",
		"PropertiesChanged");
	if (r >= 0)
		r = sd_bus_message_set_destination(m, holder);
	if (r >= 0)
		r = append_changed(m, &l);
	return r < 0 ? r : sd_bus_send(b->bus, m, NULL);
}

/* A signal that cannot be sent is nobody's failure: the property can still be read. */
void bus_lease_changed(struct bus *b, const char *id, const char *holder)
{
	(void)emit_changed(b, id, holder);
}

static const struct bus_lease_device *find_in_lease(const struct bus_lease *l, const char *address)
{
	char normal[ADDRESS_MAX];

	if (address_parse(address, normal, NULL) < 0)
		return NULL;
	for (size_t i = 0; i < l->n_devices; i++)
		if (streq(l->devices[i].address, normal))
			return &l->devices[i];
	return NULL;
}

static int method_open_device(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	const struct bus_lease *l = userdata;
	const struct bus_lease_device *d;
	const char *address;
	int r = sd_bus_message_read(m, "s", &address);

	if (r < 0)
		return r;
	d = find_in_lease(l, address);
	if (!d)
		return bus_set_errno(e, -ENODEV, "There is no such device in this lease");
	if (d->fd < 0)
		return bus_set_errno(e, -EBUSY, "The lease has no fd of this device any more");
	r = sd_bus_message_new_method_return(m, &reply);
	if (r >= 0)
		r = sd_bus_message_append(reply, "h", d->fd);
	if (r >= 0)
		r = bus_append_lease_device(reply, d);
	return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static int method_open_iommu(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	const struct bus_lease *l = userdata;
	int r;

	if (l->iommu_fd < 0)
		return bus_set_errno(e, -EBUSY, "The lease has no I/O address space any more");
	r = sd_bus_message_new_method_return(m, &reply);
	if (r >= 0)
		r = sd_bus_message_append(reply, "h", l->iommu_fd);
	if (r >= 0 && l->ioas)
		r = sd_bus_message_append(reply, "a{sv}", 2, "backend", "s", l->backend,
			"ioas-id", "u", l->ioas);
	else if (r >= 0)
		r = sd_bus_message_append(reply, "a{sv}", 1, "backend", "s", l->backend);
	return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

/* 1 when the caller may release and reset the lease, and there is one; 0 when polkit is asked. */
static int authorise(struct bus *b, sd_bus_message *m, sd_bus_error *e)
{
	const char *details[] = {"method", sd_bus_message_get_member(m), "lease",
		b->found_lease.id, NULL};
	int r;

	if (b->lease_visible)
		return 1;
	r = bus_authorise(b, m, b->lease_peer, BUS_ACTION_MANAGE, details, e);
	if (r > 0 && b->handlers->lease_exists(b->userdata, b->found_lease.id))
		return 1;
	if (r > 0 || r == -EACCES) {
		sd_bus_error_free(e);
		/* In the words of sd-bus for an object that it cannot find. */
		return sd_bus_error_setf(e, SD_BUS_ERROR_UNKNOWN_OBJECT, "Unknown object '%s'.",
			sd_bus_message_get_path(m));
	}
	return r;
}

static int method_reset(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
	struct bus *b = BUS_OF(userdata, found_lease);
	struct bus_call *call;
	const char *kind;
	int r = sd_bus_message_read(m, "s", &kind);

	if (r < 0)
		return r;
	if (!streq(kind, "function") && !streq(kind, "hot"))
		return bus_set_errno(e, -EINVAL, "A reset is of kind function or hot");
	r = authorise(b, m, e);
	if (r <= 0)
		return r < 0 ? r : 1;
	call = bus_call_new(m);
	if (!call)
		return -ENOMEM;
	b->handlers->reset(b->userdata, b->lease_peer, b->found_lease.id, streq(kind, "hot"), call);
	return 1;
}

static int method_release(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
	struct bus *b = BUS_OF(userdata, found_lease);
	struct bus_call *call;
	int r = authorise(b, m, e);

	if (r <= 0)
		return r < 0 ? r : 1;
	call = bus_call_new(m);
	if (!call)
		return -ENOMEM;
	b->handlers->release(b->userdata, b->lease_peer, b->found_lease.id, call);
	return 1;
}

#define CONST(name, type)                                                                          \
	SD_BUS_PROPERTY(name, type, get_property, 0, SD_BUS_VTABLE_PROPERTY_CONST)

static const sd_bus_vtable vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD_WITH_ARGS("OpenDevice", SD_BUS_ARGS("s", address),
		SD_BUS_RESULT("h", fd, "a{sv}", info), method_open_device,
		SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("OpenIommu", SD_BUS_NO_ARGS,
		SD_BUS_RESULT("h", fd, "a{sv}", info), method_open_iommu,
		SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("Reset", SD_BUS_ARGS("s", kind), SD_BUS_NO_RESULT, method_reset,
		SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("Release", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, method_release,
		SD_BUS_VTABLE_UNPRIVILEGED),
	CONST("Id", "s"),
	SD_BUS_PROPERTY("Devices", "as", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	CONST("Owner", "(uuss)"),
	CONST("Handover", "s"),
	CONST("Backend", "s"),
	SD_BUS_PROPERTY("State", "s", get_property, 0, 0),
	SD_BUS_PROPERTY("ResetSetOwned", "b", get_property, 0, 0),
	CONST("Since", "t"),
	SD_BUS_VTABLE_END,
};

static bool is_for_managers(sd_bus_message *m)
{
	return sd_bus_message_is_method_call(m, BUS_NAME ".Lease", "Release") > 0 ||
		sd_bus_message_is_method_call(m, BUS_NAME ".Lease", "Reset") > 0;
}

/* What may be a lease that its caller does not see: its id, which the caller gave. */
static int find_hidden(struct bus *b, sd_bus_message *m, const char *id)
{
	if (b->lease_peer->uid == 0 || !is_for_managers(m) || strlen(id) >= sizeof(b->hidden_id))
		return 0;
	strcpy(b->hidden_id, id);
	b->found_lease = (struct bus_lease){.id = b->hidden_id, .iommu_fd = -1};
	return 1;
}

static int find_lease(sd_bus *bus, const char *path, const char *interface, void *userdata,
	void **ret, sd_bus_error *e)
{
	_cleanup_(peer_free_cleanup) struct peer *peer = NULL;
	_cleanup_free_ char *id = NULL;
	struct bus *b = userdata;
	sd_bus_message *m = sd_bus_get_current_message(bus);
	int r = sd_bus_path_decode(path, BUS_LEASE_PATH, &id);

	if (r <= 0 || !m)
		return 0;
	r = bus_caller(b, m, 1, &peer, e);
	if (r < 0)
		return r;
	r = b->handlers->lease(b->userdata, peer, id, &b->found_lease);
	peer_free(b->lease_peer);
	b->lease_peer = TAKE_PTR(peer);
	b->lease_visible = r > 0;
	if (r == 0)
		r = find_hidden(b, m, id);
	if (r > 0)
		*ret = &b->found_lease;
	return r;
}

/* Devices are managed objects; leases are found by walking the paths, and by ListLeases. */
static bool lists_managed_objects(sd_bus_message *m)
{
	return sd_bus_message_is_method_call(m, "org.freedesktop.DBus.ObjectManager",
		"GetManagedObjects") > 0;
}

static int enumerate_leases(sd_bus *bus, const char *prefix, void *userdata, char ***ret,
	sd_bus_error *e)
{
	_cleanup_(peer_free_cleanup) struct peer *peer = NULL;
	_cleanup_strv_free_ char **ids = NULL, **paths = calloc(1, sizeof(char *));
	struct bus *b = userdata;
	sd_bus_message *m = sd_bus_get_current_message(bus);
	int r = m && paths && !lists_managed_objects(m) ? bus_caller(b, m, 1, &peer, e) : 0;

	if (!paths)
		return -ENOMEM;
	if (r < 0)
		return r;
	if (peer)
		r = b->handlers->leases(b->userdata, peer, &ids);
	for (char **id = ids; r >= 0 && id && *id; id++) {
		_cleanup_free_ char *path = bus_object_path(BUS_LEASE_PATH, *id);

		r = path ? strv_append(&paths, path) : -ENOMEM;
	}
	if (r < 0)
		return r;
	*ret = TAKE_PTR(paths);
	return 0;
}

int bus_add_leases(struct bus *b)
{
	int r = sd_bus_add_fallback_vtable(b->bus, NULL, BUS_LEASE_PATH, BUS_NAME ".Lease", vtable,
		find_lease, b);

	return r < 0 ? r : sd_bus_add_node_enumerator(b->bus, NULL, BUS_LEASE_PATH,
		enumerate_leases, b);
}
