/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The snapshot: three orders of one set of devices, so that a look-up by address, group or parent
 * costs a binary search. Nothing changes after topology_new_consume(), so readers need no lock.
 */
#include <errno.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"
#include "core/topology.h"

struct device *device_ref(struct device *d)
{
	__atomic_add_fetch(&d->refs, 1, __ATOMIC_RELAXED);
	return d;
}

struct device *device_unref(struct device *d)
{
	/* A half-built device may still have no reference counted at all. */
	if (!d || (d->refs > 0 && __atomic_sub_fetch(&d->refs, 1, __ATOMIC_ACQ_REL) > 0))
		return NULL;
	free(d->modalias);
	free(d->driver);
	free(d->reset_methods);
	free(d->parent);
	free(d->root);
	free(d->physical_function);
	strv_free(d->virtual_functions);
	free(d->cdev);
	free(d);
	return NULL;
}

static int compare_address(const void *a, const void *b)
{
	return strcmp((*(struct device *const *)a)->address, (*(struct device *const *)b)->address);
}

static int compare_group(const void *a, const void *b)
{
	int x = (*(struct device *const *)a)->iommu_group;
	int y = (*(struct device *const *)b)->iommu_group;

	return x != y ? (x < y ? -1 : 1) : compare_address(a, b);
}

static const char *parent_of(const struct device *d)
{
	return d->parent ? d->parent : "";
}

static int compare_parent(const void *a, const void *b)
{
	int r = strcmp(parent_of(*(struct device *const *)a), parent_of(*(struct device *const *)b));

	return r ? r : compare_address(a, b);
}

static int compare_pf(const void *a, const void *b)
{
	int r = strcmp((*(struct device *const *)a)->physical_function,
		(*(struct device *const *)b)->physical_function);

	return r ? r : compare_address(a, b);
}

static int index_virtual_functions(struct topology *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n_devices; i++)
		n += t->devices[i]->physical_function != NULL;
	t->by_pf = calloc(n + 1, sizeof(*t->by_pf));
	if (!t->by_pf)
		return -ENOMEM;
	for (size_t i = 0; i < t->n_devices; i++)
		if (t->devices[i]->physical_function)
			t->by_pf[t->n_vfs++] = t->devices[i];
	qsort(t->by_pf, n, sizeof(*t->by_pf), compare_pf);
	return 0;
}

static struct device **sorted_copy(const struct topology *t,
	int (*compare)(const void *, const void *))
{
	struct device **copy = calloc(t->n_devices + 1, sizeof(*copy));

	if (!copy)
		return NULL;
	if (t->n_devices > 0)
		memcpy(copy, t->devices, t->n_devices * sizeof(*copy));
	qsort(copy, t->n_devices, sizeof(*copy), compare);
	return copy;
}

static int topology_index(struct topology *t)
{
	if (t->n_devices > 0)
		qsort(t->devices, t->n_devices, sizeof(*t->devices), compare_address);
	for (size_t i = 1; i < t->n_devices; i++)
		if (streq(t->devices[i - 1]->address, t->devices[i]->address))
			return -EEXIST;
	t->by_group = sorted_copy(t, compare_group);
	t->by_parent = sorted_copy(t, compare_parent);
	return t->by_group && t->by_parent ? index_virtual_functions(t) : -ENOMEM;
}

int topology_new_consume(const struct host_facts *facts, struct device **devices, size_t n,
	struct topology **ret)
{
	_cleanup_topology_unref_ struct topology *t = calloc(1, sizeof(*t));
	int r;

	if (!t) {
		for (size_t i = 0; i < n; i++)
			device_unref(devices[i]);
		free(devices);
		return -ENOMEM;
	}
	t->refs = 1;
	t->facts = *facts;
	t->devices = devices;
	t->n_devices = n;
	r = topology_index(t);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(t);
	return 0;
}

struct topology *topology_ref(struct topology *t)
{
	__atomic_add_fetch(&t->refs, 1, __ATOMIC_RELAXED);
	return t;
}

struct topology *topology_unref(struct topology *t)
{
	if (!t || __atomic_sub_fetch(&t->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return NULL;
	for (size_t i = 0; i < t->n_devices; i++)
		device_unref(t->devices[i]);
	free(t->devices);
	free(t->by_group);
	free(t->by_parent);
	free(t->by_pf);
	free(t);
	return NULL;
}

const struct device *topology_find(const struct topology *t, const char *address)
{
	size_t low = 0, high = t->n_devices;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int r = strcmp(t->devices[middle]->address, address);

		if (r == 0)
			return t->devices[middle];
		if (r < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static size_t first_of_group(const struct topology *t, int group)
{
	size_t low = 0, high = t->n_devices;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (t->by_group[middle]->iommu_group < group)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int topology_group_mates(const struct topology *t, const struct device *d,
	const struct device ***ret)
{
	size_t first = first_of_group(t, d->iommu_group), end = first;
	const struct device **mates;
	int n = 0;

	while (d->iommu_group >= 0 && end < t->n_devices &&
		t->by_group[end]->iommu_group == d->iommu_group)
		end++;
	mates = calloc(end - first + 1, sizeof(*mates));
	if (!mates)
		return -ENOMEM;
	for (size_t i = first; i < end; i++)
		if (!t->by_group[i]->is_bridge && !streq(t->by_group[i]->address, d->address))
			mates[n++] = t->by_group[i];
	*ret = mates;
	return n;
}

size_t topology_virtual_functions(const struct topology *t, const struct device *d,
	struct device *const **ret)
{
	size_t low = 0, high = t->n_vfs, end;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(t->by_pf[middle]->physical_function, d->address) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (end = low; end < t->n_vfs; end++)
		if (!streq(t->by_pf[end]->physical_function, d->address))
			break;
	*ret = t->by_pf + low;
	return end - low;
}

bool topology_is_below(const struct topology *t, const struct device *d, const char *bridge)
{
	/* The bound matters only for a loop of parents in a false tree. */
	for (unsigned depth = 0; d && d->parent && depth < 256; depth++) {
		if (streq(d->parent, bridge))
			return true;
		d = topology_find(t, d->parent);
	}
	return false;
}

static size_t first_child(const struct topology *t, const char *parent)
{
	size_t low = 0, high = t->n_devices;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(parent_of(t->by_parent[middle]), parent) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct reset_walk {
	const struct topology *topology;
	const struct device **found;
	size_t n;
	bool possible, failed;
};

/* Collects all below one bridge. The bounds matter only for a loop of parents in a false tree. */
static void walk_below(struct reset_walk *w, const char *bridge, unsigned depth)
{
	const struct topology *t = w->topology;

	for (size_t i = first_child(t, bridge); i < t->n_devices && !w->failed; i++) {
		const struct device *child = t->by_parent[i];

		if (!streq(parent_of(child), bridge))
			break;
		/* vfio refuses a set with a bridge below the bus or with VFs, each alone in its
		 * own dev_set: vfio_pci_core.c, vfio_pci_dev_set_hot_reset(). */
		if (child->is_bridge || child->physical_function)
			w->possible = false;
		if (!child->is_bridge && w->n < t->n_devices) {
			w->failed = !array_reserve(w->found, w->n);
			if (!w->failed)
				w->found[w->n++] = child;
		}
		if (child->is_bridge && depth < 256)
			walk_below(w, child->address, depth + 1);
	}
}

int topology_reset_set(const struct topology *t, const struct device *d,
	const struct device ***ret, bool *ret_possible)
{
	bool alone = !d->parent || d->physical_function;
	struct reset_walk walk = { .topology = t, .possible = !alone };

	if (!array_reserve(walk.found, walk.n))
		return -ENOMEM;
	if (alone)
		walk.found[walk.n++] = d;
	else
		walk_below(&walk, d->parent, 0);
	if (walk.failed) {
		free(walk.found);
		return -ENOMEM;
	}
	if (walk.n > 1)
		qsort(walk.found, walk.n, sizeof(*walk.found), compare_address);
	*ret = walk.found;
	*ret_possible = walk.possible;
	return (int)walk.n;
}

char *join_addresses(const struct device **devices, size_t n, const char *separator)
{
	_cleanup_text_ struct text t = {0};

	text_append(&t, "");
	for (size_t i = 0; i < n; i++) {
		text_append(&t, i > 0 ? separator : "");
		text_append(&t, devices[i]->address);
	}
	return text_steal(&t);
}

bool topology_is_strict(const struct topology *t, const struct device *d)
{
	const struct host_facts *f = &t->facts;

	if (d->iommu_group < 0 || f->interrupt_remapping != YES || f->acs_override ||
		f->unsafe_interrupts_type1 || f->unsafe_interrupts_iommufd)
		return false;
	for (size_t i = first_of_group(t, d->iommu_group); i < t->n_devices; i++) {
		if (t->by_group[i]->iommu_group != d->iommu_group)
			break;
		if (!t->by_group[i]->is_bridge && t->by_group[i] != d)
			return false;
	}
	return true;
}

bool device_has_function_reset(const struct device *d)
{
	return d->reset_methods && d->reset_methods[0] != '\0';
}

bool device_on_vfio_driver(const struct device *d)
{
	static const char *const endings[] = { "vfio-pci", "vfio_pci" };
	size_t n = d->driver ? strlen(d->driver) : 0;

	for (size_t i = 0; i < ARRAY_SIZE(endings); i++) {
		size_t m = strlen(endings[i]);

		if (n >= m && streq(d->driver + n - m, endings[i]))
			return true;
	}
	return false;
}
