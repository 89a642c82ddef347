/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whose survey is next: few at once, and who asks for many does not keep others waiting. */
#include <criterion/criterion.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "manager.h"
#include "survey.h"

static sem_t go;
static atomic_uint running, most;
static char ended[32];
static size_t n_ended;

static int slow_host_use(struct host *h, const char *address, struct host_use_facts **ret)
{
	unsigned now = atomic_fetch_add(&running, 1) + 1;

	if (now > most)
		most = now;
	sem_wait(&go);
	atomic_fetch_sub(&running, 1);
	return host_use_facts_new(address, ret);
}

static void late(void *userdata)
{
	cr_assert_fail("none is late");
}

static void done(void *userdata, struct survey_result *result)
{
	cr_expect_eq(result->n, 1);
	ended[n_ended++] = *(const char *)userdata;
	survey_result_done(result);
}

static void wait_for(sd_event *e, size_t n)
{
	for (unsigned i = 0; i < 100 && n_ended < n; i++)
		cr_assert_geq(sd_event_run(e, 50 * 1000), 0);
	cr_assert_eq(n_ended, n);
}

Test(survey, takes_turns)
{
	static const struct host_ops ops = {.host_use = slow_host_use};
	struct host host = {.ops = &ops};
	struct manager m = {.host = &host};
	const char *address = "0000:01:00.0";

	sem_init(&go, 0, 0);
	cr_assert_geq(sd_event_new(&m.event), 0);
	cr_assert_geq(jobs_new(m.event, &m.jobs), 0);
	for (unsigned i = 0; i < 5; i++)
		cr_assert_eq(survey_start(&m, 1000, &address, 1, late, done, "a"), 0);
	cr_assert_eq(survey_start(&m, 1001, &address, 1, late, done, "b"), 0);
	cr_assert_eq(survey_start(&m, 1002, &address, 1, late, done, "c"), 0);
	for (size_t n = 1; n <= 7; n++) {
		/* Both places are taken before one of them becomes free. */
		for (unsigned i = 0; i < 5000 && running < (n < 7 ? 2 : 1); i++)
			usleep(1000);
		sem_post(&go);
		wait_for(m.event, n);
	}
	cr_expect_eq(most, 2, "%u at once", (unsigned)most);
	/* Two of a had the places when b and c came; then each of them passes those of a. */
	cr_expect_leq(strchr(ended, 'b') - ended, 3, "%s", ended);
	cr_expect_leq(strchr(ended, 'c') - ended, 4, "%s", ended);
	cr_expect_null(m.surveys);
	jobs_free(m.jobs);
	sd_event_unref(m.event);
}
