/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which records of the assignment journal `audit` shows. Pure. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct audit_filter {
	uint64_t since_usec, until_usec;    /* inclusive; 0 and UINT64_MAX are no limits */
	const char *device, *lease, *event, *unit; /* globs, NULL: any */
	bool has_uid;
	uid_t uid;                          /* of the lease's owner or of the caller */
};

bool audit_filter_matches(const struct audit_filter *f, const json_t *record);
