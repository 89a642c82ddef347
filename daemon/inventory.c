/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The current snapshot and what keeps it current: the kernel's uevents say that something changed,
 * sysfs says what. A job reads sysfs; the main loop only swaps snapshots and tells the bus.
 */
#include <errno.h>
#include <string.h>
#include <systemd/sd-journal.h>

#include "base/io.h"
#include "base/text.h"
#include "manager.h"
#include "names.h"

#define SCAN_LIMIT_USEC (30 * 1000000ULL)
/* More pending addresses than this are cheaper to find by a full scan. */
#define PENDING_MAX 64

struct inventory {
	struct manager *manager;
	struct names *names;
	int uevent_fd;
	sd_event_source *uevent_source;
	char **pending;   /* addresses to look at again */
	bool pending_all;
	bool scanning;    /* a job has the fields below */
	char **addresses; /* what the job looks at; NULL: everything */
	struct host_facts facts;
	struct device **found;
	size_t n_found;
	/* Borrowed arrays of the last answer to the bus. */
	const struct device **group, **reset_set;
};

static void scan_pending(struct inventory *i);

void inventory_device_changed(struct manager *m, const char *address)
{
	const struct device *d = topology_find(m->topology, address);

	if (m->bus && d && !d->is_bridge)
		bus_device_changed(m->bus, address);
}

/* --- swapping snapshots --- */

static bool same_facts(const struct device *a, const struct device *b)
{
	return streq(a->driver, b->driver) && a->iommu_group == b->iommu_group &&
		streq(a->reset_methods, b->reset_methods) &&
		streq(a->physical_function, b->physical_function) && streq(a->cdev, b->cdev) &&
		strv_length(a->virtual_functions) == strv_length(b->virtual_functions);
}

/* Both are sorted by address, so one walk over the two finds what came, went and changed. */
static void tell_differences(struct manager *m, const struct topology *before)
{
	const struct topology *now = m->topology;

	for (size_t i = 0; m->bus && i < before->n_devices; i++)
		if (!topology_find(now, before->devices[i]->address) &&
			!before->devices[i]->is_bridge)
			bus_device_removed(m->bus, before->devices[i]->address);
	for (size_t i = 0; m->bus && i < now->n_devices; i++) {
		const struct device *d = now->devices[i], *old = topology_find(before, d->address);

		if (d->is_bridge || d == old)
			continue;
		if (!old)
			bus_device_added(m->bus, d->address);
		else if (!same_facts(old, d))
			bus_device_changed(m->bus, d->address);
	}
}

static void swap(struct manager *m, const struct host_facts *facts, struct device **devices,
	size_t n)
{
	_cleanup_topology_unref_ struct topology *before = NULL;
	struct topology *now;
	int r = topology_new_consume(facts, devices, n, &now);

	if (r < 0) {
		sd_journal_print(LOG_ERR, "The new snapshot of the devices cannot be made: %s",
			errno_name(-r));
		return;
	}
	before = m->topology;
	m->topology = now;
	if (before)
		tell_differences(m, before);
	ownership_review(m);
}

static struct device *find_fresh(struct device **fresh, size_t n, const char *address)
{
	for (size_t i = 0; i < n; i++)
		if (fresh[i] && streq(fresh[i]->address, address))
			return fresh[i];
	return NULL;
}

static void replace(struct manager *m, struct device **fresh, size_t n, char *const *gone)
{
	const struct topology *t = m->topology;
	struct device **devices = calloc(t->n_devices + n + 1, sizeof(*devices));
	size_t k = 0;

	for (size_t i = 0; devices && i < t->n_devices; i++) {
		struct device *d = t->devices[i];

		if (!find_fresh(fresh, n, d->address) && !strv_contains(gone, d->address))
			devices[k++] = device_ref(d);
	}
	for (size_t i = 0; i < n; i++) {
		if (devices)
			devices[k++] = fresh[i];
		else
			device_unref(fresh[i]);
		fresh[i] = NULL;
	}
	if (devices)
		swap(m, &t->facts, devices, k);
}

void inventory_update(struct manager *m, struct device **fresh, size_t n)
{
	if (n > 0)
		replace(m, fresh, n, NULL);
}

/* --- scanning --- */

static int scan_job(void *arg)
{
	struct inventory *i = arg;
	struct host *h = i->manager->host;

	if (!i->addresses)
		return HOST(h, scan, "", &i->facts, &i->found, &i->n_found);
	i->found = calloc(strv_length(i->addresses) + 1, sizeof(*i->found));
	if (!i->found)
		return -ENOMEM;
	for (char **s = i->addresses; *s; s++)
		if (HOST(h, scan_device, *s, *s, &i->found[i->n_found]) >= 0)
			i->n_found++;
	return 0;
}

static void forget_scan(struct inventory *i)
{
	strv_free(i->addresses);
	i->addresses = NULL;
	i->found = NULL;
	i->n_found = 0;
}

static void note_address(struct inventory *i, const char *address)
{
	if (!*address || strv_contains(i->pending, address))
		return;
	if (strv_length(i->pending) >= PENDING_MAX || strv_append(&i->pending, address) < 0)
		i->pending_all = true;
}

/* A VF that comes or goes changes its PF, of which the kernel tells nothing. Returns whether a
 * bridge was read. */
static bool note_related(struct inventory *i)
{
	bool bridges = false;

	for (char **s = i->addresses; *s; s++) {
		const struct device *before = topology_find(i->manager->topology, *s);
		const struct device *now = find_fresh(i->found, i->n_found, *s);

		if (!before != !now && (now ? now : before)->physical_function)
			note_address(i, (now ? now : before)->physical_function);
		bridges |= now && now->is_bridge;
	}
	return bridges;
}

static void on_scanned(void *arg, int result)
{
	struct inventory *i = arg;

	i->scanning = false;
	if (result < 0) {
		sd_journal_print(LOG_WARNING, "The devices could not be scanned: %s",
			errno_name(-result));
	} else if (!i->addresses) {
		swap(i->manager, &i->facts, i->found, i->n_found);
		bridges_look(i->manager);
	} else {
		bool bridges = note_related(i);

		replace(i->manager, i->found, i->n_found, i->addresses);
		free(i->found);
		if (bridges)
			bridges_look(i->manager);
	}
	forget_scan(i);
	scan_pending(i);
}

static void scan_pending(struct inventory *i)
{
	if (i->scanning || (!i->pending && !i->pending_all))
		return;
	i->addresses = i->pending;
	i->pending = NULL;
	if (i->pending_all) {
		strv_free(i->addresses);
		i->addresses = NULL;
	}
	i->pending_all = false;
	i->scanning = true;
	if (jobs_start(i->manager->jobs, SCAN_LIMIT_USEC, scan_job, NULL, on_scanned, i) < 0) {
		/* The next event finds this one's change, too. */
		i->scanning = false;
		forget_scan(i);
		i->pending_all = true;
	}
}

void inventory_look_again(struct manager *m, const char *address)
{
	note_address(m->inventory, address);
	scan_pending(m->inventory);
}

static int on_uevent(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct inventory *i = userdata;
	struct host_uevent e;
	int r;

	while ((r = host_uevent_read(fd, &e)) > 0)
		note_address(i, e.address);
	if (r < 0)
		i->pending_all = true;
	scan_pending(i);
	return 0;
}

int inventory_start(struct manager *m)
{
	struct inventory *i = m->inventory = calloc(1, sizeof(*i));
	int r;

	if (!i)
		return -ENOMEM;
	i->manager = m;
	i->uevent_fd = -1;
	r = names_new(&i->names);
	if (r < 0)
		return r;
	/* Listening begins before the scan, so that no change falls between the two. */
	i->uevent_fd = host_uevent_open();
	if (i->uevent_fd < 0)
		return i->uevent_fd;
	r = sd_event_add_io(m->event, &i->uevent_source, i->uevent_fd, EPOLLIN, on_uevent, i);
	if (r >= 0)
		r = scan_job(i);
	if (r < 0)
		return r;
	swap(m, &i->facts, i->found, i->n_found);
	forget_scan(i);
	if (!m->topology)
		return -ENOMEM;
	bridges_look(m);
	return 0;
}

void inventory_free(struct inventory *i)
{
	if (!i)
		return;
	sd_event_source_disable_unref(i->uevent_source);
	close_fd(i->uevent_fd);
	names_free(i->names);
	strv_free(i->pending);
	free(i->group);
	free(i->reset_set);
	if (!i->scanning) {
		forget_scan(i);
		free(i);
	}
}

/* --- for the bus --- */

static void learn_names(struct inventory *i, const struct device *d)
{
	const struct topology *t = i->manager->topology;
	_cleanup_free_ struct names_id *ids = NULL;
	size_t n = 0;

	if (names_known(i->names, d->vendor, d->device))
		return;
	ids = calloc(t->n_devices, sizeof(*ids));
	for (size_t k = 0; ids && k < t->n_devices; k++)
		if (!t->devices[k]->is_bridge)
			ids[n++] = (struct names_id){t->devices[k]->vendor, t->devices[k]->device};
	names_learn(i->names, ids, n);
}

static int devices_around(struct inventory *i, const struct device *d, struct bus_device *b)
{
	const struct topology *t = i->manager->topology;
	const struct device **mates = NULL, **set = NULL, **all;
	bool possible;
	int n = topology_group_mates(t, d, &mates);
	size_t k = 0;

	if (n < 0)
		return n;
	all = calloc(n + 1, sizeof(*all));
	for (int m = 0; all && m < n && strcmp(mates[m]->address, d->address) < 0; m++)
		all[k++] = mates[m];
	if (all) {
		all[k++] = d;
		for (; k < (size_t)n + 1; k++)
			all[k] = mates[k - 1];
	}
	free(mates);
	free(i->group);
	i->group = all;
	if (!all)
		return -ENOMEM;
	n = topology_reset_set(t, d, &set, &possible);
	if (n < 0)
		return n;
	free(i->reset_set);
	i->reset_set = set;
	b->group = i->group;
	b->n_group = k;
	b->reset_set = i->reset_set;
	b->n_reset_set = n;
	return 0;
}

void inventory_names(struct manager *m, const struct device *d, const char **ret_vendor,
	const char **ret_model)
{
	struct names *names = m->inventory->names;

	learn_names(m->inventory, d);
	*ret_vendor = names_vendor(names, d->vendor, d->device);
	*ret_model = names_model(names, d->vendor, d->device);
}

int inventory_bus_device(struct manager *m, const char *address, struct bus_device *ret)
{
	const struct device *d = topology_find(m->topology, address);
	struct inventory *i = m->inventory;
	struct lease *l;
	int r;

	if (!d || d->is_bridge)
		return 0;
	*ret = (struct bus_device){.device = d};
	r = devices_around(i, d, ret);
	if (r < 0)
		return r;
	inventory_names(m, d, &ret->vendor_name, &ret->model_name);
	ret->state = lease_device_state(m, address);
	ret->isolation = d->iommu_group < 0 ? "none" :
		topology_is_strict(m->topology, d) ? "strict" : "group";
	l = lease_of_device(m, address);
	/* Before the facts are gathered the driver is still the original one. */
	ret->original_driver = l && l->state != LEASE_REQUESTED ?
		assignment_find(l->assignment, address)->prior_driver : d->driver;
	return 1;
}
