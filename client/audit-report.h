/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who had a device when, from the records of the assignment journal. Pure. */
#pragma once

#include <jansson.h>

struct audit_report {
	const char *device; /* glob; without a domain it stands for domain 0000 */
	json_t *stays;      /* an array; the caller's */
};

/*
 * Takes the next record. A lease.granted of the device adds {Device, Lease, From, User, Unit,
 * Label}; its end adds Until, Duration (both in microseconds) and End, which says why it ended.
 * A stay without Until lasts on, or its end is not in these records. 0 or -ENOMEM.
 */
int audit_report_add(struct audit_report *r, const json_t *record);
