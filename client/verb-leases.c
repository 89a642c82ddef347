/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* leases: the leases that the caller may see. */
#include <pwd.h>
#include <stdio.h>

#include "bus.h"
#include "device-text.h"
#include "json.h"
#include "status.h"
#include "table.h"
#include "when.h"

enum { ID, DEVICES, USER, LABEL, HANDOVER, BACKEND, STATE, SINCE };

static const struct table_column columns[] = {
	[ID] = {"ID", 0},
	[DEVICES] = {"DEVICES", TABLE_TRUNCATE},
	[USER] = {"USER", 0},
	[LABEL] = {"LABEL", TABLE_TRUNCATE},
	[HANDOVER] = {"HANDOVER", 0},
	[BACKEND] = {"BACKEND", 0},
	[STATE] = {"STATE", 0},
	[SINCE] = {"SINCE", 0},
};

/* Owner is (uid, pid, unit, label). */
static void user_of(const json_t *owner, char *buffer, size_t size)
{
	uid_t uid = json_integer_value(json_array_get(owner, 0));
	const struct passwd *user = getpwuid(uid);

	if (user)
		snprintf(buffer, size, "%s", user->pw_name);
	else
		snprintf(buffer, size, "%u", (unsigned)uid);
}

static int add_lease(struct libscols_table *t, const json_t *lease)
{
	_cleanup_free_ char *devices = device_addresses(json_object_get(lease, "Devices"));
	const json_t *owner = json_object_get(lease, "Owner");
	struct libscols_line *line = table_line(t, NULL);
	const char *state = json_text(lease, "State");
	char user[64], since[WHEN_SIZE];

	if (!devices || !line)
		return -1;
	user_of(owner, user, sizeof(user));
	when_format_date(json_number(lease, "Since", 0), since);
	if (table_set(line, ID, json_text(lease, "Id")) < 0 ||
		table_set(line, DEVICES, devices) < 0 || table_set(line, USER, user) < 0 ||
		table_set(line, LABEL, json_string_value(json_array_get(owner, 3))) < 0 ||
		table_set(line, HANDOVER, json_text(lease, "Handover")) < 0 ||
		table_set(line, BACKEND, json_text(lease, "Backend")) < 0 ||
		table_set(line, SINCE, since) < 0)
		return -1;
	return table_set_coloured(line, STATE, state, colour_of_state(state));
}

int verb_leases(struct ctl *c)
{
	_cleanup_table_ struct libscols_table *t = table_new(c, columns, ARRAY_SIZE(columns));
	_cleanup_message_ sd_bus_message *m = NULL;
	_cleanup_json_ json_t *leases = NULL;
	int r = bus_new_call(c, BUS_PATH, BUS_MANAGER, "ListLeases", &m);
	json_t *lease;
	size_t i;

	if (r != STATUS_OK)
		return r;
	r = bus_call_json(c, m, &leases);
	if (r != STATUS_OK)
		return r;
	if (c->options.json != JSON_OFF)
		return print_json(c, leases);
	if (!t)
		return fail_oom();
	json_array_foreach(leases, i, lease)
		if (add_lease(t, lease) < 0)
			return fail_oom();
	return table_print(c, t, "lease");
}
