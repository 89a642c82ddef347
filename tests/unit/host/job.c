/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Jobs when threads run out: they wait in order, and the loop runs none of them itself. */
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "host/job.h"

static bool no_threads;
static pthread_t loop_thread;
static char ran[16], ended[16];
static size_t n_ran, n_ended;
static unsigned late_calls;

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *),
	void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *),
	void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *),
	void *arg)
{
	return no_threads ? EAGAIN : __real_pthread_create(thread, attr, start, arg);
}

static int run(void *arg)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

	cr_assert_not(pthread_equal(pthread_self(), loop_thread), "the loop runs a job");
	pthread_mutex_lock(&lock);
	ran[n_ran++] = *(const char *)arg;
	pthread_mutex_unlock(&lock);
	return *(const char *)arg;
}

static void done(void *arg, int result)
{
	cr_expect_eq(result, *(const char *)arg);
	ended[n_ended++] = *(const char *)arg;
}

static void late(void *arg)
{
	late_calls++;
}

static void turn(sd_event *e, size_t until, unsigned turns)
{
	for (unsigned i = 0; i < turns && n_ended < until; i++)
		cr_assert_geq(sd_event_run(e, 50 * 1000), 0);
}

Test(job, waits_for_a_thread)
{
	sd_event *e;
	struct jobs *j;

	loop_thread = pthread_self();
	cr_assert_geq(sd_event_new(&e), 0);
	cr_assert_geq(jobs_new(e, &j), 0);
	no_threads = true;
	cr_assert_eq(jobs_start(j, 1000, run, late, done, "a"), 0);
	cr_assert_eq(jobs_start(j, 1000, run, NULL, done, "b"), 0);
	turn(e, 1, 8);
	cr_expect_eq(n_ran, 0);
	cr_expect_eq(late_calls, 1, "its time began when it was asked for");
	cr_expect_eq(jobs_running(j), 2);

	no_threads = false;
	cr_assert_eq(jobs_start(j, 1000, run, NULL, done, "c"), 0);
	cr_expect_eq(n_ran, 0, "it does not pass those who wait");
	turn(e, 3, 40);
	cr_expect_eq(n_ended, 3, "%zu ended", n_ended);
	cr_expect(strchr(ended, 'a') && strchr(ended, 'b') && strchr(ended, 'c'), "%s", ended);
	cr_expect_eq(jobs_running(j), 0);

	cr_assert_eq(jobs_start(j, 1000, run, NULL, done, "d"), 0);
	turn(e, 4, 40);
	cr_expect_eq(n_ended, 4);
	jobs_free(j);
	sd_event_unref(e);
}
