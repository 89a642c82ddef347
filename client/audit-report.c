/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pairs each grant of a device with the end of its lease; lease ids are never used twice. */
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>

#include "audit-report.h"
#include "base/text.h"
#include "json.h"

static bool is_device(const char *pattern, const char *address)
{
	char with_domain[128];

	snprintf(with_domain, sizeof(with_domain), "0000:%s", pattern);
	return fnmatch(pattern, address, 0) == 0 || fnmatch(with_domain, address, 0) == 0;
}

static json_t *text_or_null(const json_t *object, const char *key)
{
	const char *text = json_text(object, key);

	return *text ? json_string(text) : json_null();
}

static int begin(struct audit_report *r, const json_t *record, const char *address)
{
	const json_t *caller = json_object_get(record, "caller");
	json_t *stay = json_pack("{s:s, s:s, s:I, s:I, s:o, s:o}", "Device", address, "Lease",
		json_text(record, "lease"), "From", json_number(record, "realtime", 0), "User",
		json_number(record, "uid", -1), "Unit", text_or_null(caller, "unit"), "Label",
		text_or_null(caller, "label"));

	return stay && json_array_append_new(r->stays, stay) >= 0 ? 0 : -ENOMEM;
}

static int end(struct audit_report *r, const json_t *record)
{
	const char *lease = json_text(record, "lease"), *reason = json_text(record, "reason");
	json_int_t until = json_number(record, "realtime", 0);
	json_t *stay;
	size_t i;

	json_array_foreach(r->stays, i, stay) {
		if (!streq(json_text(stay, "Lease"), lease) || json_object_get(stay, "Until"))
			continue;
		if (json_object_set_new(stay, "Until", json_integer(until)) < 0 ||
			json_object_set_new(stay, "Duration",
				json_integer(until - json_number(stay, "From", 0))) < 0 ||
			json_object_set_new(stay, "End", json_string(*reason ? reason :
				json_text(record, "event"))) < 0)
			return -ENOMEM;
	}
	return 0;
}

int audit_report_add(struct audit_report *r, const json_t *record)
{
	const json_t *devices = json_object_get(record, "devices");
	const char *event = json_text(record, "event");
	const json_t *device;
	size_t i;

	if (streq(event, "lease.released") || streq(event, "lease.aborted") ||
		streq(event, "lease.failed"))
		return end(r, record);
	if (!streq(event, "lease.granted"))
		return 0;
	json_array_foreach(devices, i, device) {
		const char *address = json_text(device, "address");

		if (is_device(r->device, address) && begin(r, record, address) < 0)
			return -ENOMEM;
	}
	return 0;
}
