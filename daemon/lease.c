/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The lease object, what it claims, and how it looks on the bus.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <systemd/sd-journal.h>
#include <time.h>

#include "base/io.h"
#include "base/text.h"
#include "manager.h"

uint64_t now_usec(int clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000000ULL + t.tv_nsec / 1000;
}

static int new_id(struct manager *m, char *ret)
{
	uint64_t random;

	do {
		if (getrandom(&random, sizeof(random), 0) != sizeof(random))
			return -EIO;
		/* A letter first: D-Bus paths escape a leading digit. */
		snprintf(ret, LEASE_ID_SIZE, "l%011llx",
			(unsigned long long)(random & 0xfffffffffffULL));
	} while (lease_find(m, ret));
	return 0;
}

static int copy_device(struct lease_device *to, const struct decided_device *from)
{
	strcpy(to->address, from->device->address);
	to->vendor = from->device->vendor;
	to->device = from->device->device;
	to->rule_line = from->rule->line;
	to->reset_set_owned = from->reset_set_owned;
	to->exclusive = from->reset_set & RESET_SET_EXCLUSIVE;
	for (size_t i = 0; i < from->n_members; i++)
		if (strv_append(&to->reset_set, from->members[i]->address) < 0)
			return -ENOMEM;
	if (strdup_to(&to->rule, from->rule->name) < 0)
		return -ENOMEM;
	return strdup_to(&to->rule_file, from->rule->file);
}

struct lease *lease_free(struct lease *l)
{
	if (!l)
		return NULL;
	sd_event_source_disable_unref(l->hold_source);
	sd_event_source_disable_unref(l->barrier_source);
	sd_event_source_disable_unref(l->retry_source);
	close_fd(l->hold_read);
	close_fd(l->hold_write);
	close_fd(l->barrier_fd);
	assignment_free(l->assignment);
	plan_free(l->plan);
	topology_unref(l->decided_on);
	for (size_t i = 0; l->devices && i < l->n_devices; i++) {
		free(l->devices[i].rule);
		free(l->devices[i].rule_file);
		strv_free(l->devices[i].reset_set);
	}
	free(l->devices);
	free(l->view);
	free(l->release_calls);
	peer_free(l->peer);
	bus_request_done(&l->request);
	free(l->policy_sha256);
	consent_free(l->consent);
	free(l);
	return NULL;
}

static int fill(struct lease *l, const struct decision *d)
{
	int r = new_id(l->manager, l->id);

	if (r < 0)
		return r;
	l->devices = calloc(d->n_devices, sizeof(*l->devices));
	if (!l->devices)
		return -ENOMEM;
	l->n_devices = d->n_devices;
	l->view = calloc(d->n_devices, sizeof(*l->view));
	if (!l->view)
		return -ENOMEM;
	for (size_t i = 0; i < d->n_devices; i++) {
		r = copy_device(&l->devices[i], &d->devices[i]);
		if (r < 0)
			return r;
	}
	r = strdup_to(&l->policy_sha256, l->manager->policy_sha256);
	if (r >= 0)
		r = assignment_new(l->manager->host, d, &l->assignment);
	return r < 0 ? r : plan_acquire(d, &l->plan);
}

struct lease *lease_alloc(struct manager *m)
{
	struct lease *l = calloc(1, sizeof(*l));

	if (l) {
		l->manager = m;
		l->hold_read = l->hold_write = l->barrier_fd = -1;
		l->since = now_usec(CLOCK_REALTIME);
		l->started = now_usec(CLOCK_MONOTONIC);
	}
	return l;
}

void lease_link(struct lease *l)
{
	l->next = l->manager->leases;
	l->manager->leases = l;
}

int lease_new(struct manager *m, const struct decision *d, struct peer **peer,
	struct bus_request *request, uid_t uid, struct lease **ret)
{
	_cleanup_(lease_free_cleanup) struct lease *l = lease_alloc(m);
	int r = l ? fill(l, d) : -ENOMEM;

	if (r < 0)
		return r;
	l->uid = uid;
	l->decided_on = topology_ref(m->topology);
	l->peer = TAKE_PTR(*peer);
	(void)bus_get_id(m->bus, l->bus_id);
	l->request = *request;
	*request = (struct bus_request){0};
	lease_link(l);
	*ret = TAKE_PTR(l);
	ownership_review(m);
	return 0;
}

void lease_check_names(struct manager *m)
{
	char id[BUS_ID_SIZE] = "";

	(void)bus_get_id(m->bus, id);
	for (struct lease *l = m->leases; l; l = l->next)
		if (!*id || !streq(l->bus_id, id))
			free(TAKE_PTR(l->peer->name));
}

void lease_drop(struct lease *l)
{
	struct manager *m = l->manager;
	struct assignment *a = TAKE_PTR(l->assignment);

	for (struct lease **p = &m->leases; *p; p = &(*p)->next)
		if (*p == l) {
			*p = l->next;
			break;
		}
	lease_free(l);
	for (size_t i = 0; a && i < a->n_devices; i++)
		inventory_device_changed(m, a->devices[i].address);
	assignment_free(a);
	ownership_review(m);
}

struct lease *lease_find(struct manager *m, const char *id)
{
	for (struct lease *l = m->leases; l; l = l->next)
		if (streq(l->id, id))
			return l;
	return NULL;
}

struct lease *lease_of_device(struct manager *m, const char *address)
{
	for (struct lease *l = m->leases; l; l = l->next)
		if (assignment_find(l->assignment, address))
			return l;
	return NULL;
}

void lease_quarantine(struct lease *l, const char *address, const char *why)
{
	json_t *r = record_event("device.quarantined");

	json_object_set_new(r, "lease", json_string(l->id));
	json_object_set_new(r, "devices", json_pack("[{s:s}]", "address", address));
	json_object_set_new(r, "reason", json_string(why));
	(void)record_append(l->manager, r, NULL, NULL);
	marks_set(l->manager, address, true, l->uid, why);
}

void lease_tell(struct lease *l)
{
	for (size_t i = 0; i < l->assignment->n_devices; i++)
		inventory_device_changed(l->manager, l->assignment->devices[i].address);
}

void lease_event(struct lease *l, enum lease_event event)
{
	int next = lease_state_next(l->state, event);

	if (next < 0) {
		sd_journal_print(LOG_ERR, "Lease %s: event %s in state %s", l->id,
			lease_event_to_string(event), lease_state_to_string(l->state));
		return;
	}
	l->state = next;
	lease_tell(l);
}

static enum claim_kind claim_of(const struct lease *l, const struct assigned_device *d)
{
	if (l->stuck)
		return CLAIM_STUCK;
	if (l->state == LEASE_ENDED || lease_state_is_ending(l->state))
		return CLAIM_RELEASING;
	return d->requested ? CLAIM_LEASED : CLAIM_RESERVED;
}

static int compare_claims(const void *a, const void *b)
{
	return strcmp(((const struct claim *)a)->address, ((const struct claim *)b)->address);
}

static size_t count_leases(void *userdata, uid_t uid, const char *rule)
{
	struct manager *m = userdata;
	size_t n = 0;

	for (struct lease *l = m->leases; l; l = l->next) {
		bool hit = false;

		for (size_t i = 0; i < l->n_devices; i++)
			hit |= streq(l->devices[i].rule, rule);
		n += l->uid == uid && hit;
	}
	return n;
}

static size_t count_devices(void *userdata, uid_t uid, const char *rule)
{
	struct manager *m = userdata;
	size_t n = 0;

	for (struct lease *l = m->leases; l; l = l->next)
		for (size_t i = 0; l->uid == uid && i < l->n_devices; i++)
			n += streq(l->devices[i].rule, rule);
	return n;
}

int lease_claims(struct manager *m, struct claims *ret, struct claim **ret_items)
{
	size_t max = m->n_marks, n = 0;
	struct claim *items;

	for (struct lease *l = m->leases; l; l = l->next)
		max += l->assignment->n_devices;
	items = calloc(max + 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	for (struct lease *l = m->leases; l; l = l->next)
		for (size_t i = 0; i < l->assignment->n_devices; i++) {
			const struct assigned_device *d = &l->assignment->devices[i];

			/* Requested devices come first in both arrays. */
			items[n++] = (struct claim){
				.address = d->address,
				.kind = claim_of(l, d),
				.lease = l->id,
				.owner = l->uid,
				.exclusive = i < l->n_devices && l->devices[i].exclusive,
			};
		}
	for (size_t i = 0; i < m->n_marks; i++)
		if (!lease_of_device(m, m->marks[i].address))
			items[n++] = (struct claim){
				.address = m->marks[i].address,
				.kind = m->marks[i].quarantined ? CLAIM_QUARANTINED : CLAIM_SAME_UID,
				.owner = m->marks[i].uid,
				.reason = m->marks[i].reason,
			};
	qsort(items, n, sizeof(*items), compare_claims);
	*ret = (struct claims){items, n, count_leases, count_devices, m};
	*ret_items = items;
	return 0;
}

const char *lease_device_state(struct manager *m, const char *address)
{
	struct lease *l = lease_of_device(m, address);
	const struct mark *mark = marks_find(m, address);

	if (!l)
		return mark && mark->quarantined ? "quarantined" : "free";
	switch (claim_of(l, assignment_find(l->assignment, address))) {
	case CLAIM_STUCK:
		return "stuck";
	case CLAIM_RELEASING:
		return "releasing";
	case CLAIM_RESERVED:
		return "reserved";
	default:
		return "leased";
	}
}

static bool is_fresh(const struct assignment *a, const char *address)
{
	for (size_t i = 0; i < a->n_fresh; i++)
		if (streq(a->fresh[i]->address, address))
			return true;
	return false;
}

void lease_refresh_facts(struct lease *l)
{
	struct assignment *a = l->assignment;

	/* One that could not be read is gone, or the snapshot would keep what it was. */
	for (size_t i = 0; a->fresh && i < a->n_devices; i++)
		if (!is_fresh(a, a->devices[i].address))
			inventory_look_again(l->manager, a->devices[i].address);
	inventory_update(l->manager, a->fresh, a->n_fresh);
	free(a->fresh);
	a->fresh = NULL;
	a->n_fresh = 0;
}

int lease_job(struct lease *l, uint64_t limit_usec, job_run_fn run, job_late_fn late,
	job_done_fn done)
{
	int r;

	l->busy = true;
	r = jobs_start(l->manager->jobs, limit_usec, run, late, done, l);
	if (r < 0)
		l->busy = false;
	return r;
}
