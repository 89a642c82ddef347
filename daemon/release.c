/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The end of a lease, the same for every reason:
 *
 *   cut DMA off, drop our fds -> wait until nobody holds a bound device -> unbind, which proves
 *   that nobody holds one at all -> reset alone -> give back -> record on disk -> free
 *
 * A holder delays the end of its own lease and of nothing else. A device that cannot be reset or
 * given back is quarantined.
 */
#include <errno.h>
#include <string.h>
#include <systemd/sd-journal.h>
#include <time.h>

#include "base/io.h"
#include "base/text.h"
#include "manager.h"

#define JOB_LIMIT_USEC (5 * 1000000ULL)
#define RETRY_FIRST_USEC 20000ULL
#define RETRY_MAX_USEC 1000000ULL
/* How long Release waits for holders before it says Busy, and until the devices count as stuck. */
#define BUSY_AFTER_USEC (2 * 1000000ULL)
#define STUCK_AFTER_USEC (30 * 1000000ULL)

/* How often the record of an end is tried while the journal cannot be written. */
#define RECORD_RETRY_USEC (1000000ULL)
/* Callers of Release who may wait at once for one lease. */
#define WAITING_MAX 16

static void check_holders(struct lease *l);
static int on_record_retry(sd_event_source *s, uint64_t usec, void *userdata);

static void answer_busy(struct lease *l)
{
	for (size_t i = 0; i < l->n_release_calls; i++)
		bus_reply_errno(l->release_calls[i], -EBUSY,
			"%s: a process still holds an fd of a device of lease %s; the lease ends "
			"when it closes that or exits",
			l->devices[0].address, l->id);
	l->n_release_calls = 0;
}

static void answer_done(struct lease *l)
{
	for (size_t i = 0; i < l->n_release_calls; i++)
		bus_reply_empty(l->release_calls[i]);
	l->n_release_calls = 0;
}

static void on_late(void *arg)
{
	struct lease *l = arg;

	l->stuck = true;
	(void)record_append(l->manager, record_stuck(l), NULL, NULL);
	sd_journal_print(LOG_WARNING, "%s: lease %s waits for the kernel; a process may still hold "
		"a device", l->devices[0].address, l->id);
	answer_busy(l);
	lease_tell(l);
}

/* --- the last step --- */

static bool was_aborted(const struct lease *l)
{
	return !l->granted;
}

static void mark_device(struct lease *l, const struct assigned_device *d)
{
	struct manager *m = l->manager;
	const struct mark *mark = marks_find(m, d->address);
	const char *why = NULL;

	/* An administrator's quarantine of a leased device outlasts the lease. */
	if (mark && mark->quarantined)
		return;

	if (d->broken)
		why = "could not be given back";
	else if (d->requested && d->reset_result < 0 && topology_find(m->topology, d->address))
		why = "its reset failed";
	if (why) {
		lease_quarantine(l, d->address, why);
	} else if (d->requested && d->reset_result == 1) {
		/* An aborted request gave it to nobody: an earlier mark stays, none is made. */
		if (!was_aborted(l))
			marks_set(m, d->address, false, l->uid, "it cannot be reset");
	} else if (d->requested && d->reset_result == 0) {
		marks_clear(m, d->address);
	}
}

/* The devices are back, but they are nobody else's before that is on disk. */
static void record_later(struct lease *l, int error)
{
	if (!l->retries++)
		sd_journal_print(LOG_ERR, "Lease %s: its end cannot be journaled yet: %s", l->id,
			errno_name(-error));
	for (size_t i = 0; i < l->n_release_calls; i++)
		bus_reply_journal(l->release_calls[i], error);
	l->n_release_calls = 0;
	if (sd_event_add_time_relative(l->manager->event, &l->retry_source, CLOCK_MONOTONIC,
		    RECORD_RETRY_USEC, 0, on_record_retry, l) < 0)
		sd_journal_print(LOG_CRIT, "Lease %s: no timer for its end", l->id);
}

static void on_recorded(void *userdata, int error)
{
	struct lease *l = userdata;
	struct manager *m = l->manager;
	char id[LEASE_ID_SIZE];

	if (error < 0) {
		record_later(l, error);
		return;
	}
	for (size_t i = 0; i < l->assignment->n_devices; i++)
		mark_device(l, &l->assignment->devices[i]);
	strcpy(id, l->id);
	/* The file last: there is no hold without one. */
	(void)hold_remove(&m->store, id);
	(void)store_remove_lease(&m->store, id);
	lease_event(l, LEASE_EVENT_REBOUND);
	answer_done(l);
	lease_drop(l);
}

static json_t *reset_result(const struct assigned_device *d)
{
	return json_string(d->reset_result == 1 ? "none" :
			d->reset_result < 0     ? errno_name(-d->reset_result) :
						  "ok");
}

static const char *end_event(const struct lease *l)
{
	return was_aborted(l) ? "lease.aborted" : "lease.released";
}

static void record_end(struct lease *l)
{
	json_t *record;
	int r;

	if (l->told) {
		on_recorded(l, 0);
		return;
	}
	record = record_of_lease(end_event(l), l);
	json_object_set_new(record, "reason", json_string(l->end_reason));
	json_object_set_new(record, "duration",
		json_integer(now_usec(CLOCK_MONOTONIC) - l->started));
	r = record_append(l->manager, record, on_recorded, l);
	if (r < 0)
		on_recorded(l, r);
}

static int on_record_retry(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct lease *l = userdata;

	l->retry_source = sd_event_source_disable_unref(l->retry_source);
	record_end(l);
	return 0;
}

static void on_returned(void *arg, int result)
{
	struct lease *l = arg;

	l->busy = l->stuck = false;
	l->retries = 0;
	lease_refresh_facts(l);
	record_end(l);
}

static int give_back(void *arg)
{
	struct lease *l = arg;

	/* What is back already may be in use by the host: only the rest is given back. */
	assignment_look(l->assignment);
	if (was_aborted(l))
		assignment_was_not_used(l->assignment);
	return assignment_return(l->assignment);
}

void lease_give_back(struct lease *l)
{
	if (lease_job(l, JOB_LIMIT_USEC, give_back, on_late, on_returned) < 0)
		on_returned(l, give_back(l));
}

static void record_resets(struct lease *l)
{
	struct assignment *a = l->assignment;

	for (size_t i = 0; i < a->n_requested; i++) {
		json_t *r = record_event("device.reset");

		json_object_set_new(r, "lease", json_string(l->id));
		json_object_set_new(r, "devices",
			json_pack("[{s:s}]", "address", a->devices[i].address));
		json_object_set_new(r, "kind",
			json_string(a->devices[i].resettable ? "function" : "hot"));
		json_object_set_new(r, "result", reset_result(&a->devices[i]));
		(void)record_append(l->manager, r, NULL, NULL);
	}
}

static void on_proved(void *arg, int result)
{
	struct lease *l = arg;

	l->busy = l->stuck = false;
	if (!was_aborted(l))
		record_resets(l);
	lease_event(l, LEASE_EVENT_UNBOUND);
	lease_event(l, LEASE_EVENT_RESET);
	/* From here on a device may be the host's again: a later daemon must not start over. */
	if (lease_save(l, l->state) < 0)
		sd_journal_print(LOG_ERR, "Lease %s: its state file could not be written", l->id);
	lease_give_back(l);
}

static int prove_and_reset(void *arg)
{
	struct lease *l = arg;
	int r = assignment_prove(l->assignment);

	/* Of an aborted request nothing was handed out, as in an unwind. */
	if (!was_aborted(l))
		assignment_reset(l->assignment);
	return r;
}

/* --- waiting for holders --- */

static int on_retry(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct lease *l = userdata;

	l->retry_source = sd_event_source_disable_unref(l->retry_source);
	check_holders(l);
	return 0;
}

static void retry(struct lease *l)
{
	uint64_t waited = now_usec(CLOCK_MONOTONIC) - l->started;
	uint64_t pause = RETRY_FIRST_USEC << (l->retries < 6 ? l->retries : 6);

	l->retries++;
	if (pause > RETRY_MAX_USEC)
		pause = RETRY_MAX_USEC;
	if (waited > BUSY_AFTER_USEC)
		answer_busy(l);
	if (waited > STUCK_AFTER_USEC && !l->stuck)
		on_late(l);
	if (sd_event_add_time_relative(l->manager->event, &l->retry_source, CLOCK_MONOTONIC, pause,
		    0, on_retry, l) < 0)
		sd_journal_print(LOG_CRIT, "Lease %s: no timer for its end", l->id);
}

static void on_checked(void *arg, int result)
{
	struct lease *l = arg;

	l->busy = false;
	if (l->state == LEASE_CUTTING)
		lease_event(l, LEASE_EVENT_CUT);
	if (result == -EBUSY) {
		retry(l);
		return;
	}
	l->stuck = false;
	lease_event(l, LEASE_EVENT_UNBIND);
	if (lease_job(l, JOB_LIMIT_USEC, prove_and_reset, on_late, on_proved) < 0)
		on_proved(l, prove_and_reset(l));
}

static int check_job(void *arg)
{
	struct lease *l = arg;

	return assignment_check_holders(l->assignment);
}

static void check_holders(struct lease *l)
{
	if (lease_job(l, JOB_LIMIT_USEC, check_job, NULL, on_checked) < 0)
		on_checked(l, -EBUSY);
}

/* --- the first step --- */

static int cut_job(void *arg)
{
	struct lease *l = arg;

	/* Of an aborted request some devices may never have left the host. */
	if (was_aborted(l))
		assignment_look(l->assignment);
	assignment_cut(l->assignment);
	return assignment_check_holders(l->assignment);
}

static void begin_end(struct lease *l)
{
	l->started = now_usec(CLOCK_MONOTONIC);
	l->retries = 0;
	lease_event(l, LEASE_EVENT_RELEASE);
	if (lease_save(l, l->state) < 0)
		sd_journal_print(LOG_ERR, "Lease %s: its state file could not be written", l->id);
	lease_unstore_fds(l);
	if (lease_job(l, JOB_LIMIT_USEC, cut_job, on_late, on_checked) < 0)
		on_checked(l, cut_job(l));
}

static int remember_call(struct lease *l, struct bus_call *call)
{
	if (!l->release_calls)
		l->release_calls = calloc(WAITING_MAX, sizeof(*l->release_calls));
	if (!l->release_calls)
		return -ENOMEM;
	/* Each call keeps its message, and fds that a client put into it. */
	if (l->n_release_calls == WAITING_MAX)
		return -EBUSY;
	l->release_calls[l->n_release_calls++] = call;
	return 0;
}

void lease_end(struct lease *l, const char *reason, struct bus_call *call)
{
	int r = call ? remember_call(l, call) : 0;

	l->hold_source = sd_event_source_disable_unref(l->hold_source);
	if (r < 0)
		bus_reply_errno(call, r, "%s: the lease ends, but too many wait for that already",
			l->devices[0].address);
	if (l->end_reason) {
		/* Who comes while holders are waited for may just have let go: look first. */
		if (l->state == LEASE_WAITING && !l->busy) {
			l->retry_source = sd_event_source_disable_unref(l->retry_source);
			check_holders(l);
		} else if (l->stuck) {
			answer_busy(l);
		}
		return;
	}
	l->end_reason = reason;
	if (l->busy)
		l->ending = true;
	else
		begin_end(l);
}

static int on_hold(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct lease *l = userdata;

	if (hold_is_held(fd) != 1)
		lease_end(l, "hold", NULL);
	return 0;
}

int lease_watch_hold(struct lease *l)
{
	/* Only the hang-up, which needs no asking for: what a client writes there wakes nobody. */
	return sd_event_add_io(l->manager->event, &l->hold_source, l->hold_read, 0, on_hold, l);
}

/* --- a reset while the lease lives --- */

static void on_reset(void *arg, int result)
{
	struct lease *l = arg;
	struct bus_call *call = TAKE_PTR(l->reset_call);
	json_t *record = record_of_lease("device.reset", l);

	l->busy = l->stuck = false;
	json_object_set_new(record, "live", json_true());
	json_object_set_new(record, "kind", json_string(l->reset_hot ? "hot" : "function"));
	json_object_set_new(record, "result",
		json_string(result < 0 ? errno_name(-result) : "ok"));
	(void)record_append(l->manager, record, NULL, NULL);
	if (result < 0)
		bus_reply_kernel(call,
			"%s: the reset failed with %s; a hot reset needs the whole reset set in "
			"the lease, and a device that its client has not bound cannot be reset",
			l->assignment->failed_device, errno_name(-result));
	else
		bus_reply_empty(call);
	if (l->ending)
		begin_end(l);
}

static int reset_job(void *arg)
{
	struct lease *l = arg;

	return assignment_live_reset(l->assignment, l->reset_hot);
}

void lease_reset(struct lease *l, bool hot, struct bus_call *call)
{
	int r;

	if (l->state != LEASE_ACTIVE || l->busy) {
		bus_reply_errno(call, -EBUSY, "%s: lease %s is being reset or released",
			l->devices[0].address, l->id);
		return;
	}
	l->reset_hot = hot;
	l->reset_call = call;
	r = lease_job(l, JOB_LIMIT_USEC, reset_job, on_late, on_reset);
	if (r < 0)
		on_reset(l, r);
}
