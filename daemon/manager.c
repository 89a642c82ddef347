/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Wiring: opens what the daemon needs, takes up what an earlier one left, then shows itself on the
 * bus. Nothing is on the bus before the leases of an earlier daemon are known again.
 */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-journal.h>
#include <time.h>

#include "base/io.h"
#include "base/text.h"
#include "manager.h"

static const struct quota_limits limits = {
	.per_second = 200,
	.burst = 1000,
	.outstanding = 32,
	.uids = 1024,
};

/* --- handlers of the bus --- */

static int handle_device(void *userdata, const char *address, struct bus_device *ret)
{
	return inventory_bus_device(userdata, address, ret);
}

static const struct topology *handle_topology(void *userdata)
{
	return ((struct manager *)userdata)->topology;
}

static int handle_lease(void *userdata, const struct peer *peer, const char *id,
	struct bus_lease *ret)
{
	return lease_bus_view(userdata, peer, id, ret);
}

static int handle_leases(void *userdata, const struct peer *peer, char ***ret)
{
	return lease_bus_ids(userdata, peer, ret);
}

static int handle_charge(void *userdata, const struct peer *peer, unsigned cost)
{
	struct manager *m = userdata;
	int r;

	/* Root is who repairs things when somebody floods: never refused. */
	if (peer->uid == 0)
		return 0;
	r = quota_charge(m->quota, peer->uid, cost, now_usec(CLOCK_MONOTONIC));
	if (r < 0)
		refusals_dropped(m, peer->uid);
	return r;
}

static int handle_wait_begin(void *userdata, uid_t uid)
{
	struct manager *m = userdata;

	return quota_begin(m->quota, uid, now_usec(CLOCK_MONOTONIC));
}

static void handle_wait_end(void *userdata, uid_t uid)
{
	struct manager *m = userdata;

	quota_end(m->quota, uid);
}

static bool handle_lease_exists(void *userdata, const char *id)
{
	struct lease *l = lease_find(userdata, id);

	return l && lease_is_known(l);
}

static void handle_reload(void *userdata, struct peer *peer, struct bus_call *call)
{
	_cleanup_free_ char *message = NULL;
	int r = manager_reload(userdata, peer, &message);

	if (r < 0)
		bus_reply_errno(call, r, "The policy in force stays: %s",
			message ? message : errno_name(-r));
	else
		bus_reply_empty(call);
}

/* What an administrator does to another's lease is journaled with who did it. */
static void record_managed(struct lease *l, struct peer *peer, const char *event)
{
	json_t *r;

	if (peer->uid == l->uid)
		return;
	peer_describe(peer);
	r = record_event(event);
	json_object_set_new(r, "lease", json_string(l->id));
	json_object_set_new(r, "devices", json_array());
	for (size_t i = 0; i < l->n_devices; i++)
		json_array_append_new(json_object_get(r, "devices"),
			json_pack("{s:s}", "address", l->devices[i].address));
	json_object_set_new(r, "uid", json_integer(l->uid));
	json_object_set_new(r, "caller", record_caller(peer, peer->uid, NULL));
	(void)record_append(l->manager, r, NULL, NULL);
}

static void handle_reset(void *userdata, struct peer *peer, const char *lease, bool hot,
	struct bus_call *call)
{
	struct lease *l = lease_find(userdata, lease);

	if (!l) {
		bus_reply_errno(call, -ENODEV, "The lease has ended");
		return;
	}
	record_managed(l, peer, "lease.reset-ordered");
	lease_reset(l, hot, call);
}

static void handle_release(void *userdata, struct peer *peer, const char *lease,
	struct bus_call *call)
{
	struct lease *l = lease_find(userdata, lease);

	if (!l) {
		bus_reply_empty(call);
		return;
	}
	record_managed(l, peer, "lease.release-ordered");
	lease_end(l, "release", call);
}

static json_t *quarantine_record(const struct peer *peer, const char *address, const char *reason)
{
	json_t *r = record_event(reason ? "device.quarantined" : "device.cleared");

	json_object_set_new(r, "devices", json_pack("[{s:s}]", "address", address));
	if (reason) {
		_cleanup_free_ char *safe = escape_text(reason, BUS_REASON_MAX);

		json_object_set_new(r, "reason", json_string(safe ? safe : ""));
	}
	json_object_set_new(r, "caller", record_caller(peer, peer->uid, NULL));
	return r;
}

static void handle_quarantine(void *userdata, const struct peer *peer, const char *address,
	const char *reason, struct bus_call *call)
{
	struct manager *m = userdata;

	(void)record_append(m, quarantine_record(peer, address, reason), NULL, NULL);
	if (reason)
		marks_set(m, address, true, peer->uid, reason);
	else
		(void)marks_clear(m, address);
	bus_reply_empty(call);
}

/* --- Device.HostUse --- */

struct host_use_call {
	struct manager *manager;
	struct bus_call *call; /* NULL once answered */
	uid_t uid;
};

static void on_host_use_late(void *userdata)
{
	struct host_use_call *c = userdata;

	bus_reply_kernel(TAKE_PTR(c->call), "The kernel does not answer what the host does with it");
}

static void on_host_use(void *userdata, struct survey_result *result)
{
	struct host_use_call *c = userdata;

	quota_end(c->manager->quota, c->uid);
	if (c->call && result->n > 0)
		bus_reply_host_use(c->call, result->items[0]);
	else if (c->call)
		bus_reply_errno(c->call, -ENOMEM, "Out of memory");
	free(c);
}

static void handle_host_use(void *userdata, struct peer *peer, const char *address,
	struct bus_call *call)
{
	struct manager *m = userdata;
	const struct device *d = topology_find(m->topology, address);
	struct host_use_call *c;
	int r;

	if (!d || !host_use_concerns(d)) {
		bus_reply_host_use(call, NULL);
		return;
	}
	r = quota_begin(m->quota, peer->uid, now_usec(CLOCK_MONOTONIC));
	if (r < 0) {
		bus_reply_errno(call, r,
			"Too many requests of this user wait already; let them end first");
		return;
	}
	c = malloc(sizeof(*c));
	if (c)
		*c = (struct host_use_call){m, call, peer->uid};
	r = c ? survey_start(m, peer->uid, &address, 1, on_host_use_late, on_host_use, c) : -ENOMEM;
	if (r >= 0)
		return;
	free(c);
	quota_end(m->quota, peer->uid);
	bus_reply_errno(call, r, "%s: what the host does with it cannot be found out: %s", address,
		errno_name(-r));
}

static const struct bus_handlers handlers = {
	.device = handle_device,
	.topology = handle_topology,
	.lease = handle_lease,
	.leases = handle_leases,
	.charge = handle_charge,
	.wait_begin = handle_wait_begin,
	.wait_end = handle_wait_end,
	.lease_exists = handle_lease_exists,
	.acquire = inquiry_acquire,
	.explain = inquiry_explain,
	.host_use = handle_host_use,
	.reload = handle_reload,
	.reset = handle_reset,
	.release = handle_release,
	.quarantine = handle_quarantine,
};

/* --- policy --- */

static void hash_policy(const struct policy *p, char ret[65])
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	const char *text = policy_text(p);

	crypto_hash_sha256(hash, (const unsigned char *)text, strlen(text));
	sodium_bin2hex(ret, 65, hash, sizeof(hash));
}

static int record_policy(struct manager *m, const struct peer *peer, bool with_text)
{
	json_t *r = record_event("policy.loaded");
	_cleanup_free_ char *effective = with_text ? policy_to_text(m->policy) : NULL;

	json_object_set_new(r, "policy-sha256", json_string(m->policy_sha256));
	if (effective)
		json_object_set_new(r, "text", json_string(effective));
	if (peer)
		json_object_set_new(r, "caller", record_caller(peer, peer->uid, NULL));
	return record_append(m, r, NULL, NULL);
}

static void log_policy_errors(const struct policy_errors *e)
{
	for (size_t i = 0; i < e->n; i++) {
		const struct policy_error *p = &e->items[i];
		_cleanup_free_ char *safe = escape_text(p->text, 1024);

		sd_journal_print(p->warning ? LOG_WARNING : LOG_ERR, "%s:%u:%u: %s",
			p->file ? p->file : "policy", p->line, p->column, safe ? safe : "");
	}
}

static void put_in_force(struct manager *m, struct policy *p, const struct peer *peer)
{
	policy_free(m->policy);
	m->policy = p;
	hash_policy(p, m->policy_sha256);
	/* A text that is too long for a record is known by its hash alone. */
	if (record_policy(m, peer, true) == -E2BIG)
		(void)record_policy(m, peer, false);
}

/* Who tried it, and what was wrong: the policy of before goes on deciding. */
static void record_rejected(struct manager *m, const struct peer *peer, const char *why)
{
	_cleanup_free_ char *safe = escape_text(why, 4096);
	json_t *r = record_event("policy.rejected");

	json_object_set_new(r, "errors", json_string(safe ? safe : ""));
	json_object_set_new(r, "policy-sha256", json_string(m->policy_sha256));
	if (peer)
		json_object_set_new(r, "caller", record_caller(peer, peer->uid, NULL));
	(void)record_append(m, r, NULL, NULL);
}

int manager_reload(struct manager *m, const struct peer *peer, char **ret_message)
{
	_cleanup_free_ char *message = NULL;
	struct policy_errors errors = {0};
	struct policy *p;
	int r = policy_load(m->root_fd, &p, &errors);

	log_policy_errors(&errors);
	if (r < 0 && errors.n > 0)
		message = policy_errors_to_text(&errors);
	policy_errors_done(&errors);
	if (r >= 0) {
		put_in_force(m, p, peer);
		return 0;
	}
	record_rejected(m, peer, message ? message : errno_name(-r));
	if (m->policy)
		sd_journal_print(LOG_ERR, "The policy files cannot be put in force (%s); the "
			"policy of before stays", errno_name(-r));
	if (ret_message)
		*ret_message = TAKE_PTR(message);
	return r;
}

/* A policy with an error at start denies all; the leases that exist stay. */
static int first_policy(struct manager *m)
{
	_cleanup_free_ char *message = NULL;
	struct policy *p;
	int r = manager_reload(m, NULL, &message);

	if (r >= 0)
		return 0;
	sd_journal_print(LOG_ERR, "The policy could not be read, so nobody is given a device: %s",
		message ? message : errno_name(-r));
	r = policy_new_deny_all(&p);
	if (r >= 0)
		put_in_force(m, p, NULL);
	return r;
}

/* --- start and end --- */

static int open_journal(struct manager *m, const char *path, uint64_t size)
{
	int r;

	if (mkdir(path, 0750) < 0 && errno != EEXIST)
		return -errno;
	m->log_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (m->log_fd < 0)
		return -errno;
	r = journal_open(m->event, m->log_fd, &m->journal);
	if (r >= 0 && size > 0)
		journal_set_rotation(m->journal, size);
	return r;
}

static int complain(const char *what, int error)
{
	sd_journal_print(LOG_ERR, "%s: %s", what, errno_name(-error));
	return error;
}

int manager_new(sd_event *event, struct host *host, const struct manager_paths *paths,
	struct manager **ret)
{
	_cleanup_(manager_free_cleanup) struct manager *m = calloc(1, sizeof(*m));
	int r;

	if (!m) {
		host_free(host);
		return -ENOMEM;
	}
	m->event = sd_event_ref(event);
	m->host = host;
	m->store = (struct store){-1, -1, -1};
	m->log_fd = -1;
	m->root_fd = open(paths->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (m->root_fd < 0)
		return complain(paths->root, -errno);
	if (sodium_init() < 0)
		return complain("libsodium", -EIO);
	r = store_open(paths->run, paths->lib, &m->store);
	if (r < 0)
		return complain(paths->run, r);
	r = open_journal(m, paths->log, paths->journal_size);
	if (r < 0)
		return complain(paths->log, r);
	r = refusals_new(m, &m->refusals);
	if (r >= 0)
		r = jobs_new(event, &m->jobs);
	if (r >= 0)
		r = quota_new(&limits, &m->quota);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(m);
	return 0;
}

int manager_start(struct manager *m)
{
	json_t *started = record_event("daemon.started");
	int r;

	json_object_set_new(started, "version", json_string(DEVLEASE_VERSION));
	(void)record_append(m, started, NULL, NULL);
	r = inventory_start(m);
	if (r < 0)
		return complain("The devices cannot be listed", r);
	r = first_policy(m);
	if (r >= 0)
		r = marks_load(m);
	if (r < 0)
		return complain("The marks on devices cannot be read", r);
	r = lease_restore_all(m);
	if (r < 0)
		return complain("The leases of an earlier daemon cannot be read", r);
	r = bus_new(m->event, &handlers, m, &m->bus);
	if (r < 0)
		return complain("The bus", r);
	lease_check_names(m);
	return 0;
}

struct manager *manager_free(struct manager *m)
{
	if (!m)
		return NULL;
	/* Leases and their jobs end with the process; what counts is in files and the fd store. */
	bus_free(m->bus);
	refusals_free(m->refusals);
	journal_free(m->journal);
	inventory_free(m->inventory);
	quota_free(m->quota);
	policy_free(m->policy);
	topology_unref(m->topology);
	for (size_t i = 0; i < m->n_marks; i++)
		free(m->marks[i].reason);
	free(m->marks);
	store_done(&m->store);
	close_fd(m->root_fd);
	close_fd(m->log_fd);
	/* A job that is still under way has the host to itself. */
	if (!m->jobs || jobs_running(m->jobs) == 0)
		host_free(m->host);
	jobs_free(m->jobs);
	sd_event_unref(m->event);
	free(m);
	return NULL;
}
