/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One thread a job, finished jobs on a list under one mutex, one eventfd to wake the loop. The
 * list is the only thing that both sides touch. Jobs for which no thread is to be had wait in
 * order: what may block for good is never run on the loop instead.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/io.h"
#include "host/job.h"

#define JOB_STACK (256 * 1024)
#define THREAD_RETRY_USEC (100 * 1000ULL)

struct job {
	struct jobs *jobs;
	struct job *next;
	job_run_fn run;
	job_late_fn late;
	job_done_fn done;
	void *arg;
	int result;
	sd_event_source *timer;
};

struct jobs {
	sd_event *event;
	sd_event_source *wake_source;
	int wake_fd;
	size_t running;
	pthread_mutex_t lock;
	struct job *finished, **finished_tail; /* under lock, oldest first */
	struct job *waiting, **waiting_tail;   /* for a thread, oldest first; the loop's alone */
	sd_event_source *retry;
};

static void *job_thread(void *p)
{
	struct job *job = p;
	struct jobs *j = job->jobs;
	uint64_t one = 1;

	job->result = job->run(job->arg);
	pthread_mutex_lock(&j->lock);
	*j->finished_tail = job;
	j->finished_tail = &job->next;
	pthread_mutex_unlock(&j->lock);
	/* An eventfd takes 2^64-2 wake-ups before a write can fail. */
	(void)!write(j->wake_fd, &one, sizeof(one));
	return NULL;
}

static int on_wake(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct jobs *j = userdata;
	struct job *job;
	uint64_t count;

	(void)!read(fd, &count, sizeof(count));
	pthread_mutex_lock(&j->lock);
	job = j->finished;
	j->finished = NULL;
	j->finished_tail = &j->finished;
	pthread_mutex_unlock(&j->lock);
	while (job) {
		struct job *next = job->next;

		sd_event_source_disable_unref(job->timer);
		j->running--;
		job->done(job->arg, job->result);
		free(job);
		job = next;
	}
	return 0;
}

static int on_late(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct job *job = userdata;

	job->timer = sd_event_source_disable_unref(job->timer);
	job->late(job->arg);
	return 0;
}

int jobs_new(sd_event *event, struct jobs **ret)
{
	_cleanup_(jobs_free_cleanup) struct jobs *j = calloc(1, sizeof(*j));
	int r;

	if (!j)
		return -ENOMEM;
	j->finished_tail = &j->finished;
	j->waiting_tail = &j->waiting;
	pthread_mutex_init(&j->lock, NULL);
	j->event = sd_event_ref(event);
	j->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (j->wake_fd < 0)
		return -errno;
	r = sd_event_add_io(event, &j->wake_source, j->wake_fd, EPOLLIN, on_wake, j);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(j);
	return 0;
}

static int start_thread(struct job *job)
{
	sigset_t all, before;
	pthread_attr_t attr;
	pthread_t thread;
	int r;

	/* Signals are for the loop's signalfd, never for a job. */
	sigfillset(&all);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, JOB_STACK);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&thread, &attr, job_thread, job);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return -r;
}

static int start_waiting(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct jobs *j = userdata;

	j->retry = sd_event_source_disable_unref(j->retry);
	while (j->waiting) {
		struct job *job = j->waiting, *next = job->next;

		/* Its thread may end, and use the link, before this one goes on. */
		job->next = NULL;
		if (start_thread(job) < 0) {
			job->next = next;
			return sd_event_add_time_relative(j->event, &j->retry, CLOCK_MONOTONIC,
				THREAD_RETRY_USEC, 0, start_waiting, j);
		}
		j->waiting = next;
		if (!next)
			j->waiting_tail = &j->waiting;
	}
	return 0;
}

/* Starts the job, or lets it wait behind those that wait already. */
static int start_or_wait(struct jobs *j, struct job *job)
{
	int r = 0;

	if (!j->waiting && start_thread(job) >= 0)
		return 0;
	if (!j->retry)
		r = sd_event_add_time_relative(j->event, &j->retry, CLOCK_MONOTONIC,
			THREAD_RETRY_USEC, 0, start_waiting, j);
	if (r < 0)
		return r;
	*j->waiting_tail = job;
	j->waiting_tail = &job->next;
	return 0;
}

int jobs_start(struct jobs *j, uint64_t limit_usec, job_run_fn run, job_late_fn late,
	job_done_fn done, void *arg)
{
	_cleanup_free_ struct job *job = calloc(1, sizeof(*job));
	int r;

	if (!job)
		return -ENOMEM;
	*job = (struct job){
		.jobs = j, .run = run, .late = late, .done = done, .arg = arg,
	};
	if (late) {
		r = sd_event_add_time_relative(j->event, &job->timer, CLOCK_MONOTONIC, limit_usec,
			0, on_late, job);
		if (r < 0)
			return r;
	}
	r = start_or_wait(j, job);
	if (r < 0) {
		sd_event_source_disable_unref(job->timer);
		return r;
	}
	j->running++;
	TAKE_PTR(job);
	return 0;
}

size_t jobs_running(const struct jobs *j)
{
	return j->running;
}

void jobs_free(struct jobs *j)
{
	if (!j)
		return;
	sd_event_source_disable_unref(j->wake_source);
	sd_event_source_disable_unref(j->retry);
	sd_event_unref(j->event);
	if (j->running > 0)
		return; /* their threads still point here */
	close_fd(j->wake_fd);
	pthread_mutex_destroy(&j->lock);
	free(j);
}
