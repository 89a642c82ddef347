/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Machines of up to a few dozen functions: slots with one or many groups, groups over several
 * buses, bridges below bridges, PFs with VFs, devices on the root bus, devices behind no IOMMU.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "machine.h"
#include "world.h"

unsigned rng_below(struct rng *r, unsigned n)
{
	r->state ^= r->state << 13;
	r->state ^= r->state >> 7;
	r->state ^= r->state << 17;
	return (r->state >> 32) % n;
}

bool rng_one_in(struct rng *r, unsigned n)
{
	return rng_below(r, n) == 0;
}

uid_t world_uid(struct rng *r)
{
	unsigned n = rng_below(r, WORLD_UIDS);

	return n == 0 ? 0 : 999 + n;
}

static int any_group(struct world *w, struct rng *r)
{
	if (rng_one_in(r, 40))
		return -1;
	if (w->n_groups > 0 && rng_one_in(r, 8))
		return rng_below(r, w->n_groups);
	return w->n_groups++;
}

static int add(struct world *w, struct rng *r, unsigned bus, unsigned slot, unsigned function,
	int parent)
{
	static const char *const methods[] = {
		"", "bus", "flr", "flr", "pm", "flr bus", "pm bus"};
	static const char *const drivers[] = {
		NULL, NULL, NULL, NULL, NULL, "vfio-pci", "vfio-pci", "e1000"};
	struct world_device *d = &w->devices[w->n];

	cr_assert_lt(w->n, WORLD_MAX);
	*d = (struct world_device){.parent = parent, .pf = -1};
	snprintf(d->address, sizeof(d->address), "0000:%02x:%02x.%x", bus, slot, function);
	d->methods = methods[rng_below(r, ARRAY_SIZE(methods))];
	d->driver = drivers[rng_below(r, ARRAY_SIZE(drivers))];
	d->group = any_group(w, r);
	return w->n++;
}

static int add_bridge(struct world *w, struct rng *r, unsigned bus, unsigned slot, int parent)
{
	int i = add(w, r, bus, slot, 0, parent);

	w->devices[i].bridge = true;
	w->devices[i].driver = "pcieport";
	w->devices[i].methods = "";
	return i;
}

static void add_vfs(struct world *w, struct rng *r, unsigned bus, int pf)
{
	unsigned n = 1 + rng_below(r, 3);

	for (unsigned i = 0; i < n; i++) {
		int vf = add(w, r, bus, 0x10 + i, 0, w->devices[pf].parent);

		w->devices[vf].pf = pf;
		w->devices[vf].methods = "flr";
		if (!rng_one_in(r, 4))
			w->devices[vf].driver = NULL;
	}
}

static void add_bus(struct world *w, struct rng *r, unsigned bus)
{
	int bridge = add_bridge(w, r, 0, bus, -1);
	unsigned functions = !rng_one_in(r, 3) ? 1 : 2 + rng_below(r, 2);
	bool one_group = rng_one_in(r, 2);
	int first = -1;

	for (unsigned f = 0; f < functions; f++) {
		int i = add(w, r, bus, 0, f, bridge);

		if (first < 0)
			first = i;
		else if (one_group)
			w->devices[i].group = w->devices[first].group;
	}
	if (rng_one_in(r, 4))
		add_vfs(w, r, bus, first);
	if (rng_one_in(r, 6)) {
		int inner = add_bridge(w, r, bus, 1, bridge);

		add(w, r, bus + 0x40, 0, 0, inner);
	}
}

void world_random(struct world *w, struct rng *r)
{
	unsigned buses = 2 + rng_below(r, 4);

	*w = (struct world){0};
	for (unsigned bus = 1; bus <= buses; bus++)
		add_bus(w, r, bus);
	if (rng_one_in(r, 3))
		add(w, r, 0, 0x16, 0, -1);
	w->facts.iommufd = !rng_one_in(r, 3);
	w->facts.legacy = !rng_one_in(r, 20);
	w->facts.interrupt_remapping = rng_one_in(r, 8) ? NO : YES;
	w->facts.acs_override = rng_one_in(r, 12);
}

struct topology *world_topology(const struct world *w)
{
	struct device **devices = calloc(w->n, sizeof(*devices));
	struct topology *t = NULL;

	cr_assert(devices);
	for (size_t i = 0; i < w->n; i++) {
		const struct world_device *d = &w->devices[i];

		devices[i] = machine_device(d->address,
			d->parent < 0 ? NULL : w->devices[d->parent].address, d->group, d->methods,
			d->driver, d->pf < 0 ? NULL : w->devices[d->pf].address);
		devices[i]->is_bridge = d->bridge;
		/* A VF comes after its PF. */
		if (d->pf >= 0)
			cr_assert_eq(strv_append(&devices[d->pf]->virtual_functions, d->address),
				0);
	}
	cr_assert_eq(topology_new_consume(&w->facts, devices, w->n, &t), 0);
	return t;
}

static const char *pick(struct rng *r, const char *const *words, unsigned n)
{
	return words[rng_below(r, n)];
}

char *world_policy(const struct world *w, struct rng *r)
{
	static const char *const access[] = {"allow", "allow", "allow", "allow", "ask", "deny"};
	static const char *const isolation[] = {"group", "group", "group", "group", "strict"};
	static const char *const reset_set[] = {
		"exclusive", "exclusive", "function", "both", "tolerate", "tolerate"};
	static const char *const backend[] = {
		"any", "any", "any", "any", "any", "any", "legacy", "iommufd"};
	static const char *const handover[] = {"attached", "attached opened", "opened attached"};
	unsigned n = 1 + rng_below(r, 4);
	struct text t = {0};

	for (unsigned i = 0; i < n; i++) {
		text_appendf(&t, "[Rule r%u]\n", i);
		if (rng_one_in(r, 3))
			text_appendf(&t, "Device=%s\n", w->devices[rng_below(r, w->n)].address);
		else if (rng_one_in(r, 3))
			text_appendf(&t, "Device=0000:%02x:*\n", 1 + rng_below(r, 4));
		if (rng_one_in(r, 8))
			text_appendf(&t, "User=%u\n", (unsigned)world_uid(r));
		/* One draw a call: compilers differ in the order of arguments. */
		text_appendf(&t, "Access=%s\n", pick(r, access, ARRAY_SIZE(access)));
		text_appendf(&t, "Isolation=%s\n", pick(r, isolation, ARRAY_SIZE(isolation)));
		text_appendf(&t, "ResetSet=%s\n", pick(r, reset_set, ARRAY_SIZE(reset_set)));
		text_appendf(&t, "Backend=%s\n", pick(r, backend, ARRAY_SIZE(backend)));
		text_appendf(&t, "Handover=%s\n", pick(r, handover, ARRAY_SIZE(handover)));
		if (rng_one_in(r, 6))
			text_appendf(&t, "MaxLeases=%u\n", 1 + rng_below(r, 3));
	}
	return text_steal(&t);
}

bool world_below(const struct world *w, int device, int bridge)
{
	for (int i = w->devices[device].parent; i >= 0; i = w->devices[i].parent)
		if (i == bridge)
			return true;
	return false;
}

bool world_in_reset_set(const struct world *w, int of, int member)
{
	const struct world_device *d = &w->devices[of];

	if (of == member)
		return true;
	if (d->parent < 0 || d->pf >= 0 || w->devices[member].bridge)
		return false;
	return world_below(w, member, d->parent);
}

bool world_resets_alone(const struct world *w, int device)
{
	const char *methods = w->devices[device].methods;
	size_t members = 0;

	for (size_t i = 0; i < w->n; i++)
		members += world_in_reset_set(w, device, i);
	return strstr(methods, "flr") || strstr(methods, "pm") ||
		(strstr(methods, "bus") && members == 1);
}

bool world_on_host_driver(const struct world *w, int device)
{
	const char *driver = w->devices[device].driver;

	return driver && !streq(driver, "vfio-pci");
}

int world_index(const struct world *w, const char *address)
{
	for (size_t i = 0; i < w->n; i++)
		if (streq(w->devices[i].address, address))
			return i;
	return -1;
}
