/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Work that may wait for the kernel, off the main loop. A job runs its function in a thread of its
 * own and hands the result back on the event loop. What the function touches belongs to the job
 * until done is called; nothing is shared and nothing is locked. Work on one device is serialised
 * by its lease, which has at most one job under way.
 */
#pragma once

#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/macro.h"

struct jobs;

typedef int (*job_run_fn)(void *arg);
typedef void (*job_done_fn)(void *arg, int result);
typedef void (*job_late_fn)(void *arg);

int jobs_new(sd_event *event, struct jobs **ret);
/*
 * Starts run(arg) in a thread; done(arg, result) follows on the loop, exactly once, whatever
 * happens, if 0 is returned. late, when not NULL, is called on the loop when limit_usec passed
 * before that; the job goes on. When no thread can be had the job waits for one, in order and on
 * its time. Fails for lack of memory only.
 */
int jobs_start(struct jobs *j, uint64_t limit_usec, job_run_fn run, job_late_fn late,
	job_done_fn done, void *arg);
/* Jobs under way. */
size_t jobs_running(const struct jobs *j);
/* Forgets the jobs under way: their threads end with the process. */
void jobs_free(struct jobs *j);
DEFINE_CLEANUP(struct jobs *, jobs_free);
