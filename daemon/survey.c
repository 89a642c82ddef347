/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Surveys as jobs, for inquiries and for the property Device.HostUse. */
#include "survey.h"

#include <errno.h>

#include "base/text.h"
#include "manager.h"

#define SURVEY_LIMIT_USEC (10 * 1000000ULL)

struct survey_job {
	struct host *host;
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
		int r = HOST(j->host, host_use, *address, *address, facts);

		if (r < 0)
			r = blame(*address, r, facts);
		if (r < 0)
			return r;
		j->result.n++;
	}
	return 0;
}

static void on_late(void *arg)
{
	struct survey_job *j = arg;

	j->late(j->userdata);
}

/* Without memory for facts there are none, and who needs them finds that they are missing. */
static void on_done(void *arg, int result)
{
	struct survey_job *j = arg;

	if (result < 0)
		survey_result_done(&j->result);
	j->done(j->userdata, &j->result);
	survey_job_free(j);
}

int survey_start(struct manager *m, const char *const *addresses, size_t n,
	void (*late)(void *userdata),
	void (*done)(void *userdata, struct survey_result *result), void *userdata)
{
	_cleanup_(survey_job_free_cleanup) struct survey_job *j = calloc(1, sizeof(*j));
	int r = 0;

	if (!j)
		return -ENOMEM;
	*j = (struct survey_job){
		.host = m->host, .late = late, .done = done, .userdata = userdata,
	};
	j->result.items = calloc(n + 1, sizeof(*j->result.items));
	if (!j->result.items)
		return -ENOMEM;
	for (size_t i = 0; r >= 0 && i < n; i++)
		r = strv_append(&j->addresses, addresses[i]);
	if (r >= 0)
		r = jobs_start(m->jobs, SURVEY_LIMIT_USEC, run, on_late, on_done, j);
	if (r >= 0)
		TAKE_PTR(j);
	return r;
}
