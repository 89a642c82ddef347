/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* show DEVICE...: everything the daemon knows of a device. */
#include <stdio.h>

#include "bus.h"
#include "base/text.h"
#include "device-text.h"
#include "json.h"
#include "status.h"
#include "terminal.h"

/* Not in GetAll, since the daemon has to find it out first. */
static int get_host_use(struct ctl *c, const char *path, json_t *device)
{
	_cleanup_message_ sd_bus_message *get = NULL;
	json_t *uses = NULL;
	int r = bus_new_call(c, path, "org.freedesktop.DBus.Properties", "Get", &get);

	if (r != STATUS_OK)
		return r;
	r = sd_bus_message_append(get, "ss", BUS_DEVICE, "HostUse");
	if (r < 0)
		return fail_call(NULL, r);
	r = bus_call_json(c, get, &uses);
	if (r != STATUS_OK)
		return r;
	return json_object_set_new(device, "HostUse", uses) < 0 ? fail_oom() : STATUS_OK;
}

static int get_properties(struct ctl *c, const char *address, json_t **ret)
{
	_cleanup_message_ sd_bus_message *find = NULL, *found = NULL, *get = NULL;
	_cleanup_json_ json_t *device = NULL;
	const char *path;
	int r = bus_new_call(c, BUS_PATH, BUS_MANAGER, "GetDevice", &find);

	if (r != STATUS_OK)
		return r;
	r = sd_bus_message_append(find, "s", address);
	if (r < 0)
		return fail_call(NULL, r);
	r = bus_call(c, find, BUS_DEFAULT_USEC, &found);
	if (r != STATUS_OK)
		return r;
	r = sd_bus_message_read(found, "o", &path);
	if (r < 0)
		return fail_call(NULL, r);
	r = bus_new_call(c, path, "org.freedesktop.DBus.Properties", "GetAll", &get);
	if (r != STATUS_OK)
		return r;
	r = sd_bus_message_append(get, "s", BUS_DEVICE);
	if (r < 0)
		return fail_call(NULL, r);
	r = bus_call_json(c, get, &device);
	if (r == STATUS_OK)
		r = get_host_use(c, path, device);
	if (r == STATUS_OK)
		*ret = TAKE_PTR(device);
	return r;
}

static void print_line(const char *key, const char *value)
{
	_cleanup_free_ char *safe = escape_text(*value ? value : "-", SIZE_MAX);

	printf("%16s: %s\n", key, safe ? safe : "?");
}

/* The addresses of a set without the device itself, or what it means that there are none. */
static void print_peers(const json_t *device, const char *key, const char *property,
	const char *lead, const char *alone)
{
	_cleanup_text_ struct text t = {0};
	const char *self = json_text(device, "Address");
	const json_t *peers = json_object_get(device, property);
	bool any = false;
	json_t *peer;
	size_t i;

	text_append(&t, lead);
	json_array_foreach(peers, i, peer) {
		const char *address = json_string_value(peer);

		if (!address || streq(address, self))
			continue;
		text_appendf(&t, "%s%s", any ? " " : "", address);
		any = true;
	}
	print_line(key, any && !t.failed ? t.data : alone);
}

static void print_list(const json_t *device, const char *key, const char *property,
	const char *none)
{
	_cleanup_free_ char *joined = json_join(device, property, " ");

	print_line(key, joined && *joined ? joined : none);
}

static void print_driver(const json_t *device)
{
	const char *driver = json_text(device, "Driver");
	const char *original = json_text(device, "OriginalDriver");
	_cleanup_text_ struct text t = {0};

	text_append(&t, *driver ? driver : "none");
	if (!streq(driver, original) && *original)
		text_appendf(&t, " (%s comes back afterwards)", original);
	else if (!streq(driver, original))
		text_append(&t, " (it has no driver afterwards, as before)");
	print_line("Driver", t.failed ? driver : t.data);
}

static void print_numbers(const json_t *device)
{
	char text[64], group[16];
	json_int_t node = json_number(device, "NumaNode", -1);

	snprintf(text, sizeof(text), "%04x:%04x, class %06x",
		(unsigned)json_number(device, "VendorId", 0),
		(unsigned)json_number(device, "DeviceId", 0),
		(unsigned)json_number(device, "Class", 0));
	print_line("Ids", text);
	print_driver(device);
	print_list(device, "Host use", "HostUse", "none");
	print_line("IOMMU group", *device_group(device, group) ? group : "none");
	print_peers(device, "Group peers", "GroupDevices", "", "none");
	print_peers(device, "Reset set", "ResetSet", "this device and ", "this device alone");
	print_list(device, "Reset methods", "ResetMethods", "none: it cannot be reset");
	print_line("Isolation", json_text(device, "Isolation"));
	snprintf(text, sizeof(text), "%d", (int)node);
	print_line("NUMA node", node >= 0 ? text : "-");
}

static int print_device(const json_t *device)
{
	_cleanup_free_ char *name = device_name(device);
	_cleanup_free_ char *safe = name ? escape_text(name, SIZE_MAX) : NULL;
	const char *state = json_text(device, "State");

	if (!safe)
		return fail_oom();
	printf("%s%s%s - %s\n", colour(COLOUR_BOLD), json_text(device, "Address"),
		colour(COLOUR_NONE), safe);
	printf("%16s: %s%s%s\n", "State", colour(colour_of_state(state)), state,
		colour(COLOUR_NONE));
	print_numbers(device);
	if (*json_text(device, "PhysicalFunction"))
		print_line("PF", json_text(device, "PhysicalFunction"));
	if (json_array_size(json_object_get(device, "VirtualFunctions")) > 0)
		print_list(device, "VFs", "VirtualFunctions", "none");
	print_line("Modalias", json_text(device, "Modalias"));
	return STATUS_OK;
}

static int print_devices(const struct ctl *c, const json_t *devices)
{
	json_t *device;
	size_t i;

	pager_open(c);
	json_array_foreach(devices, i, device) {
		int r;

		if (i > 0)
			putchar('\n');
		r = print_device(device);
		if (r != STATUS_OK)
			return r;
	}
	return STATUS_OK;
}

int verb_show(struct ctl *c)
{
	_cleanup_json_ json_t *devices = json_array();
	int status = STATUS_OK, r;

	if (!devices)
		return fail_oom();
	for (char **address = c->args; *address; address++) {
		json_t *device = NULL;

		r = get_properties(c, *address, &device);
		if (r != STATUS_OK)
			status = r;
		else if (json_array_append_new(devices, device) < 0)
			return fail_oom();
	}
	r = c->options.json != JSON_OFF ? print_json(c, devices) : print_devices(c, devices);
	return r != STATUS_OK ? r : status;
}
