/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From the claim to a lease; what comes before it is in inquiry.c. Each step ends before the next
 * begins, and what is saved comes before what it is about:
 *
 *   claim -> gather facts -> state file -> intent on disk -> change the kernel
 *   -> hold, fd store -> grant on disk -> state file -> reply
 *
 * A failure at any step takes back the steps before it and answers the call. The state file says
 * that the lease was granted only when the journal does: what is found ungranted after a crash was
 * never given to anybody.
 */
#include <errno.h>
#include <string.h>
#include <systemd/sd-journal.h>
#include <time.h>

#include "base/io.h"
#include "base/text.h"
#include "manager.h"

#define GATHER_LIMIT_USEC (5 * 1000000ULL)
#define TAKE_LIMIT_USEC (30 * 1000000ULL)

/* --- failure after the claim --- */

/* Ends a lease that its client never had. Everything in the kernel was put back before. */
static void abandon(struct lease *l)
{
	struct manager *m = l->manager;
	char id[LEASE_ID_SIZE];

	strcpy(id, l->id);
	quota_end(m->quota, l->peer->uid);
	for (size_t i = 0; i < l->assignment->n_devices; i++)
		if (l->assignment->devices[i].broken)
			lease_quarantine(l, l->assignment->devices[i].address,
				"could not be put back after a failed request");
	lease_drop(l);
	(void)hold_remove(&m->store, id);
	(void)store_remove_lease(&m->store, id);
}

static void fail_journal(struct lease *l, int error)
{
	bus_reply_journal(TAKE_PTR(l->acquire_call), error);
	abandon(l);
}

static bool is_put_back(const struct assignment *a)
{
	for (size_t i = 0; i < a->n_devices; i++)
		if (a->devices[i].broken)
			return false;
	return true;
}

static void answer_failed(struct lease *l, int error)
{
	const struct assignment *a = l->assignment;
	const char *where = a->failed_step ? a->failed_step : "a job";
	const char *device = *a->failed_device ? a->failed_device : l->devices[0].address;

	if (error == -EBUSY && a->in_use)
		bus_reply_in_use(TAKE_PTR(l->acquire_call), "%s: %s; end that use first",
			device, a->in_use);
	else if (error == -EBUSY && streq(where, "group_open"))
		bus_reply_in_use(TAKE_PTR(l->acquire_call), "%s: a process that did not get it "
			"from devleased uses it or a device of its IOMMU group (group_open: EBUSY); "
			"end that process first", device);
	else
		bus_reply_kernel(TAKE_PTR(l->acquire_call), "%s: %s failed with %s; %s. The kernel "
			"log may say more", device, where, errno_name(-error),
			is_put_back(a) ? "what was changed for this request was put back" :
					 "not all could be put back, so it is quarantined");
}

/* The file goes when the journal tells why: a daemon that finds neither would say nothing. */
static void on_failed(void *userdata, int error)
{
	struct lease *l = userdata;

	if (error < 0)
		sd_journal_print(LOG_ERR, "Lease %s: its failure could not be journaled: %s", l->id,
			errno_name(-error));
	answer_failed(l, l->error);
	abandon(l);
}

static void fail_kernel(struct lease *l, int error)
{
	int r;

	l->error = error;
	r = record_append(l->manager, record_of_lease("lease.failed", l), on_failed, l);
	if (r < 0)
		on_failed(l, r);
}

/* --- granted --- */

/* Ends what is ready to be handed out, and was not. */
static void fail_grant(struct lease *l, const char *reason)
{
	l->hold_write = close_fd(l->hold_write);
	lease_event(l, LEASE_EVENT_GRANT);
	lease_end(l, reason, NULL);
}

static int save_grant(struct lease *l)
{
	int r;

	/* The grant counts from here on; whether the client got it, its hold will tell. */
	l->granted = true;
	r = lease_save(l, LEASE_ACTIVE);
	l->granted = r >= 0;
	return r;
}

static void on_granted(void *userdata, int error)
{
	struct lease *l = userdata;
	struct bus_lease view;
	int r;

	quota_end(l->manager->quota, l->peer->uid);
	if (error < 0) {
		bus_reply_journal(TAKE_PTR(l->acquire_call), error);
		fail_grant(l, "journal");
		return;
	}
	r = save_grant(l);
	if (r < 0) {
		bus_reply_errno(TAKE_PTR(l->acquire_call), r, "%s: the lease could not be saved "
			"(%s); look at the space below /run/devlease", l->devices[0].address,
			errno_name(-r));
		fail_grant(l, "store");
		return;
	}
	lease_event(l, LEASE_EVENT_GRANT);
	lease_view(l, &view);
	bus_reply_acquired(TAKE_PTR(l->acquire_call), &view, l->hold_write);
	/* From here on the only write ends of the hold are the client's. */
	l->hold_write = close_fd(l->hold_write);
	if (lease_watch_hold(l) < 0)
		lease_end(l, "hold", NULL);
}

static void on_stored(struct lease *l)
{
	json_t *record;
	int r;

	ownership_settle(l);
	record = record_of_lease("lease.granted", l);
	json_object_set_new(record, "duration", json_integer(now_usec(CLOCK_MONOTONIC) - l->started));
	r = record_append(l->manager, record, on_granted, l);
	if (r < 0)
		on_granted(l, r);
}

/* VFIO knows better than sysfs what a bus or slot reset resets: all of it must be in the lease. */
static const char *unexpected_member(struct lease *l)
{
	struct assignment *a = l->assignment;

	for (size_t i = 0; i < l->n_devices; i++) {
		char **member = a->devices[i].confirmed;

		for (; l->devices[i].exclusive && member && *member; member++) {
			const struct device *d = topology_find(l->manager->topology, *member);

			if (!assignment_find(a, *member) && !(d && d->is_bridge))
				return *member;
		}
	}
	return NULL;
}

static int take_back(void *arg)
{
	struct lease *l = arg;

	assignment_cut(l->assignment);
	(void)assignment_prove(l->assignment);
	assignment_was_not_used(l->assignment);
	return assignment_return(l->assignment);
}

static void on_taken_back(void *arg, int result)
{
	struct lease *l = arg;

	l->busy = false;
	lease_refresh_facts(l);
	fail_kernel(l, l->error);
}

static void on_late(void *arg)
{
	struct lease *l = arg;

	l->stuck = true;
	(void)record_append(l->manager, record_stuck(l), NULL, NULL);
	sd_journal_print(LOG_WARNING, "%s: lease %s waits for the kernel", l->devices[0].address,
		l->id);
	lease_tell(l);
}

static int make_hold(struct lease *l)
{
	int r = hold_create(&l->manager->store, l->id, &l->hold_read, &l->hold_write);

	return r < 0 ? r : lease_store_fds(l);
}

static void take_back_now(struct lease *l, int error)
{
	l->error = error;
	lease_unstore_fds(l);
	if (lease_job(l, TAKE_LIMIT_USEC, take_back, on_late, on_taken_back) < 0)
		on_taken_back(l, take_back(l));
}

static void on_taken(void *arg, int result)
{
	struct lease *l = arg;
	const char *member;
	int r;

	l->busy = l->stuck = false;
	lease_refresh_facts(l);
	if (result < 0) {
		fail_kernel(l, result);
		return;
	}
	member = unexpected_member(l);
	if (member) {
		(void)assignment_note(l->assignment, "hot_reset_info", member, -EXDEV);
		take_back_now(l, -EXDEV);
		return;
	}
	r = make_hold(l);
	if (r >= 0)
		r = lease_when_stored(l, on_stored);
	if (r < 0) {
		(void)assignment_note(l->assignment, "store", "", r);
		take_back_now(l, r);
	}
}

static int take(void *arg)
{
	struct lease *l = arg;

	return assignment_take(l->assignment, l->plan);
}

static void on_intent(void *userdata, int error)
{
	struct lease *l = userdata;
	int r;

	if (error < 0) {
		fail_journal(l, error);
		return;
	}
	lease_event(l, LEASE_EVENT_PREPARE);
	r = lease_job(l, TAKE_LIMIT_USEC, take, on_late, on_taken);
	if (r < 0)
		fail_kernel(l, r);
}

/* --- before the first change --- */

static bool all_in_lease(struct assignment *a, const struct device **devices, int n)
{
	bool all = true;

	for (int i = 0; i < n; i++)
		all &= assignment_find(a, devices[i]->address) != NULL;
	if (n >= 0)
		free(devices);
	return all && n >= 0;
}

/* Nothing was plugged into the group or the reset set since the decision. */
static bool surroundings_hold(const struct lease *l, size_t i, const struct device *d)
{
	const struct topology *t = l->manager->topology;
	const struct device **around;
	bool possible;
	int n = topology_group_mates(t, d, &around);

	if (!all_in_lease(l->assignment, around, n))
		return false;
	if (!l->devices[i].exclusive || !l->devices[i].reset_set_owned)
		return true;
	n = topology_reset_set(t, d, &around, &possible);
	return all_in_lease(l->assignment, around, n);
}

static const struct device *find_fresh(const struct assignment *a, const char *address)
{
	for (size_t i = 0; i < a->n_fresh; i++)
		if (streq(a->fresh[i]->address, address))
			return a->fresh[i];
	return NULL;
}

/* All that the policy and the rest of the decision went by; the driver is compared apart. */
static bool same_device(const struct device *was, const struct device *is)
{
	return was->vendor == is->vendor && was->device == is->device &&
		was->subvendor == is->subvendor && was->subdevice == is->subdevice &&
		was->class_code == is->class_code && was->iommu_group == is->iommu_group &&
		was->numa_node == is->numa_node &&
		streq(was->physical_function, is->physical_function);
}

/* At each address is still what was decided on. One that could not be read now is known by its
 * driver alone; if it is gone, the step that takes it says so. */
static bool devices_hold(const struct lease *l)
{
	const struct assignment *a = l->assignment;

	for (size_t i = 0; i < a->n_devices; i++) {
		const char *address = a->devices[i].address;
		const struct device *was = topology_find(l->decided_on, address);
		const struct device *is = find_fresh(a, address);

		if (!was || (is && !same_device(was, is)) ||
			!streq(was->driver, a->devices[i].prior_driver))
			return false;
	}
	return true;
}

/* What was decided on is still so: the policy, the devices, and what is around each of them. */
static bool facts_hold(const struct lease *l)
{
	if (!streq(l->policy_sha256, l->manager->policy_sha256) || !devices_hold(l))
		return false;

	for (size_t i = 0; i < l->n_devices; i++) {
		const struct device *d = topology_find(l->manager->topology, l->devices[i].address);

		if (!d || !surroundings_hold(l, i, d))
			return false;
	}
	return true;
}

static void on_gathered(void *arg, int result)
{
	struct lease *l = arg;
	bool same;
	int r;

	l->busy = l->stuck = false;
	if (result < 0) {
		fail_kernel(l, result);
		return;
	}
	same = facts_hold(l);
	l->decided_on = topology_unref(l->decided_on);
	lease_refresh_facts(l);
	if (!same) {
		inquiry_again(l);
		return;
	}
	r = lease_save(l, LEASE_PREPARING);
	if (r >= 0)
		r = record_append(l->manager, record_of_lease("lease.requested", l), on_intent, l);
	if (r < 0)
		fail_journal(l, r);
}

static int gather_job(void *arg)
{
	struct lease *l = arg;

	return assignment_gather(l->assignment);
}

static void gather(struct lease *l)
{
	int r = lease_job(l, GATHER_LIMIT_USEC, gather_job, on_late, on_gathered);

	if (r < 0)
		fail_kernel(l, r);
}

int lease_begin(struct inquiry *i, const struct decision *d)
{
	struct lease *l;
	int r = lease_new(i->manager, d, &i->peer, &i->request, i->uid, &l);

	if (r < 0)
		return r;
	l->acquire_call = TAKE_PTR(i->call);
	l->rounds = i->rounds;
	l->consent = TAKE_PTR(i->consent);
	lease_tell(l);
	gather(l);
	return 0;
}
