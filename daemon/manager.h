/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The manager: the only part that knows all the others. It runs on one event loop and owns the
 * snapshot, the policy, the leases and the marks on devices.
 *
 * Invariant: a device is in at most one lease; from lease_new() until lease_drop() its lease claims
 * it, and nothing but the lease's own jobs changes it.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "assignment.h"
#include "bus/bus.h"
#include "core/consent.h"
#include "core/decide.h"
#include "core/lease.h"
#include "core/plan.h"
#include "core/quota.h"
#include "host/host.h"
#include "host/job.h"
#include "policy/policy.h"
#include "state/journal.h"
#include "state/store.h"
#include "survey.h"

#define LEASE_ID_SIZE 13 /* "l" and 44 random bits in hex */

/* What a mark on a device without lease means; it lasts over restarts and reboots. */
struct mark {
	char address[ADDRESS_MAX];
	bool quarantined; /* else: never reset since `uid` had it */
	uid_t uid;
	char *reason;
};

/* What a lease remembers of the decision about one device, for the bus and the journal. */
struct lease_device {
	char address[ADDRESS_MAX];
	uint16_t vendor, device;
	char *rule, *rule_file;
	unsigned rule_line;
	char **reset_set;
	bool reset_set_owned, exclusive;
};

struct lease {
	struct lease *next;
	struct manager *manager;
	char id[LEASE_ID_SIZE];
	enum lease_state state;
	struct assignment *assignment; /* the job's while `busy` */
	struct lease_device *devices;  /* the requested ones, as in the assignment */
	size_t n_devices;

	struct peer *peer;         /* who asked */
	char bus_id[BUS_ID_SIZE];  /* of the bus that the peer's name is a name on */
	struct bus_request request;
	uid_t uid;                 /* whose lease it is: the peer's, or for-uid */
	char *policy_sha256;       /* the policy it was granted under */
	uint64_t since;            /* CLOCK_REALTIME, microseconds */
	uint64_t started;          /* CLOCK_MONOTONIC, microseconds: begin of the request or release */
	unsigned rounds;           /* of the inquiry that it came from */
	struct consent *consent;   /* likewise; NULL: polkit was not asked */
	struct topology *decided_on; /* until its facts were gathered, else NULL */
	struct plan *plan;

	int hold_read, hold_write;
	sd_event_source *hold_source, *barrier_source, *retry_source;
	int barrier_fd;
	void (*when_stored)(struct lease *l);
	unsigned retries;
	bool busy;         /* a job has the assignment */
	bool ending;       /* end it as soon as it is not busy */
	bool stuck;        /* a job is over its time */
	bool granted;      /* its client may have got it */
	bool told;         /* an earlier daemon journaled its end */
	int error;         /* why a request is taken back */
	const char *end_reason; /* static: "hold", "release", ... */

	struct bus_call *acquire_call;
	struct bus_call **release_calls; /* all who wait for the end */
	size_t n_release_calls;
	struct bus_call *reset_call;
	struct bus_lease_device *view; /* what the bus was shown last */
	bool reset_hot;
};

/*
 * An Acquire or Explain that has no lease yet. It owns the peer, the request, the call and the
 * charge for one outstanding request; all but the inquiry itself pass on to the lease.
 */
struct inquiry {
	struct manager *manager;
	struct peer *peer;
	struct bus_request request;
	struct bus_call *call;
	uid_t uid;       /* whom the policy is asked about: the peer's, or for-uid */
	bool explain;    /* the decision is the answer */
	unsigned rounds; /* how often it was taken back from a lease */
	/* inquiry-ask.c */
	struct consent *consent; /* what polkit is or was asked about; NULL: nothing */
	size_t authorised;       /* how many of its devices it said yes to */
	enum bus_answer answer;  /* its last */
	uint64_t deadline;       /* CLOCK_MONOTONIC, microseconds */
	struct survey_result facts; /* what the host does with its devices */
};

struct manager {
	sd_event *event;
	struct host *host;
	struct jobs *jobs;
	struct bus *bus;
	struct journal *journal;
	struct store store;
	struct quota *quota;
	struct refusals *refusals;
	int root_fd; /* where the policy's hierarchies are */
	int log_fd;  /* where the assignment journal is */

	struct topology *topology;
	struct policy *policy;
	char policy_sha256[65];
	struct lease *leases;
	struct mark *marks;
	size_t n_marks;

	struct inventory *inventory;
	struct survey_job *surveys; /* survey.c: waiting and under way, oldest first */
	bool looking, look_again; /* at bridges */
};

/* --- manager.c --- */
struct manager_paths {
	const char *root, *run, *lib, *log; /* "/", "/run/devlease", ... */
	uint64_t journal_size;              /* bytes of a file of the journal; 0: the default */
};
/* Consumes host, on failure too. */
int manager_new(sd_event *event, struct host *host, const struct manager_paths *paths,
	struct manager **ret);
/* Takes up what an earlier daemon left, then shows itself on the bus. */
int manager_start(struct manager *m);
struct manager *manager_free(struct manager *m);
DEFINE_CLEANUP(struct manager *, manager_free);
/* Reads the policy; on any error the one in force stays. peer NULL: the daemon itself, or SIGHUP. */
int manager_reload(struct manager *m, const struct peer *peer, char **ret_message);

/* --- inventory.c: the snapshot and what keeps it current --- */
int inventory_start(struct manager *m);
void inventory_free(struct inventory *i);
/* Replaces these devices in the snapshot; consumes the references, not the array. */
void inventory_update(struct manager *m, struct device **fresh, size_t n);
/* Reads the device's facts anew, later. */
void inventory_look_again(struct manager *m, const char *address);
/* Tells the bus that the device's state changed. */
void inventory_device_changed(struct manager *m, const char *address);
/* From the PCI ID database; "" for what it does not have. */
void inventory_names(struct manager *m, const struct device *d, const char **ret_vendor,
	const char **ret_model);
int inventory_bus_device(struct manager *m, const char *address, struct bus_device *ret);

/* --- bridges.c --- */
/* Reads the facts of bridges that are not known, later. */
void bridges_look(struct manager *m);

/* --- marks.c --- */
int marks_load(struct manager *m);
/* Replaces a mark of the same device; saved on disk before it returns. */
void marks_set(struct manager *m, const char *address, bool quarantined, uid_t uid,
	const char *reason);
bool marks_clear(struct manager *m, const char *address);
const struct mark *marks_find(const struct manager *m, const char *address);

/* --- lease.c --- */
/* An empty lease, not yet linked; and linking it, which makes its claims count. */
struct lease *lease_alloc(struct manager *m);
struct lease *lease_free(struct lease *l);
DEFINE_CLEANUP(struct lease *, lease_free);
void lease_link(struct lease *l);
/* Copies what it needs of the decision, takes peer and request over, claims the devices. */
int lease_new(struct manager *m, const struct decision *d, struct peer **peer,
	struct bus_request *request, uid_t uid, struct lease **ret);
/* After a restart: a unique name that was one on another bus is nobody's now, or somebody else's. */
void lease_check_names(struct manager *m);
/* Frees, and with it gives up the claims. */
void lease_drop(struct lease *l);
struct lease *lease_find(struct manager *m, const char *id);
/* The lease that claims the device, requested or peer. */
struct lease *lease_of_device(struct manager *m, const char *address);
/* Allocated array of what is claimed now, sorted; strings are borrowed. */
int lease_claims(struct manager *m, struct claims *ret, struct claim **ret_items);
void lease_event(struct lease *l, enum lease_event event);
/* Marks a device of the lease as quarantined, with a record. */
void lease_quarantine(struct lease *l, const char *address, const char *why);
/* Tells the bus that the state of the lease's devices changed. */
void lease_tell(struct lease *l);
const char *lease_device_state(struct manager *m, const char *address);
/* Runs a job on the lease's assignment. */
int lease_job(struct lease *l, uint64_t limit_usec, job_run_fn run, job_late_fn late,
	job_done_fn done);
void lease_refresh_facts(struct lease *l);
/* --- lease-view.c --- */
void lease_view(struct lease *l, struct bus_lease *ret);
/* Its client may know of it. */
bool lease_is_known(const struct lease *l);
int lease_bus_view(struct manager *m, const struct peer *peer, const char *id,
	struct bus_lease *ret);
int lease_bus_ids(struct manager *m, const struct peer *peer, char ***ret);

/* --- ownership.c: whether a reset of a lease's devices would hit somebody else --- */
/* Before the grant; and for every lease, when what is around their devices changed. */
void ownership_settle(struct lease *l);
void ownership_review(struct manager *m);

/* --- lease-file.c: the lease in /run --- */
/* as: the state that a daemon which finds the file is to start from. */
int lease_save(struct lease *l, enum lease_state as);
/* A lease from its file, without fds; -EBADMSG when the file is not ours. */
int lease_load(struct manager *m, const char *id, json_t *state, struct lease **ret);

/* --- fds.c: the fd store --- */
int lease_store_fds(struct lease *l);
void lease_unstore_fds(struct lease *l);
/* Calls then(l) when the service manager has taken the fds in; at once without one. */
int lease_when_stored(struct lease *l, void (*then)(struct lease *l));

/* --- inquiry.c: from a request to the decision --- */
/* Handlers of the bus: userdata is the manager. */
void inquiry_acquire(void *userdata, struct peer **peer, struct bus_request *request,
	struct bus_call *call);
void inquiry_explain(void *userdata, struct peer **peer, struct bus_request *request,
	struct bus_call *call);
/* Decides anew after a wait, and goes on from there; may free i. */
void inquiry_proceed(struct inquiry *i);
/* Answers the call and frees. */
void inquiry_fail(struct inquiry *i, int error, const char *what);
void inquiry_free(struct inquiry *i);
/* Drops a lease whose devices were not touched yet, and decides its request anew. */
void inquiry_again(struct lease *l);

/* --- inquiry-ask.c: Access=ask --- */
bool inquiry_must_ask(const struct inquiry *i, const struct decision *d);
/* Proceeds when polkit has answered; on failure it does not. */
int inquiry_ask(struct inquiry *i, const struct decision *d);
/* Makes d a refusal unless polkit, if it was asked, said yes to the very same. 0 or -ENOMEM. */
int inquiry_judge(struct inquiry *i, struct decision *d);

/* --- inquiry-survey.c --- */
bool inquiry_must_survey(const struct inquiry *i, const struct decision *d);
/* Owns i until it calls inquiry_proceed(), if 0 is returned. */
int inquiry_survey(struct inquiry *i, const struct decision *d);

/* --- acquire.c, release.c, restore.c --- */
/* Makes the lease that was decided on, which takes over what the inquiry owns. On failure the
 * inquiry keeps it, and the call is not answered. */
int lease_begin(struct inquiry *i, const struct decision *d);
/* Watches the hold: the lease ends when it hangs up. */
int lease_watch_hold(struct lease *l);
/* Begins the end, or notes that it has to begin; call, if any, is answered at the end. */
void lease_end(struct lease *l, const char *reason, struct bus_call *call);
void lease_reset(struct lease *l, bool hot, struct bus_call *call);
/* The last part of the end alone, for a lease whose devices were proved free and reset. */
void lease_give_back(struct lease *l);
int lease_restore_all(struct manager *m);

/* --- refusals.c: refusals and dropped calls, folded for the journal --- */
int refusals_new(struct manager *m, struct refusals **ret);
/* Records what was counted and not told yet. NULL is permitted. */
void refusals_free(struct refusals *r);
/* Consumes the lease.refused record, which is written at once or counted. */
void refusals_add(struct manager *m, uid_t peer_uid, json_t *record);
/* A call of this uid was over its quota. */
void refusals_dropped(struct manager *m, uid_t uid);

/* --- record.c: what goes into the journal --- */
json_t *record_event(const char *event);
json_t *record_of_lease(const char *event, const struct lease *l);
/* The same for a lease whose assignment a job has, which does not come back. */
json_t *record_stuck(const struct lease *l);
/* An array of the strings; empty for NULL. */
json_t *record_strings(char *const *v);
json_t *record_caller(const struct peer *peer, uid_t for_uid, const char *label);
/* Appends and, without done, forgets; a failure is logged. record NULL is a failure, too. */
int record_append(struct manager *m, json_t *record, journal_done_fn done, void *userdata);
uint64_t now_usec(int clock);
