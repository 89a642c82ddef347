/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Filters of `audit`. A record without the asked-for member does not match. */
#include <fnmatch.h>

#include "audit-filter.h"
#include "json.h"

static bool matches_text(const char *pattern, const json_t *record, const char *key)
{
	return !pattern || fnmatch(pattern, json_text(record, key), 0) == 0;
}

static bool matches_device(const char *pattern, const json_t *record)
{
	const json_t *devices = json_object_get(record, "devices");
	json_t *device;
	size_t i;

	if (!pattern || fnmatch(pattern, json_text(record, "device"), 0) == 0)
		return true;
	json_array_foreach(devices, i, device) {
		const char *address = json_is_string(device) ? json_string_value(device) :
							       json_text(device, "address");

		if (fnmatch(pattern, address, 0) == 0)
			return true;
	}
	return false;
}

static bool matches_uid(const struct audit_filter *f, const json_t *record)
{
	const json_t *caller = json_object_get(record, "caller");

	return !f->has_uid || json_number(record, "uid", -1) == f->uid ||
		json_number(caller, "uid", -1) == f->uid ||
		json_number(caller, "for-uid", -1) == f->uid;
}

bool audit_filter_matches(const struct audit_filter *f, const json_t *record)
{
	json_int_t time = json_number(record, "realtime", 0);
	uint64_t usec = time > 0 ? time : 0;

	return usec >= f->since_usec && usec <= f->until_usec &&
		matches_text(f->event, record, "event") &&
		matches_text(f->unit, json_object_get(record, "caller"), "unit") &&
		matches_text(f->lease, record, "lease") && matches_device(f->device, record) &&
		matches_uid(f, record);
}
