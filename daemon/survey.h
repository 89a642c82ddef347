/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A survey: a job that finds out what the host does with some devices. It reads /proc and sysfs,
 * too much for the main loop. A device that could not be surveyed counts as used by whom nobody
 * can tell.
 */
#pragma once

#include <sys/types.h>

#include "core/host_use.h"

struct manager;

struct survey_result {
	struct host_use_facts **items; /* one a device, owned */
	size_t n;
};
void survey_result_done(struct survey_result *r);

/*
 * Surveys the devices, whose names it copies, on behalf of uid, in its turn. done follows on the
 * loop, exactly once, if 0 is returned, and takes the result; late, when it takes longer than
 * anybody should wait, before it.
 */
int survey_start(struct manager *m, uid_t uid, const char *const *addresses, size_t n,
	void (*late)(void *userdata),
	void (*done)(void *userdata, struct survey_result *result), void *userdata);
