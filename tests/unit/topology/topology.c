/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The snapshot: order, look-ups, group mates and reset sets on the test machine's topology. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "core/topology.h"

struct row {
	const char *address, *parent;
	int group;
	bool bridge;
	const char *pf;
};

static const struct row rows[] = {
	{ "0000:0c:00.0", "0000:00:18.0", 30 },
	{ "0000:00:10.0", NULL, 10, true },
	{ "0000:01:00.0", "0000:00:10.0", 1 },
	{ "0000:00:11.0", NULL, 11, true },
	{ "0000:02:00.0", "0000:00:11.0", 2 },
	{ "0000:02:00.1", "0000:00:11.0", 2 },
	{ "0000:02:00.2", "0000:00:11.0", 2 },
	{ "0000:00:12.0", NULL, 12, true },
	{ "0000:03:00.0", "0000:00:12.0", 3, true },
	{ "0000:04:01.0", "0000:03:00.0", 3 },
	{ "0000:04:02.0", "0000:03:00.0", 3 },
	{ "0000:00:14.0", NULL, 14, true },
	{ "0000:0a:00.0", "0000:00:14.0", 20 },
	{ "0000:0a:10.0", "0000:00:14.0", 21, false, "0000:0a:00.0" },
	{ "0000:00:16.0", NULL, 16 },
	{ "0000:00:18.0", NULL, 18, true },
	{ "0000:00:1b.0", NULL, 40, true },
	{ "0000:20:00.0", "0000:00:1b.0", 41 },
	{ "0000:20:01.0", "0000:00:1b.0", 42, true },
	{ "0000:21:00.0", "0000:20:01.0", -1 },
};

static struct device *new_device(const struct row *row)
{
	struct device *d = calloc(1, sizeof(*d));

	cr_assert(d);
	d->refs = 1;
	snprintf(d->address, sizeof(d->address), "%s", row->address);
	d->iommu_group = row->group;
	d->is_bridge = row->bridge;
	d->parent = row->parent ? strdup(row->parent) : NULL;
	d->physical_function = row->pf ? strdup(row->pf) : NULL;
	return d;
}

static struct topology *new_topology(void)
{
	struct device **devices = calloc(ARRAY_SIZE(rows), sizeof(*devices));
	struct host_facts facts = { .legacy = true };
	struct topology *t = NULL;

	cr_assert(devices);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		devices[i] = new_device(&rows[i]);
	cr_assert_eq(topology_new_consume(&facts, devices, ARRAY_SIZE(rows), &t), 0);
	return t;
}

static void expect_addresses(const struct device **found, int n, const char *expected)
{
	_cleanup_text_ struct text text = { 0 };

	for (int i = 0; i < n; i++)
		text_appendf(&text, "%s%s", i ? " " : "", found[i]->address + 5);
	cr_expect_str_eq(text.data ? text.data : "", expected);
}

static void expect_mates(const struct topology *t, const char *address, const char *expected)
{
	_cleanup_free_ const struct device **mates = NULL;
	int n = topology_group_mates(t, topology_find(t, address), &mates);

	expect_addresses(mates, n, expected);
}

static void expect_reset_set(const struct topology *t, const char *address, bool possible,
	const char *expected)
{
	_cleanup_free_ const struct device **set = NULL;
	bool is_possible = !possible;
	int n = topology_reset_set(t, topology_find(t, address), &set, &is_possible);

	expect_addresses(set, n, expected);
	cr_expect_eq(is_possible, possible, "%s", address);
}

Test(topology, is_sorted_and_finds_each)
{
	_cleanup_topology_unref_ struct topology *t = new_topology();

	for (size_t i = 1; i < t->n_devices; i++)
		cr_expect_lt(strcmp(t->devices[i - 1]->address, t->devices[i]->address), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct device *d = topology_find(t, rows[i].address);

		cr_assert(d);
		cr_expect_str_eq(d->address, rows[i].address);
	}
	cr_expect_null(topology_find(t, "0000:01:00.1"));
	cr_expect_null(topology_find(t, ""));
	cr_expect(t->facts.legacy);
}

Test(topology, group_mates_leave_out_bridges_and_itself)
{
	_cleanup_topology_unref_ struct topology *t = new_topology();

	expect_mates(t, "0000:02:00.1", "02:00.0 02:00.2");
	expect_mates(t, "0000:04:01.0", "04:02.0");
	expect_mates(t, "0000:01:00.0", "");
	expect_mates(t, "0000:21:00.0", "");
}

Test(topology, reset_set_is_all_below_the_bridge_above)
{
	_cleanup_topology_unref_ struct topology *t = new_topology();

	expect_reset_set(t, "0000:01:00.0", true, "01:00.0");
	expect_reset_set(t, "0000:02:00.1", true, "02:00.0 02:00.1 02:00.2");
	expect_reset_set(t, "0000:04:02.0", true, "04:01.0 04:02.0");
}

Test(topology, no_bus_reset_on_a_root_bus_or_with_bridges_or_vfs)
{
	_cleanup_topology_unref_ struct topology *t = new_topology();

	expect_reset_set(t, "0000:00:16.0", false, "00:16.0");
	expect_reset_set(t, "0000:0a:10.0", false, "0a:10.0");
	expect_reset_set(t, "0000:0a:00.0", false, "0a:00.0 0a:10.0");
	expect_reset_set(t, "0000:20:00.0", false, "20:00.0 21:00.0");
}

Test(topology, a_device_outlives_its_snapshot)
{
	struct topology *t = new_topology();
	struct device *d = device_ref(t->devices[0]);

	cr_expect_null(topology_unref(t));
	cr_expect_str_eq(d->address, "0000:00:10.0");
	cr_expect_null(device_unref(d));
}

Test(topology, the_same_address_twice_is_refused)
{
	struct device **devices = calloc(2, sizeof(*devices));
	struct host_facts facts = { 0 };
	struct topology *t = NULL;

	devices[0] = new_device(&rows[0]);
	devices[1] = new_device(&rows[0]);
	cr_expect_eq(topology_new_consume(&facts, devices, 2, &t), -EEXIST);
	cr_expect_null(t);
}

Test(topology, an_empty_machine_is_a_snapshot_too)
{
	_cleanup_topology_unref_ struct topology *t = NULL;
	struct host_facts facts = { 0 };

	cr_assert_eq(topology_new_consume(&facts, NULL, 0, &t), 0);
	cr_expect_null(topology_find(t, "0000:01:00.0"));
}

Test(topology, drivers_and_resets)
{
	static const struct {
		const char *driver;
		bool vfio;
	} drivers[] = { { NULL, false }, { "vfio-pci", true }, { "mlx5_vfio_pci", true },
		{ "nvgrace-gpu-vfio-pci", true }, { "nvme", false }, { "vfio", false },
		{ "vfio-pci-not", false } };
	struct device d = { .reset_methods = NULL };

	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++) {
		d.driver = (char *)drivers[i].driver;
		cr_expect_eq(device_on_vfio_driver(&d), drivers[i].vfio, "%s",
			drivers[i].driver ? drivers[i].driver : "none");
	}
	cr_expect_not(device_has_function_reset(&d));
	d.reset_methods = (char[]){ "" };
	cr_expect_not(device_has_function_reset(&d));
	d.reset_methods = (char[]){ "flr bus" };
	cr_expect(device_has_function_reset(&d));
}
