/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How often and how much one uid may ask. Asked before anything is allocated for a request; all
 * memory is taken at the start, so no caller can make it grow. Root has a place that nobody else
 * can take. Time is passed in (CLOCK_MONOTONIC, microseconds); one that goes back counts as none.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/macro.h"

struct quota_limits {
	unsigned per_second;   /* calls, refilled evenly; at most 1,000,000 */
	unsigned burst;        /* calls at once after a rest; at most 1,000,000, at least 1 */
	unsigned outstanding;  /* requests begun and not ended, per uid */
	size_t uids;           /* remembered at once, root aside; at least 1 */
};

struct quota;

/* -EINVAL for limits out of range, -ENOMEM. */
int quota_new(const struct quota_limits *limits, struct quota **ret);
void quota_free(struct quota *q);
DEFINE_CLEANUP(struct quota *, quota_free);
#define _cleanup_quota_free_ _cleanup_(quota_free_cleanup)

/*
 * Takes cost calls from the uid's bucket (a big reply costs more than 1). A cost above the burst
 * is taken from a full bucket and leaves a debt, so it is possible, but rarely.
 * 0; -EDQUOT: too many calls; -EUSERS: more active uids than are remembered.
 */
int quota_charge(struct quota *q, uid_t uid, unsigned cost, uint64_t now_usec);

/* A request that lasts. Begin: 0, or -EDQUOT or -EUSERS as above. Each success is ended once. */
int quota_begin(struct quota *q, uid_t uid, uint64_t now_usec);
void quota_end(struct quota *q, uid_t uid);
