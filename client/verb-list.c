/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* list [PATTERN...]: the devices, one a line. */
#include <fnmatch.h>

#include "bus.h"
#include "device-text.h"
#include "json.h"
#include "status.h"
#include "table.h"

enum { ADDRESS, NAME, DRIVER, GROUP, RESET, STATE };

static const struct table_column columns[] = {
	[ADDRESS] = {"ADDRESS", 0},
	[NAME] = {"NAME", TABLE_TRUNCATE},
	[DRIVER] = {"DRIVER", 0},
	[GROUP] = {"GROUP", TABLE_RIGHT},
	[RESET] = {"RESET", 0},
	[STATE] = {"STATE", 0},
};

static bool matches(char *const *patterns, const char *address)
{
	if (!*patterns)
		return true;
	for (; *patterns; patterns++)
		if (fnmatch(*patterns, address, 0) == 0)
			return true;
	return false;
}

static json_t *select_devices(const json_t *devices, char *const *patterns)
{
	_cleanup_json_ json_t *selected = json_array();
	json_t *device;
	size_t i;

	if (!selected)
		return NULL;
	json_array_foreach(devices, i, device)
		if (matches(patterns, json_text(device, "Address")) &&
			json_array_append(selected, device) < 0)
			return NULL;
	return TAKE_PTR(selected);
}

static int add_device(struct libscols_table *t, const json_t *device)
{
	_cleanup_free_ char *name = device_name(device);
	_cleanup_free_ char *reset = json_join(device, "ResetMethods", ",");
	struct libscols_line *line = table_line(t, NULL);
	const char *state = json_text(device, "State");
	char group[16];

	if (!name || !reset || !line)
		return -1;
	if (table_set(line, ADDRESS, json_text(device, "Address")) < 0 ||
		table_set(line, NAME, name) < 0 ||
		table_set(line, DRIVER, json_text(device, "Driver")) < 0 ||
		table_set(line, GROUP, device_group(device, group)) < 0 ||
		table_set(line, RESET, reset) < 0)
		return -1;
	return table_set_coloured(line, STATE, state, colour_of_state(state));
}

static int print_table(const struct ctl *c, const json_t *devices)
{
	_cleanup_table_ struct libscols_table *t = table_new(c, columns, ARRAY_SIZE(columns));
	json_t *device;
	size_t i;

	if (!t)
		return fail_oom();
	json_array_foreach(devices, i, device)
		if (add_device(t, device) < 0)
			return fail_oom();
	return table_print(c, t, "device");
}

int verb_list(struct ctl *c)
{
	_cleanup_json_ json_t *devices = NULL, *selected = NULL;
	int r = bus_list_devices(c, c->options.state, c->options.driver, &devices);

	if (r != STATUS_OK)
		return r;
	selected = select_devices(devices, c->args);
	if (!selected)
		return fail_oom();
	if (c->options.json != JSON_OFF)
		return print_json(c, selected);
	return print_table(c, selected);
}
