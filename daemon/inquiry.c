/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From a request to the decision, for Acquire and for Explain alike.
 *
 * An inquiry decides on what is known, does the first thing that is still missing, and decides
 * again: nothing that was decided before a wait counts after it. A refusal ends it at once, and
 * when nothing is missing the decision is carried out in the same turn of the loop, so that it is
 * true when its lease claims the devices.
 */
#include <errno.h>

#include "base/text.h"
#include "manager.h"

/* The machine may change between the snapshot and the facts, but not for ever. */
#define ROUNDS_MAX 2
/* Refusals told in one record. */
#define RECORDED_MAX 8

/* Its call is answered by now, or passed on together with the charge. */
void inquiry_free(struct inquiry *i)
{
	if (i->peer)
		quota_end(i->manager->quota, i->peer->uid);
	survey_result_done(&i->facts);
	peer_free(i->peer);
	bus_request_done(&i->request);
	consent_free(i->consent);
	free(i);
}

/* --- the ends --- */

void inquiry_fail(struct inquiry *i, int error, const char *what)
{
	bus_reply_errno(TAKE_PTR(i->call), error, "%s: %s", what, errno_name(-error));
	inquiry_free(i);
}

/* The first refusals, and how many were left out: the client chooses how many there are, and what
 * it asked for is in the record as well. */
static json_t *refusal_codes(const struct decision *d, size_t *ret_left_out)
{
	json_t *codes = json_array();

	*ret_left_out = 0;
	for (size_t k = 0; k < d->findings.n; k++) {
		const struct finding *f = &d->findings.items[k];

		if (f->severity != SEVERITY_REFUSE)
			continue;
		if (json_array_size(codes) < RECORDED_MAX)
			json_array_append_new(codes, json_pack("{s:s, s:s, s:s}", "device",
				f->device, "code", f->code, "text", f->text));
		else
			(*ret_left_out)++;
	}
	return codes;
}

/* A valid one in its one form, by which audit finds it and repeats are folded. */
static json_t *recorded_device(const char *given)
{
	char address[ADDRESS_MAX];
	_cleanup_free_ char *safe = NULL;

	if (address_parse(given, address, NULL) >= 0)
		return json_pack("{s:s}", "address", address);
	safe = escape_text(given, ADDRESS_MAX);
	return json_pack("{s:s}", "address", safe ? safe : "");
}

static json_t *refusal_record(const struct inquiry *i, const struct decision *d)
{
	json_t *r = record_event("lease.refused"), *devices = json_array();
	size_t left_out;

	for (char **s = i->request.request.devices; *s; s++)
		json_array_append_new(devices, recorded_device(*s));
	json_object_set_new(r, "devices", devices);
	json_object_set_new(r, "verdict", json_string(verdict_to_string(d->verdict)));
	json_object_set_new(r, "findings", refusal_codes(d, &left_out));
	if (left_out > 0)
		json_object_set_new(r, "findings-left-out", json_integer(left_out));
	json_object_set_new(r, "caller", record_caller(i->peer, i->uid, i->request.label));
	json_object_set_new(r, "uid", json_integer(i->uid));
	json_object_set_new(r, "policy-sha256", json_string(i->manager->policy_sha256));
	if (i->consent)
		json_object_set_new(r, "polkit", json_string(bus_answer_to_text(i->answer)));
	return r;
}

static void refuse(struct inquiry *i, const struct decision *d)
{
	refusals_add(i->manager, i->peer->uid, refusal_record(i, d));
	bus_reply_refused(TAKE_PTR(i->call), d);
	inquiry_free(i);
}

static void explain(struct inquiry *i, const struct decision *d)
{
	bus_reply_explained(TAKE_PTR(i->call), d);
	inquiry_free(i);
}

static void grant(struct inquiry *i, const struct decision *d)
{
	int r = lease_begin(i, d);

	if (r < 0)
		inquiry_fail(i, r, "The request could not be taken in");
	else
		inquiry_free(i);
}

/* --- the way there --- */

static int run_decide(const struct inquiry *i, struct decision **ret)
{
	_cleanup_free_ struct claim *items = NULL;
	const struct manager *m = i->manager;
	struct policy_client client = {i->uid, i->peer->gids, i->peer->n_gids, i->peer->unit,
		i->peer->gids_known, i->peer->unit_known};
	struct host_uses uses = {i->facts.items, i->facts.n};
	struct claims claims;
	int r = lease_claims(i->manager, &claims, &items);

	if (r < 0)
		return r;
	/* No event tells when an administrator turns them. It cannot fail, so there is no gate. */
	m->host->ops->switches(m->host, &m->topology->facts);
	/* The groups and the unit are those of the caller's process, not of whom it asks for. */
	if (i->uid != i->peer->uid)
		client = (struct policy_client){.uid = i->uid};
	return decide(m->topology, m->policy, &claims, &uses, &client, i->peer->uid,
		&i->request.request, ret);
}

static void survey(struct inquiry *i, const struct decision *d)
{
	int r = inquiry_survey(i, d);

	if (r < 0)
		inquiry_fail(i, r, "What the host does with the devices cannot be found out");
}

static void ask(struct inquiry *i, const struct decision *d)
{
	int r = inquiry_ask(i, d);

	if (r < 0)
		inquiry_fail(i, r, "polkit could not be asked");
}

/* One turn: a step that has to wait keeps i, and calls this again when it has ended. */
void inquiry_proceed(struct inquiry *i)
{
	_cleanup_decision_free_ struct decision *d = NULL;
	int r = run_decide(i, &d);

	if (r >= 0)
		r = inquiry_judge(i, d);
	if (r < 0)
		inquiry_fail(i, r, "The request could not be decided");
	else if (inquiry_must_survey(i, d))
		survey(i, d);
	else if (i->explain)
		explain(i, d);
	else if (d->verdict == VERDICT_DENY)
		refuse(i, d);
	else if (inquiry_must_ask(i, d))
		ask(i, d);
	else
		grant(i, d);
}

/* --- the beginnings --- */

/* Charges before it allocates; -EDQUOT, -EUSERS, -ENOMEM. */
static int inquiry_new(struct manager *m, struct peer **peer, struct bus_request *request,
	struct inquiry **ret)
{
	struct inquiry *i;
	int r = quota_begin(m->quota, (*peer)->uid, now_usec(CLOCK_MONOTONIC));

	if (r < 0)
		return r;
	i = calloc(1, sizeof(*i));
	if (!i) {
		quota_end(m->quota, (*peer)->uid);
		return -ENOMEM;
	}
	i->manager = m;
	i->peer = TAKE_PTR(*peer);
	i->request = *request;
	*request = (struct bus_request){0};
	*ret = i;
	return 0;
}

static void begin(struct manager *m, struct peer **peer, struct bus_request *request, bool explain,
	struct bus_call *call)
{
	struct inquiry *i;
	int r = inquiry_new(m, peer, request, &i);

	if (r == -ENOMEM) {
		bus_reply_errno(call, r, "Out of memory");
		return;
	}
	if (r < 0) {
		refusals_dropped(m, (*peer)->uid);
		bus_reply_errno(call, r,
			"Too many requests of this user wait already; let them end first");
		return;
	}
	i->call = call;
	i->uid = i->request.has_for_uid ? i->request.for_uid : i->peer->uid;
	i->explain = explain;
	inquiry_proceed(i);
}

void inquiry_acquire(void *userdata, struct peer **peer, struct bus_request *request,
	struct bus_call *call)
{
	begin(userdata, peer, request, false, call);
}

void inquiry_explain(void *userdata, struct peer **peer, struct bus_request *request,
	struct bus_call *call)
{
	begin(userdata, peer, request, true, call);
}

void inquiry_again(struct lease *l)
{
	struct inquiry *i = calloc(1, sizeof(*i));

	if (!i) {
		bus_reply_errno(TAKE_PTR(l->acquire_call), -ENOMEM, "Out of memory");
		quota_end(l->manager->quota, l->peer->uid);
		lease_drop(l);
		return;
	}
	*i = (struct inquiry){
		.manager = l->manager,
		.peer = TAKE_PTR(l->peer),
		.request = l->request,
		.call = TAKE_PTR(l->acquire_call),
		.uid = l->uid,
		.rounds = l->rounds + 1,
		.consent = TAKE_PTR(l->consent),
		.answer = BUS_ANSWER_YES,
	};
	l->request = (struct bus_request){0};
	lease_drop(l);
	if (i->rounds <= ROUNDS_MAX) {
		inquiry_proceed(i);
		return;
	}
	bus_reply_errno(TAKE_PTR(i->call), -EBUSY,
		"%s: it or the policy changes all the time; try again when that is over",
		i->request.request.devices[0]);
	inquiry_free(i);
}
