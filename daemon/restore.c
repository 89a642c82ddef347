/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * After a restart: every lease file, hold, stored fd and the kernel are brought together before
 * anybody is served. A lease that somebody holds goes on; one that nobody holds, or that its client
 * never heard of, is given back; an fd that belongs to no lease is closed.
 */
#include <errno.h>
#include <string.h>
#include <systemd/sd-journal.h>

#include "base/text.h"
#include "manager.h"
#include "state/journal-set.h"

#define TOLD_WITHIN ((off_t)256 * 1024)

static int take_fd(struct assignment *a, struct stored_fd *s)
{
	bool iommufd = a->backend == BACKEND_IOMMUFD;

	if (streq(s->role, "iommu")) {
		if (HOST(a->host, verify_fd, "", s->fd,
			    iommufd ? "iommufd" : "container", "", -1) < 0)
			return -ESTALE;
		a->iommu_fd = TAKE_FD(s->fd);
		return 0;
	}
	if (strncmp(s->role, "device-", 7) == 0) {
		struct assigned_device *d = assignment_find(a, s->role + 7);

		if (!d || HOST(a->host, verify_fd, d->address, s->fd,
				  iommufd ? "cdev" : "device", d->address, d->group) < 0)
			return -ESTALE;
		d->fd = TAKE_FD(s->fd);
		return 0;
	}
	if (strncmp(s->role, "group-", 6) == 0 && a->n_groups < a->n_devices) {
		uint64_t group;

		if (parse_u64(s->role + 6, &group) < 0 || group > INT32_MAX ||
			HOST(a->host, verify_fd, "", s->fd, "group", "", (int)group) < 0)
			return -ESTALE;
		a->groups[a->n_groups++] = (struct assigned_group){group, TAKE_FD(s->fd), true};
		return 0;
	}
	return -ESTALE;
}

static void take_fds(struct lease *l, struct stored_fd *fds, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (fds[i].fd < 0 || !streq(fds[i].lease, l->id))
			continue;
		if (take_fd(l->assignment, &fds[i]) < 0) {
			sd_journal_print(LOG_WARNING, "Lease %s: the stored fd %s is not what it "
				"was; it is closed", l->id, fds[i].role);
			(void)fdstore_remove(fds[i].lease, fds[i].role);
		}
	}
}

static bool is_first_of_group(const struct assignment *a, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (a->devices[j].group == a->devices[i].group)
			return false;
	return true;
}

/* What plan_acquire() has opened: under iommufd the bound peers too, under legacy a group each. */
static void count_fds(const struct lease *l, size_t *ret_have, size_t *ret_want)
{
	const struct assignment *a = l->assignment;
	bool iommufd = a->backend == BACKEND_IOMMUFD;

	*ret_have = (a->iommu_fd >= 0) + a->n_groups;
	*ret_want = 1;
	for (size_t i = 0; i < a->n_devices; i++) {
		const struct assigned_device *d = &a->devices[i];

		*ret_have += d->fd >= 0;
		*ret_want += d->requested || (iommufd && (d->peer & PEER_BIND));
		*ret_want += !iommufd && (d->requested || (d->peer & PEER_RESET)) &&
			is_first_of_group(a, i);
	}
}

static int is_held(struct lease *l)
{
	int r = hold_reopen(&l->manager->store, l->id, &l->hold_read);

	return r < 0 ? r : hold_is_held(l->hold_read);
}

static void record_restored(const struct lease *l)
{
	(void)record_append(l->manager, record_of_lease("daemon.restored", l), NULL, NULL);
}

static void go_on(struct lease *l)
{
	size_t have, want;

	count_fds(l, &have, &want);
	if (have < want)
		lease_event(l, have ? LEASE_EVENT_FDS_LOST : LEASE_EVENT_DETACH);
	record_restored(l);
	if (lease_watch_hold(l) < 0)
		lease_end(l, "hold", NULL);
}

static void restore(struct lease *l)
{
	enum lease_state was = l->state;

	if (lease_state_is_granted(was) && is_held(l) == 1) {
		go_on(l);
	} else if (lease_state_is_granted(was)) {
		lease_end(l, "hold", NULL);
	} else if (was == LEASE_REBINDING) {
		l->end_reason = "restart";
		lease_give_back(l);
	} else {
		/* In the middle of its end: the whole of it again, an earlier proof is void. */
		l->state = LEASE_ACTIVE;
		lease_end(l, l->granted ? "restart" : "abort", NULL);
	}
}

static void record_lost(struct manager *m, const char *id)
{
	json_t *record = record_event("lease.lost");

	json_object_set_new(record, "lease", json_string(id));
	json_object_set_new(record, "reason", json_string("its state file is damaged"));
	(void)record_append(m, record, NULL, NULL);
	sd_journal_print(LOG_ERR, "Lease %s: its state file is damaged; devices that it may have "
		"had are quarantined", id);
	(void)hold_remove(&m->store, id);
	(void)store_remove_lease(&m->store, id);
}

static int restore_file(struct manager *m, const json_t *entry, struct stored_fd *fds, size_t n,
	bool *ret_lost)
{
	const char *id = json_string_value(json_object_get(entry, "id"));
	json_t *state = json_object_get(entry, "state");
	struct lease *l;
	int r = json_is_object(state) ? lease_load(m, id, state, &l) : -EBADMSG;

	if (r == -EBADMSG) {
		record_lost(m, id);
		*ret_lost = true;
		return 0;
	}
	if (r < 0)
		return r;
	lease_link(l);
	take_fds(l, fds, n);
	return 0;
}

/* After a damaged file: what is on a vfio driver and in no lease may still be somebody's. */
static void quarantine_unclaimed(struct manager *m)
{
	const struct topology *t = m->topology;

	for (size_t i = 0; i < t->n_devices; i++) {
		const struct device *d = t->devices[i];

		if (device_on_vfio_driver(d) && !lease_of_device(m, d->address))
			marks_set(m, d->address, true, 0,
				"a lease of it was lost with its state file");
	}
}

static int note_end(void *userdata, json_t *record)
{
	const char *event = json_string_value(json_object_get(record, "event"));
	const char *id = json_string_value(json_object_get(record, "lease"));
	struct lease *l = event && id ? lease_find(userdata, id) : NULL;

	if (l)
		l->told |= streq(event, "lease.released") || streq(event, "lease.aborted") ||
			streq(event, "lease.failed");
	return 0;
}

/* A daemon that was killed between the record of an end and the removal of the file has told it:
 * once is enough. The record is near the journal's end then. */
static void find_told(struct manager *m)
{
	_cleanup_journal_set_ struct journal_set set = {0};
	bool any = false;

	for (const struct lease *l = m->leases; l; l = l->next)
		any |= !lease_state_is_granted(l->state);
	if (!any || journal_set_open(&set, m->log_fd, JOURNAL_NAME) < 0)
		return;
	(void)journal_read_last(&set, TOLD_WITHIN, note_end, m);
}

int lease_restore_all(struct manager *m)
{
	json_t *files = NULL, *entry;
	struct stored_fd *fds = NULL;
	int n = fdstore_take(&fds), r;
	struct lease *l, *next;
	bool lost = false;
	size_t i;

	if (n < 0)
		return n;
	r = store_load_leases(&m->store, &files);
	if (r >= 0)
		json_array_foreach(files, i, entry) {
			r = restore_file(m, entry, fds, n, &lost);
			if (r < 0)
				break;
		}
	for (i = 0; i < (size_t)n; i++)
		if (fds[i].fd >= 0)
			(void)fdstore_remove(fds[i].lease, fds[i].role);
	stored_fds_free(fds, n);
	json_decref(files);
	if (r < 0)
		return r;
	if (lost)
		quarantine_unclaimed(m);
	find_told(m);
	/* All are linked before the first acts, so that each sees the others' claims. */
	for (l = m->leases; l; l = next) {
		next = l->next;
		restore(l);
	}
	return 0;
}
