/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tree: IOMMU groups with their devices, and which devices are reset together. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "bus.h"
#include "device-text.h"
#include "json.h"
#include "status.h"
#include "table.h"

enum { DEVICE, NAME, DRIVER, SET, STATE };

static const struct table_column columns[] = {
	[DEVICE] = {"GROUP/DEVICE", TABLE_TREE},
	[NAME] = {"NAME", TABLE_TRUNCATE},
	[DRIVER] = {"DRIVER", 0},
	[SET] = {"RESET SET", 0},
	[STATE] = {"STATE", 0},
};

/* The mark of a device's reset set: its place in sets, which grows by sets not seen before. A
 * device that is reset alone gets none: "". */
static int mark_of(json_t *sets, const json_t *device, char mark[static 16])
{
	json_t *set = json_object_get(device, "ResetSet"), *known;
	size_t i;

	mark[0] = '\0';
	if (json_array_size(set) < 2)
		return 0;
	json_array_foreach(sets, i, known)
		if (json_equal(known, set))
			break;
	if (i == json_array_size(sets) && json_array_append(sets, set) < 0)
		return -ENOMEM;
	snprintf(mark, 16, "#%zu", i + 1);
	return 0;
}

static int add_device(struct libscols_table *t, struct libscols_line *group, json_t *sets,
	const json_t *device)
{
	_cleanup_free_ char *name = device_name(device);
	struct libscols_line *line = table_line(t, group);
	const char *state = json_text(device, "State");
	char mark[16];

	if (!name || !line || mark_of(sets, device, mark) < 0)
		return -ENOMEM;
	if (table_set(line, DEVICE, json_text(device, "Address")) < 0 ||
		table_set(line, NAME, name) < 0 ||
		table_set(line, DRIVER, json_text(device, "Driver")) < 0 ||
		table_set(line, SET, mark) < 0)
		return -ENOMEM;
	return table_set_coloured(line, STATE, state, colour_of_state(state));
}

static struct libscols_line *add_group(struct libscols_table *t, json_int_t group)
{
	struct libscols_line *line = table_line(t, NULL);
	char text[32];

	if (!line)
		return NULL;
	if (group < 0)
		snprintf(text, sizeof(text), "no IOMMU");
	else
		snprintf(text, sizeof(text), "group %d", (int)group);
	return scols_line_set_data(line, DEVICE, text) < 0 ? NULL : line;
}

static int compare_group(const void *a, const void *b)
{
	const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
	json_int_t p = json_number(x, "IommuGroup", -1), q = json_number(y, "IommuGroup", -1);

	if (p != q)
		return p < q ? -1 : 1;
	return strcmp(json_text(x, "Address"), json_text(y, "Address"));
}

static json_t *sort_by_group(const json_t *devices)
{
	_cleanup_json_ json_t *sorted = json_array();
	size_t n = json_array_size(devices);
	_cleanup_free_ json_t **items = calloc(n + 1, sizeof(json_t *));

	if (!sorted || !items)
		return NULL;
	for (size_t i = 0; i < n; i++)
		items[i] = json_array_get(devices, i);
	qsort(items, n, sizeof(json_t *), compare_group);
	for (size_t i = 0; i < n; i++)
		if (json_array_append(sorted, items[i]) < 0)
			return NULL;
	return TAKE_PTR(sorted);
}

static int fill(struct libscols_table *t, const json_t *devices, json_t *sets)
{
	struct libscols_line *line = NULL;
	json_int_t last = -2;
	json_t *device;
	size_t i;

	json_array_foreach(devices, i, device) {
		json_int_t group = json_number(device, "IommuGroup", -1);

		if (group != last)
			line = add_group(t, group);
		if (!line || add_device(t, line, sets, device) < 0)
			return -ENOMEM;
		last = group;
	}
	return 0;
}

static void print_legend(const struct ctl *c, const json_t *sets)
{
	json_t *set, *member;
	size_t i, j;

	if (c->options.no_legend || json_array_size(sets) == 0)
		return;
	printf("\nReset sets (devices that one bus or slot reset resets together):\n");
	json_array_foreach(sets, i, set) {
		_cleanup_text_ struct text t = {0};
		char lead[24];

		text_append(&t, "");
		json_array_foreach(set, j, member)
			text_appendf(&t, "%s%s", j > 0 ? " " : "", json_string_value(member));
		snprintf(lead, sizeof(lead), "#%zu  ", i + 1);
		print_wrapped(t.failed ? "?" : t.data, 2, lead);
	}
}

int verb_tree(struct ctl *c)
{
	_cleanup_table_ struct libscols_table *t = table_new(c, columns, ARRAY_SIZE(columns));
	_cleanup_json_ json_t *devices = NULL, *sorted = NULL, *sets = json_array();
	int r = bus_list_devices(c, NULL, NULL, &devices);

	if (r != STATUS_OK)
		return r;
	sorted = sort_by_group(devices);
	if (!t || !sorted || !sets)
		return fail_oom();
	if (c->options.json != JSON_OFF)
		return print_json(c, sorted);
	if (fill(t, sorted, sets) < 0)
		return fail_oom();
	r = table_print(c, t, NULL);
	if (r == STATUS_OK)
		print_legend(c, sets);
	return r;
}
