/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * org.devlease1.Device: one table of properties serves the vtable, ListDevices and its filter, so
 * that they cannot disagree.
 */
#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#include "base/text.h"
#include "bus/bus-private.h"
#include "bus/property.h"

#define FILTER_MAX 256 /* bytes of a pattern */

static void set_devices(struct bus_value *v, const struct device **devices, size_t n)
{
	v->type = "as";
	v->devices = (const struct device *const *)devices;
	v->n_devices = n;
}

static void get_address(const void *object, struct bus_value *v)
{
	const struct bus_device *d = object;

	bus_value_string(v, d->device->address);
}

static void get_modalias(const void *object, struct bus_value *v)
{
	const struct bus_device *d = object;

	bus_value_string(v, d->device->modalias);
}

static void get_vendor_id(const void *object, struct bus_value *v)
{
	const struct bus_device *d = object;

	bus_value_number(v, "q", d->device->vendor);
}

static void get_device_id(const void *object, struct bus_value *v)
{
	const struct bus_device *d = object;

	bus_value_number(v, "q", d->device->device);
}

static void get_class(const void *object, struct bus_value *v)
{
	const struct bus_device *d = object;

	bus_value_number(v, "u", d->device->class_code);
}

static void get_vendor_name(const void *object, struct bus_value *v)
{
	const struct bus_device *d = object;

	bus_value_string(v, d->vendor_name);
}

static void get_model_name(const void *object, struct bus_value *v)
{
	const struct bus_device *d = object;

	bus_value_string(v, d->model_name);
}

static void get_driver(const void *object, struct bus_value *v)
{
	const struct bus_device *d = object;

	bus_value_string(v, d->device->driver);
}

static void get_original_driver(const void *object, struct bus_value *v)
{
	const struct bus_device *d = object;

	bus_value_string(v, d->original_driver);
}

static void get_iommu_group(const void *object, struct bus_value *v)
{
	const struct bus_device *d = object;

	bus_value_number(v, "i", d->device->iommu_group);
}

static void get_group_devices(const void *object, struct bus_value *v)
{
	const struct bus_device *d = object;

	set_devices(v, d->group, d->n_group);
}

static void get_reset_set(const void *object, struct bus_value *v)
{
	const struct bus_device *d = object;

	set_devices(v, d->reset_set, d->n_reset_set);
}

static void get_reset_methods(const void *object, struct bus_value *v)
{
	const struct bus_device *d = object;

	v->type = "as";
	(void)strv_split(&v->list, d->device->reset_methods ? d->device->reset_methods : "");
}

static void get_isolation(const void *object, struct bus_value *v)
{
	const struct bus_device *d = object;

	bus_value_string(v, d->isolation);
}

static void get_numa_node(const void *object, struct bus_value *v)
{
	const struct bus_device *d = object;

	bus_value_number(v, "i", d->device->numa_node);
}

static void get_physical_function(const void *object, struct bus_value *v)
{
	const struct bus_device *d = object;

	bus_value_string(v, d->device->physical_function);
}

static void get_virtual_functions(const void *object, struct bus_value *v)
{
	const struct bus_device *d = object;

	v->type = "as";
	for (char **s = d->device->virtual_functions; s && *s; s++)
		(void)strv_append(&v->list, *s);
}

static void get_state(const void *object, struct bus_value *v)
{
	const struct bus_device *d = object;

	bus_value_string(v, d->state);
}

static const struct bus_property properties[] = {
	{"Address", get_address},
	{"Modalias", get_modalias},
	{"VendorId", get_vendor_id},
	{"DeviceId", get_device_id},
	{"Class", get_class},
	{"VendorName", get_vendor_name},
	{"ModelName", get_model_name},
	{"Driver", get_driver},
	{"OriginalDriver", get_original_driver},
	{"IommuGroup", get_iommu_group},
	{"GroupDevices", get_group_devices},
	{"ResetSet", get_reset_set},
	{"ResetMethods", get_reset_methods},
	{"Isolation", get_isolation},
	{"NumaNode", get_numa_node},
	{"PhysicalFunction", get_physical_function},
	{"VirtualFunctions", get_virtual_functions},
	{"State", get_state},
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

int bus_append_device(sd_bus_message *m, const struct bus_device *d)
{
	return bus_properties_append(m, properties, ARRAY_SIZE(properties), d);
}

static int quarantine(sd_bus_message *m, struct bus_device *found, const char *reason,
	sd_bus_error *e)
{
	_cleanup_(peer_free_cleanup) struct peer *peer = NULL;
	struct bus *b = BUS_OF(found, found_device);
	const char *details[] = {"method", sd_bus_message_get_member(m), "device",
		found->device->address, NULL};
	struct bus_call *call;
	int r = bus_caller(b, m, 1, &peer, e);

	if (r >= 0)
		r = bus_authorise(b, m, peer, BUS_ACTION_MANAGE, details, e);
	if (r <= 0)
		return r < 0 ? r : 1;
	peer_describe(peer);
	call = bus_call_new(m);
	if (!call)
		return -ENOMEM;
	b->handlers->quarantine(b->userdata, peer, found->device->address, reason, call);
	return 1;
}

static int method_quarantine(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
	const char *reason;
	int r = sd_bus_message_read(m, "s", &reason);

	if (r < 0)
		return r;
	if (strlen(reason) > BUS_REASON_MAX)
		return bus_set_errno(e, -EINVAL, "The reason is too long");
	return quarantine(m, userdata, reason, e);
}

static int method_clear(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
	return quarantine(m, userdata, NULL, e);
}

#define CONST(name, type)                                                                          \
	SD_BUS_PROPERTY(name, type, get_property, 0, SD_BUS_VTABLE_PROPERTY_CONST)
#define CHANGES(name, type)                                                                        \
	SD_BUS_PROPERTY(name, type, get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE)

static const sd_bus_vtable vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD_WITH_ARGS("Quarantine", SD_BUS_ARGS("s", reason), SD_BUS_NO_RESULT,
		method_quarantine, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("Clear", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, method_clear,
		SD_BUS_VTABLE_UNPRIVILEGED),
	CONST("Address", "s"),
	CONST("Modalias", "s"),
	CONST("VendorId", "q"),
	CONST("DeviceId", "q"),
	CONST("Class", "u"),
	CONST("VendorName", "s"),
	CONST("ModelName", "s"),
	CHANGES("Driver", "s"),
	CHANGES("OriginalDriver", "s"),
	CHANGES("IommuGroup", "i"),
	CHANGES("GroupDevices", "as"),
	CHANGES("ResetSet", "as"),
	CHANGES("ResetMethods", "as"),
	CHANGES("Isolation", "s"),
	/* No event of the kernel tells of it, and it is in no bulk reply. */
	SD_BUS_PROPERTY("HostUse", "as", bus_get_host_use, 0, SD_BUS_VTABLE_PROPERTY_EXPLICIT),
	CONST("NumaNode", "i"),
	CHANGES("PhysicalFunction", "s"),
	CHANGES("VirtualFunctions", "as"),
	CHANGES("State", "s"),
	SD_BUS_VTABLE_END,
};

static int find_device(sd_bus *bus, const char *path, const char *interface, void *userdata,
	void **ret, sd_bus_error *e)
{
	_cleanup_free_ char *address = NULL;
	struct bus *b = userdata;
	int r = sd_bus_path_decode(path, BUS_DEVICE_PATH, &address);

	if (r <= 0)
		return r;
	r = b->handlers->device(b->userdata, address, &b->found_device);
	if (r > 0)
		*ret = &b->found_device;
	return r;
}

static int enumerate_devices(sd_bus *bus, const char *prefix, void *userdata, char ***ret,
	sd_bus_error *e)
{
	_cleanup_(peer_free_cleanup) struct peer *peer = NULL;
	struct bus *b = userdata;
	const struct topology *t = b->handlers->topology(b->userdata);
	_cleanup_strv_free_ char **paths = calloc(t->n_devices + 1, sizeof(char *));
	sd_bus_message *m = sd_bus_get_current_message(bus);
	size_t n = 0;
	int r = m ? bus_caller(b, m, bus_list_cost(b), &peer, e) : 0;

	if (r < 0)
		return r;
	if (!paths)
		return -ENOMEM;
	for (size_t i = 0; i < t->n_devices; i++) {
		if (t->devices[i]->is_bridge)
			continue;
		paths[n] = bus_object_path(BUS_DEVICE_PATH, t->devices[i]->address);
		if (!paths[n++])
			return -ENOMEM;
	}
	*ret = TAKE_PTR(paths);
	return 0;
}

int bus_add_devices(struct bus *b)
{
	int r = sd_bus_add_fallback_vtable(b->bus, NULL, BUS_DEVICE_PATH, BUS_NAME ".Device",
		vtable, find_device, b);

	if (r >= 0)
		r = bus_add_host_use(b);
	return r < 0 ? r : sd_bus_add_node_enumerator(b->bus, NULL, BUS_DEVICE_PATH,
		enumerate_devices, b);
}

struct filter_item {
	const struct bus_property *property;
	char *string; /* NULL: compare number */
	int64_t number;
};
struct bus_filter {
	struct filter_item items[ARRAY_SIZE(properties)];
	size_t n;
};

void bus_filter_free(struct bus_filter *f)
{
	for (size_t i = 0; f && i < f->n; i++)
		free(f->items[i].string);
	free(f);
}

static int read_filter_value(sd_bus_message *m, struct filter_item *item, sd_bus_error *e)
{
	const char *type, *s;
	uint16_t q;
	uint32_t u;
	int32_t i;
	int r = sd_bus_message_peek_type(m, NULL, &type);

	if (r < 0)
		return r;
	switch (type[1] ? '\0' : type[0]) {
	case 's':
		r = sd_bus_message_read(m, "v", "s", &s);
		if (r >= 0 && strlen(s) > FILTER_MAX)
			return sd_bus_error_setf(e, SD_BUS_ERROR_INVALID_ARGS,
				"The filter %s is longer than %d bytes", item->property->name,
				FILTER_MAX);
		return r < 0 ? r : strdup_to(&item->string, s);
	case 'q':
		r = sd_bus_message_read(m, "v", "q", &q);
		item->number = q;
		return r;
	case 'u':
		r = sd_bus_message_read(m, "v", "u", &u);
		item->number = u;
		return r;
	case 'i':
		r = sd_bus_message_read(m, "v", "i", &i);
		item->number = i;
		return r;
	default:
		return sd_bus_error_setf(e, SD_BUS_ERROR_INVALID_ARGS,
			"The filter %s has a value of type '%s'; strings and integers can be "
			"compared", item->property->name, type);
	}
}

static int read_filter_item(sd_bus_message *m, struct bus_filter *f, sd_bus_error *e)
{
	_cleanup_free_ char *safe = NULL;
	struct filter_item *item = &f->items[f->n];
	const char *name;
	int r = sd_bus_message_read(m, "s", &name);

	if (r < 0)
		return r;
	safe = escape_text(name, 64);
	if (f->n >= ARRAY_SIZE(f->items) || !find_property(name))
		return sd_bus_error_setf(e, SD_BUS_ERROR_INVALID_ARGS,
			"There is no property '%s' to filter by", safe ? safe : "");
	item->property = find_property(name);
	r = read_filter_value(m, item, e);
	if (r >= 0)
		f->n++;
	return r;
}

int bus_filter_read(sd_bus_message *m, struct bus_filter **ret, sd_bus_error *e)
{
	_cleanup_(bus_filter_free_cleanup) struct bus_filter *f = calloc(1, sizeof(*f));
	int r = f ? sd_bus_message_enter_container(m, 'a', "{sv}") : -ENOMEM;

	if (r < 0)
		return r;
	while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
		r = read_filter_item(m, f, e);
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
		if (r < 0)
			return r;
	}
	if (r >= 0)
		*ret = TAKE_PTR(f);
	return r;
}

static bool match_item(const struct filter_item *item, const struct bus_value *v)
{
	bool found = false;

	if (v->type[0] == 'a') {
		for (char **s = v->list; !found && item->string && s && *s; s++)
			found = fnmatch(item->string, *s, 0) == 0;
		for (size_t i = 0; !found && item->string && i < v->n_devices; i++)
			found = fnmatch(item->string, v->devices[i]->address, 0) == 0;
		return found;
	}
	if (v->type[0] == 's')
		return item->string && fnmatch(item->string, v->string, 0) == 0;
	return !item->string && item->number == v->number;
}

bool bus_filter_match(const struct bus_filter *f, const struct bus_device *d)
{
	for (size_t i = 0; i < f->n; i++) {
		struct bus_value v = {0};
		bool matches;

		f->items[i].property->get(d, &v);
		matches = match_item(&f->items[i], &v);
		bus_value_done(&v);
		if (!matches)
			return false;
	}
	return true;
}
