/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The machine as a table; drivers are what a freshly booted host has. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "machine.h"

struct row {
	const char *address, *parent;
	int group;
	const char *methods, *driver, *pf;
	bool bridge;
};

static const struct row rows[] = {
	{"0000:00:10.0", NULL, 50, NULL, "pcieport", .bridge = true},
	{SINGLE, "0000:00:10.0", 1, "flr bus", "nvme"},
	{"0000:00:11.0", NULL, 51, NULL, "pcieport", .bridge = true},
	{SLOT0, "0000:00:11.0", 2, "pm bus"},
	{SLOT1, "0000:00:11.0", 2, "pm"},
	{SLOT2, "0000:00:11.0", 2, "flr pm"},
	{"0000:00:12.0", NULL, 52, NULL, "pcieport", .bridge = true},
	{BRIDGE, "0000:00:12.0", 3, NULL, NULL, .bridge = true},
	{CONV_EDU, BRIDGE, 3, "bus"},
	{CONV_E1000, BRIDGE, 3, NULL, "e1000"},
	{"0000:00:13.0", NULL, 53, NULL, "pcieport", .bridge = true},
	{"0000:05:00.0", "0000:00:13.0", 54, NULL, "pcieport", .bridge = true},
	{SWITCH0_PORT, "0000:05:00.0", 7, NULL, "pcieport", .bridge = true},
	{SWITCH0, SWITCH0_PORT, 7, "flr bus"},
	{SWITCH1_PORT, "0000:05:00.0", 8, NULL, "pcieport", .bridge = true},
	{SWITCH1, SWITCH1_PORT, 8, "pm bus"},
	{"0000:00:14.0", NULL, 55, NULL, "pcieport", .bridge = true},
	{PF, "0000:00:14.0", 10, "flr bus", "igb"},
	{VF0, "0000:00:14.0", 11, "flr", NULL, PF},
	{VF1, "0000:00:14.0", 12, "flr", NULL, PF},
	{"0000:00:15.0", NULL, 56, NULL, "pcieport", .bridge = true},
	{SPLIT0, "0000:00:15.0", 13, "pm bus"},
	{SPLIT1, "0000:00:15.0", 14, "flr"},
	{NO_RESET, NULL, 16, NULL},
	{"0000:00:18.0", NULL, 57, NULL, "pcieport", .bridge = true},
	{SINGLE_DMA, "0000:00:18.0", 17, "bus"},
	{"0000:00:19.0", NULL, 58, NULL, "pcieport", .bridge = true},
	{CHAIN0, "0000:00:19.0", 18, "flr"},
	{CHAIN1, "0000:00:19.0", 19, "flr"},
	{"0000:00:1a.0", NULL, 59, NULL, "pcieport", .bridge = true},
	{CHAIN_MATE, "0000:00:1a.0", 19, "flr bus"},
	{"0000:00:1b.0", NULL, 60, NULL, "pcieport", .bridge = true},
	{NO_IOMMU, "0000:00:1b.0", -1, "flr bus"},
	{"0000:00:1c.0", NULL, 61, NULL, "pcieport", .bridge = true},
	{HALF0, "0000:00:1c.0", 20, "flr"},
	{HALF1, "0000:00:1c.0", -1, "flr"},
	{"0000:00:1d.0", NULL, 62, NULL, "pcieport", .bridge = true},
	{MULTI_PF0, "0000:00:1d.0", 21, "flr"},
	{MULTI_PF1, "0000:00:1d.0", 22, "flr"},
	{MULTI_VF, "0000:00:1d.0", 23, "flr", NULL, MULTI_PF1},
	{"0000:00:1e.0", NULL, 63, NULL, "pcieport", .bridge = true},
	{NO_FUNCTION, "0000:00:1e.0", 24, "bus"},
	{NO_FUNCTION1, "0000:00:1e.0", 24, NULL},
	{"0000:00:1f.0", NULL, 64, NULL, "pcieport", .bridge = true},
	{TRIO0, "0000:00:1f.0", 25, "flr"},
	{TRIO1, "0000:00:1f.0", 26, "flr"},
	{TRIO2, "0000:00:1f.0", 26, "flr"},
	{"0000:00:1f.1", NULL, 65, NULL, "pcieport", .bridge = true},
	{TRIO_MATE, "0000:00:1f.1", 26, "flr bus"},
	{"0000:00:1f.2", NULL, 66, NULL, "pcieport", .bridge = true},
	{LOW0, "0000:00:1f.2", 27, "flr"},
	{LOW1, "0000:00:1f.2", 28, "flr"},
	{"0000:00:1f.3", NULL, 67, NULL, "pcieport", .bridge = true},
	{LOW_MATE, "0000:00:1f.3", 28, "flr bus"},
};

static char *copy(const char *s)
{
	char *c = s ? strdup(s) : NULL;

	cr_assert(!s || c);
	return c;
}

struct device *machine_device(const char *address, const char *parent, int group,
	const char *methods, const char *driver, const char *pf)
{
	struct device *d = calloc(1, sizeof(*d));

	cr_assert(d);
	d->refs = 1;
	cr_assert_eq(address_parse(address, d->address, &d->pci), ADDRESS_PCI);
	d->vendor = 0x1234;
	d->device = 0x11e8;
	d->numa_node = -1;
	d->iommu_group = group;
	d->parent = copy(parent);
	d->root = copy("pci0000:00");
	d->reset_methods = copy(methods ? methods : "");
	d->driver = copy(driver);
	d->physical_function = copy(pf);
	return d;
}

/* The driver after the changes: "ADDRESS=DRIVER", or the row's own. */
static const char *driver_of(const struct row *row, char **changes)
{
	size_t n = strlen(row->address);

	for (char **s = changes; s && *s; s++)
		if (strncmp(*s, row->address, n) == 0 && (*s)[n] == '=')
			return (*s)[n + 1] ? *s + n + 1 : NULL;
	return row->driver;
}

static bool is_display(const struct row *row, char **changes)
{
	_cleanup_free_ char *change = NULL;

	cr_assert_geq(asprintf(&change, "%s~display", row->address), 0);
	return strv_contains(changes, change);
}

/* Root ports isolate; the switch does not, and one of its ports could. */
static struct bridge_facts bridge_of(const struct row *row)
{
	if (!row->bridge)
		return (struct bridge_facts){0};
	if (streq(row->address, BRIDGE))
		return (struct bridge_facts){.kind = BRIDGE_CONVENTIONAL};
	if (streq(row->address, SWITCH0_PORT))
		return (struct bridge_facts){BRIDGE_DOWNSTREAM_PORT, false, ACS_ISOLATION};
	if (streq(row->address, SWITCH1_PORT))
		return (struct bridge_facts){BRIDGE_DOWNSTREAM_PORT, true, ACS_SOURCE_VALIDATION};
	return (struct bridge_facts){.kind = BRIDGE_ROOT_PORT, .has_acs = true};
}

static struct host_facts facts_of(char **changes)
{
	struct host_facts facts = {.iommufd = true, .legacy = true, .interrupt_remapping = YES};

	facts.iommufd = !strv_contains(changes, "-iommufd");
	facts.legacy = !strv_contains(changes, "-legacy");
	facts.acs_override = strv_contains(changes, "+acs-override");
	facts.unsafe_interrupts_type1 = strv_contains(changes, "+unsafe-type1");
	facts.unsafe_interrupts_iommufd = strv_contains(changes, "+unsafe-iommufd");
	if (strv_contains(changes, "-remapping"))
		facts.interrupt_remapping = NO;
	if (strv_contains(changes, "?remapping"))
		facts.interrupt_remapping = UNKNOWN;
	return facts;
}

static void link_vfs(struct device **devices, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++)
			if (streq(devices[j]->physical_function, devices[i]->address))
				cr_assert_eq(strv_append(&devices[i]->virtual_functions,
						     devices[j]->address), 0);
}

struct topology *machine_new(const char *changes)
{
	_cleanup_strv_free_ char **words = NULL;
	struct device **devices = calloc(ARRAY_SIZE(rows), sizeof(*devices));
	struct topology *t = NULL;
	struct host_facts facts;

	cr_assert(devices);
	cr_assert_eq(strv_split(&words, changes ? changes : ""), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		devices[i] = machine_device(rows[i].address, rows[i].parent, rows[i].group,
			rows[i].methods, driver_of(&rows[i], words), rows[i].pf);
		devices[i]->class_code = is_display(&rows[i], words) ? 0x030000 : 0;
		devices[i]->is_bridge = rows[i].bridge;
		devices[i]->bridge = bridge_of(&rows[i]);
		devices[i]->identity_domain = strv_contains(words, "+passthrough");
	}
	link_vfs(devices, ARRAY_SIZE(rows));
	facts = facts_of(words);
	cr_assert_eq(topology_new_consume(&facts, devices, ARRAY_SIZE(rows), &t), 0);
	return t;
}

struct policy *machine_policy(const char *text)
{
	struct policy_errors errors = {0};
	struct policy *p = NULL;
	int r = streq(text, NO_POLICY) ? policy_new_deny_all(&p) :
		policy_parse("test.conf", text, strlen(text), &p, &errors);
	_cleanup_free_ char *message = policy_errors_to_text(&errors);

	cr_assert_eq(r, 0, "policy: %s", message);
	policy_errors_done(&errors);
	return p;
}
