/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Surveys as jobs, for inquiries and for the property Device.HostUse. Anybody may cause one and it
 * costs processor time, so few run at once, and who asks for many does not keep others waiting.
 */
#include "survey.h"

#include <errno.h>

#include "base/text.h"
#include "manager.h"

#define SURVEY_LIMIT_USEC (10 * 1000000ULL)
#define RUNNING_MAX 2
/* Those that hang make room for others, but not without end. */
#define LATE_MAX 16

struct survey_job {
	struct survey_job *next;
	struct manager *manager;
	uid_t uid;
	enum { WAITING, RUNNING, LATE } stage;
	char **addresses;
	struct survey_result result;
	void (*late)(void *userdata);
	void (*done)(void *userdata, struct survey_result *result);
	void *userdata;
};

void survey_result_done(struct survey_result *r)
{
	for (size_t i = 0; i < r->n; i++)
		host_use_facts_free(r->items[i]);
	free(r->items);
	*r = (struct survey_result){0};
}

static struct survey_job *survey_job_free(struct survey_job *j)
{
	if (j) {
		strv_free(j->addresses);
		survey_result_done(&j->result);
	}
	free(j);
	return NULL;
}
DEFINE_CLEANUP(struct survey_job *, survey_job_free);

/* What nobody could look at is not idle. */
static int blame(const char *address, int error, struct host_use_facts **ret)
{
	_cleanup_host_use_facts_free_ struct host_use_facts *f = NULL;
	int r = host_use_facts_new(address, &f);

	if (r >= 0)
		r = host_use_add(f, HOST_USE_UNKNOWN_USERS, "it could not be looked at (host_use: %s)",
			errno_name(-error));
	if (r >= 0)
		*ret = TAKE_PTR(f);
	return r;
}

static int run(void *arg)
{
	struct survey_job *j = arg;

	for (char **address = j->addresses; *address; address++) {
		struct host_use_facts **facts = &j->result.items[j->result.n];
		int r = HOST(j->manager->host, host_use, *address, *address, facts);

		if (r < 0)
			r = blame(*address, r, facts);
		if (r < 0)
			return r;
		j->result.n++;
	}
	return 0;
}

/* --- whose turn it is --- */

static bool has_running(const struct manager *m, uid_t uid)
{
	for (const struct survey_job *j = m->surveys; j; j = j->next)
		if (j->stage == RUNNING && j->uid == uid)
			return true;
	return false;
}

static size_t count(const struct manager *m, int stage)
{
	size_t n = 0;

	for (const struct survey_job *j = m->surveys; j; j = j->next)
		n += (int)j->stage == stage;
	return n;
}

/* The oldest of a uid that has none running, else the oldest. */
static struct survey_job *next_in_turn(struct manager *m)
{
	struct survey_job *oldest = NULL;

	if (count(m, RUNNING) >= RUNNING_MAX || count(m, LATE) >= LATE_MAX)
		return NULL;
	for (struct survey_job *j = m->surveys; j; j = j->next) {
		if (j->stage != WAITING)
			continue;
		if (!has_running(m, j->uid))
			return j;
		if (!oldest)
			oldest = j;
	}
	return oldest;
}

static void unlink_job(struct survey_job *j)
{
	struct survey_job **p = &j->manager->surveys;

	while (*p != j)
		p = &(*p)->next;
	*p = j->next;
}

static void on_late(void *arg);
static void on_done(void *arg, int result);

static void start_waiting(struct manager *m)
{
	struct survey_job *j;

	while ((j = next_in_turn(m))) {
		if (jobs_start(m->jobs, SURVEY_LIMIT_USEC, run, on_late, on_done, j) < 0)
			return; /* no memory: the next that ends starts it */
		j->stage = RUNNING;
	}
}

static void on_late(void *arg)
{
	struct survey_job *j = arg;
	struct manager *m = j->manager;

	j->stage = LATE;
	j->late(j->userdata);
	start_waiting(m);
}

/* Without memory for facts there are none, and who needs them finds that they are missing. */
static void on_done(void *arg, int result)
{
	struct survey_job *j = arg;
	struct manager *m = j->manager;

	unlink_job(j);
	if (result < 0)
		survey_result_done(&j->result);
	j->done(j->userdata, &j->result);
	survey_job_free(j);
	start_waiting(m);
}

static int queue(struct survey_job *j)
{
	struct survey_job **tail = &j->manager->surveys;

	while (*tail)
		tail = &(*tail)->next;
	*tail = j;
	start_waiting(j->manager);
	if (j->stage == WAITING && count(j->manager, RUNNING) + count(j->manager, LATE) == 0) {
		unlink_job(j);
		return -ENOMEM;
	}
	return 0;
}

int survey_start(struct manager *m, uid_t uid, const char *const *addresses, size_t n,
	void (*late)(void *userdata),
	void (*done)(void *userdata, struct survey_result *result), void *userdata)
{
	_cleanup_(survey_job_free_cleanup) struct survey_job *j = calloc(1, sizeof(*j));
	int r = 0;

	if (!j)
		return -ENOMEM;
	*j = (struct survey_job){
		.manager = m, .uid = uid, .late = late, .done = done, .userdata = userdata,
	};
	j->result.items = calloc(n + 1, sizeof(*j->result.items));
	if (!j->result.items)
		return -ENOMEM;
	for (size_t i = 0; r >= 0 && i < n; i++)
		r = strv_append(&j->addresses, addresses[i]);
	if (r >= 0)
		r = queue(j);
	if (r >= 0)
		TAKE_PTR(j);
	return r;
}
