/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The devices of the model, built in or from a JSON description. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "model.h"

#define E(bus) "0000:" bus

struct row {
	const char *address, *id, *class_code;
	int group;
	const char *driver, *reset_methods, *parent;
	bool bridge;
	const char *physical_function;
};

#define PORT(slot, group) { E("00:" slot ".0"), "1b36:000c", "060400", group, "pcieport", "", \
	NULL, true }

/* The full topology of the test machine, with two VFs of the nvme PF. */
static const struct row builtin[] = {
	PORT("10", 2), PORT("11", 3), PORT("12", 4), PORT("13", 5), PORT("14", 6), PORT("15", 7),
	PORT("18", 10), PORT("19", 11), PORT("1b", 13),
	{ E("00:16.0"), "1234:11e8", "00ff00", 8, NULL, "", NULL },
	{ E("00:17.0"), "1234:11e8", "00ff00", 9, NULL, "", NULL },
	{ E("00:1a.0"), "1b36:0005", "00ff00", 12, NULL, "", NULL },
	{ E("01:00.0"), "1b36:0010", "010802", 14, "nvme", "flr bus", E("00:10.0") },
	{ E("02:00.0"), "8086:10d3", "020000", 15, "e1000e", "pm bus", E("00:11.0") },
	{ E("02:00.1"), "8086:10d3", "020000", 15, "e1000e", "pm", E("00:11.0") },
	{ E("02:00.2"), "1af4:1044", "00ff00", 15, "virtio-pci", "flr pm bus", E("00:11.0") },
	{ E("03:00.0"), "1b36:000e", "060400", 16, NULL, "pm bus", E("00:12.0"), true },
	{ E("04:01.0"), "1234:11e8", "00ff00", 16, NULL, "bus", E("03:00.0") },
	{ E("04:02.0"), "8086:100e", "020000", 16, "e1000", "", E("03:00.0") },
	{ E("05:00.0"), "104c:8232", "060400", 17, "pcieport", "flr bus", E("00:13.0"), true },
	{ E("06:00.0"), "104c:8233", "060400", 18, "pcieport", "flr", E("05:00.0"), true },
	{ E("06:01.0"), "104c:8233", "060400", 19, "pcieport", "flr", E("05:00.0"), true },
	{ E("06:02.0"), "104c:8233", "060400", 20, "pcieport", "flr", E("05:00.0"), true },
	{ E("07:00.0"), "1b36:0010", "010802", 18, "nvme", "flr bus", E("06:00.0") },
	{ E("08:00.0"), "8086:10d3", "020000", 19, "e1000e", "pm bus", E("06:01.0") },
	{ E("09:00.0"), "1af4:1041", "020000", 20, "virtio-pci", "flr pm bus", E("06:02.0") },
	{ E("0a:00.0"), "8086:10c9", "020000", 21, "igb", "flr pm bus", E("00:14.0") },
	{ E("0b:00.0"), "1b36:0010", "010802", 22, "nvme", "flr bus", E("00:15.0") },
	{ E("0b:00.1"), "1b36:0010", "010802", 23, "nvme", "flr", E("00:15.0"), false,
		E("0b:00.0") },
	{ E("0b:00.2"), "1b36:0010", "010802", 24, NULL, "flr", E("00:15.0"), false,
		E("0b:00.0") },
	{ E("0c:00.0"), "1234:11e8", "00ff00", 25, NULL, "bus", E("00:18.0") },
	{ E("0e:00.0"), "8086:10d3", "020000", 26, "e1000e", "pm bus", E("00:1b.0") },
	{ E("0e:00.1"), "8086:10c9", "020000", 27, "igb", "flr pm", E("00:1b.0") },
};

void fake_device_free(struct fake_device *d)
{
	free(d->natural);
	free(d->driver);
	free(d->override);
	free(d->reset_methods);
	free(d->parent);
	free(d->root);
	free(d->physical_function);
	free(d);
}

struct fake_device *fake_find(struct fake_host *f, const char *address)
{
	for (size_t i = 0; i < f->n_devices; i++)
		if (streq(f->devices[i]->address, address))
			return f->devices[i];
	return NULL;
}

static int fill(struct fake_device *d, const struct row *row)
{
	unsigned vendor = 0, device = 0, class_code = 0;

	if (address_parse(row->address, d->address, &d->pci) != ADDRESS_PCI ||
		(row->id && sscanf(row->id, "%4x:%4x", &vendor, &device) != 2) ||
		(row->class_code && sscanf(row->class_code, "%6x", &class_code) != 1))
		return -EINVAL;
	d->vendor = (uint16_t)vendor;
	d->device = (uint16_t)device;
	d->class_code = class_code;
	d->group = row->group;
	d->bridge = row->bridge;
	d->cdev = -1;
	d->numa_node = -1;
	if (asprintf(&d->root, "pci%04x:00", d->pci.domain) < 0)
		return -ENOMEM;
	if (strdup_to(&d->natural, row->driver) < 0 || strdup_to(&d->driver, row->driver) < 0 ||
		strdup_to(&d->reset_methods, row->reset_methods ? row->reset_methods : "") < 0 ||
		strdup_to(&d->parent, row->parent) < 0 ||
		strdup_to(&d->physical_function, row->physical_function) < 0)
		return -ENOMEM;
	return 0;
}

static int add(struct fake_host *f, const struct row *row, struct fake_device **ret)
{
	struct fake_device **grown, *d = calloc(1, sizeof(*d));
	int r = d ? fill(d, row) : -ENOMEM;

	if (r >= 0 && fake_find(f, d->address))
		r = -EINVAL;
	grown = r < 0 ? NULL : reallocarray(f->devices, f->n_devices + 1, sizeof(*grown));
	if (!grown) {
		if (d)
			fake_device_free(d);
		return r < 0 ? r : -ENOMEM;
	}
	f->devices = grown;
	f->devices[f->n_devices++] = d;
	*ret = d;
	return 0;
}

int fake_load_builtin(struct fake_host *f)
{
	struct fake_device *d;
	int r = 0;

	f->facts = (struct host_facts){
		.iommufd = true, .legacy = true, .interrupt_remapping = YES };
	for (size_t i = 0; i < ARRAY_SIZE(builtin) && r >= 0; i++)
		r = add(f, &builtin[i], &d);
	return r;
}

static int load_device(struct fake_host *f, json_t *object, const char **ret_why)
{
	struct row row = { .group = -1 };
	const char *override = NULL;
	struct fake_device *d;
	int bridge = 0, numa_node = -1, r;
	json_error_t error;

	if (json_unpack_ex(object, &error, JSON_STRICT,
		"{s:s, s?s, s?s, s?i, s?s, s?s, s?s, s?s, s?i, s?b, s?s}", "address", &row.address,
		"id", &row.id, "class", &row.class_code, "group", &row.group, "driver", &row.driver,
		"override", &override, "reset-methods", &row.reset_methods, "parent", &row.parent,
		"numa-node", &numa_node, "bridge", &bridge, "physical-function",
		&row.physical_function) < 0) {
		*ret_why = row.address ? row.address : "a device without address";
		return -EINVAL;
	}
	row.bridge = bridge;
	r = add(f, &row, &d);
	if (r < 0) {
		*ret_why = row.address;
		return r;
	}
	d->numa_node = numa_node;
	return strdup_to(&d->override, override);
}

static int load_object(struct fake_host *f, json_t *root, const char **ret_why)
{
	int iommufd = 1, legacy = 1, remapping = 1, acs_override = 0, r = 0;
	json_t *devices, *item;
	size_t i;

	*ret_why = "the top level";
	if (json_unpack(root, "{s?b, s?b, s?b, s?b, s:o !}", "iommufd", &iommufd, "legacy", &legacy,
		"interrupt-remapping", &remapping, "acs-override", &acs_override, "devices",
		&devices) < 0)
		return -EINVAL;
	f->facts = (struct host_facts){
		.iommufd = iommufd,
		.legacy = legacy,
		.interrupt_remapping = remapping ? YES : NO,
		.acs_override = acs_override,
	};
	json_array_foreach(devices, i, item) {
		if (r >= 0)
			r = load_device(f, item, ret_why);
	}
	return r;
}

int fake_load(struct fake_host *f, const char *description)
{
	json_error_t error;
	json_t *root = json_load_file(description, 0, &error);
	const char *why;
	int r;

	if (!root) {
		fprintf(stderr, "%s:%d: %s\n", description, error.line, error.text);
		return -EINVAL;
	}
	r = load_object(f, root, &why);
	if (r < 0)
		fprintf(stderr, "%s: cannot use %s\n", description, why);
	json_decref(root);
	return r;
}
