/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Machines of up to a few dozen functions: slots with one or many groups, groups over several
 * buses, bridges below bridges, PFs with VFs, devices on the root bus, devices behind no IOMMU.
 * PFs do not list their VFs: the VFs' own links have to be enough.
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
	if (rng_one_in(r, 60))
		return -1;
	if (w->n_groups > 0 && rng_one_in(r, 5))
		return rng_below(r, w->n_groups);
	return w->n_groups++;
}

void world_set_driver(struct world_device *d, struct rng *r)
{
	static const char *const drivers[] = {NULL, NULL, NULL, NULL, NULL, NULL, NULL, "vfio-pci",
		"vfio-pci", "e1000", "e1000"};

	d->driver = drivers[rng_below(r, ARRAY_SIZE(drivers))];
	d->display = rng_one_in(r, 8);
	d->uses = !d->driver && d->display && rng_one_in(r, 2) ? 1U << HOST_USE_DISPLAY : 0;
	if (!d->driver || streq(d->driver, "vfio-pci"))
		return;
	while (rng_one_in(r, 2))
		d->uses |= 1U << rng_below(r, HOST_USE_N);
}

static const char *any_methods(struct rng *r)
{
	static const char *const methods[] = {
		"", "bus", "flr", "flr", "pm", "flr bus", "pm bus"};

	return methods[rng_below(r, ARRAY_SIZE(methods))];
}

static int add(struct world *w, struct rng *r, unsigned bus, unsigned slot, unsigned function,
	int parent)
{
	struct world_device *d = &w->devices[w->n];

	cr_assert_lt(w->n, WORLD_MAX);
	*d = (struct world_device){.parent = parent, .pf = -1};
	snprintf(d->address, sizeof(d->address), "0000:%02x:%02x.%x", bus, slot, function);
	d->methods = any_methods(r);
	world_set_driver(d, r);
	d->group = any_group(w, r);
	d->identity = rng_one_in(r, 8);
	return w->n++;
}

static int add_bridge(struct world *w, struct rng *r, unsigned bus, unsigned slot, int parent)
{
	int i = add(w, r, bus, slot, 0, parent);

	w->devices[i].bridge = true;
	w->devices[i].driver = "pcieport";
	w->devices[i].uses = 0;
	w->devices[i].facts.kind = 1 + rng_below(r, BRIDGE_OTHER);
	w->devices[i].facts.acs_missing = rng_below(r, 2) ? ACS_ISOLATION : 0;
	w->devices[i].methods = "";
	return i;
}

static void add_vfs(struct world *w, struct rng *r, unsigned bus, int pf)
{
	unsigned n = 1 + rng_below(r, 3);

	if (rng_one_in(r, 2)) {
		w->devices[pf].driver = "vfio-pci";
		w->devices[pf].uses = 0;
	}
	for (unsigned i = 0; i < n; i++) {
		int vf = add(w, r, bus, 0x10 + i, 0, w->devices[pf].parent);

		w->devices[vf].pf = pf;
		w->devices[vf].methods = "flr";
		if (!rng_one_in(r, 4))
			w->devices[vf].driver = NULL;
		if (!w->devices[vf].driver)
			w->devices[vf].uses = 0;
	}
}

static void add_bus(struct world *w, struct rng *r, unsigned bus)
{
	int bridge = add_bridge(w, r, 0, bus, -1);
	unsigned functions = !rng_one_in(r, 2) ? 1 : 2 + rng_below(r, 3);
	bool one_group = rng_one_in(r, 3);
	int first = -1;

	for (unsigned f = 0; f < functions; f++) {
		int i = add(w, r, bus, 0, f, bridge);

		if (first < 0)
			first = i;
		else if (one_group)
			w->devices[i].group = w->devices[first].group;
	}
	/* What does not isolate is in the group of what is below it. */
	if (rng_one_in(r, 3))
		w->devices[bridge].group = w->devices[first].group;
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
	w->facts.legacy = !rng_one_in(r, 40);
	w->facts.interrupt_remapping = rng_one_in(r, 12) ? NO : YES;
	w->facts.unsafe_interrupts_type1 = rng_one_in(r, 30);
	w->facts.unsafe_interrupts_iommufd = rng_one_in(r, 30);
	w->facts.acs_override = rng_one_in(r, 16);
	world_rules(w, r);
}

int world_port(const struct world *w, struct rng *r)
{
	int i;

	do
		i = rng_below(r, w->n);
	while (!w->devices[i].bridge || w->devices[i].parent >= 0);
	return i;
}

bool world_goes_with(const struct world *w, int device, int unplugged)
{
	return !w->devices[device].bridge && (device == unplugged ||
		w->devices[device].pf == unplugged || world_below(w, device, unplugged));
}

void world_unplug(struct world *w, int device)
{
	for (size_t i = 0; i < w->n; i++)
		if (world_goes_with(w, i, device))
			w->devices[i].gone = true;
}

void world_plug(struct world *w, struct rng *r)
{
	for (size_t i = 0; i < w->n; i++) {
		struct world_device *d = &w->devices[i];

		if (!d->gone || rng_one_in(r, 5))
			continue;
		/* A VF cannot come without its PF, and PFs stand before their VFs. */
		d->gone = d->pf >= 0 && w->devices[d->pf].gone;
		if (!d->gone)
			w->newest = i;
		if (d->pf < 0) {
			d->methods = any_methods(r);
			world_set_driver(d, r);
			d->group = any_group(w, r);
		}
	}
}

struct topology *world_topology(const struct world *w)
{
	struct device **devices = calloc(w->n, sizeof(*devices));
	struct topology *t = NULL;
	size_t n = 0;

	cr_assert(devices);
	for (size_t i = 0; i < w->n; i++) {
		const struct world_device *d = &w->devices[i];

		if (d->gone)
			continue;
		devices[n] = machine_device(d->address,
			d->parent < 0 ? NULL : w->devices[d->parent].address, d->group, d->methods,
			d->driver, d->pf < 0 ? NULL : w->devices[d->pf].address);
		devices[n]->class_code = d->display ? 0x030000 : 0;
		devices[n]->bridge = d->facts;
		devices[n]->identity_domain = d->identity;
		devices[n++]->is_bridge = d->bridge;
	}
	cr_assert_eq(topology_new_consume(&w->facts, devices, n, &t), 0);
	return t;
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

	if (d->gone || w->devices[member].gone)
		return false;
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
