/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Exit statuses by error, and the filters of audit. */
#include <criterion/criterion.h>

#include "client/audit-filter.h"
#include "client/ctl.h"
#include "client/json.h"
#include "client/status.h"

Test(status, of_errors)
{
	static const struct {
		const char *name;
		int status;
	} expected[] = {
		{"org.devlease1.Error.Denied", 3},
		{"org.devlease1.Error.NotIsolated", 3},
		{"org.devlease1.Error.ResetSetShared", 3},
		{"org.devlease1.Error.InUse", 3},
		{"org.devlease1.Error.Quarantined", 3},
		{"org.devlease1.Error.LimitsExceeded", 3},
		{"org.freedesktop.DBus.Error.AccessDenied", 3},
		{"org.devlease1.Error.Busy", 4},
		{"org.freedesktop.DBus.Error.ServiceUnknown", 5},
		{"org.freedesktop.DBus.Error.NoReply", 5},
		{"org.freedesktop.DBus.Error.Spawn.ChildExited", 5},
		{"System.Error.ECONNRESET", 5},
		{"org.devlease1.Error.NoSuchDevice", 1},
		{"org.devlease1.Error.NotSupported", 1},
		{"org.devlease1.Error.Journal", 1},
		{"org.devlease1.Error.Kernel", 1},
		{"org.devlease1.Error.DeniedX", 1},
		{"org.freedesktop.DBus.Error.InvalidArgs", 1},
		{"System.Error.EINVAL", 1},
		{NULL, 1},
	};

	for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
		cr_expect_eq(status_from_error_name(expected[i].name), expected[i].status, "%s",
			expected[i].name ? expected[i].name : "no name");
}

static const char record_text[] =
	"{\"event\":\"lease.granted\",\"lease\":\"1a2b\",\"realtime\":5000000,\"uid\":1000,"
	"\"caller\":{\"uid\":0,\"for-uid\":1000},"
	"\"devices\":[{\"address\":\"0000:01:00.0\"},{\"address\":\"0000:01:00.1\"}]}";

static bool matches(struct audit_filter filter)
{
	_cleanup_json_ json_t *record = json_loads(record_text, 0, NULL);

	if (!filter.until_usec)
		filter.until_usec = UINT64_MAX;
	return audit_filter_matches(&filter, record);
}

Test(audit, filters)
{
	cr_expect(matches((struct audit_filter){0}));
	cr_expect(matches((struct audit_filter){.since_usec = 5000000, .until_usec = 5000000}));
	cr_expect_not(matches((struct audit_filter){.since_usec = 5000001}));
	cr_expect_not(matches((struct audit_filter){.until_usec = 4999999}));
	cr_expect(matches((struct audit_filter){.device = "0000:01:00.1"}));
	cr_expect(matches((struct audit_filter){.device = "*:01:*"}));
	cr_expect_not(matches((struct audit_filter){.device = "0000:01:00.2"}));
	cr_expect(matches((struct audit_filter){.event = "lease.*", .lease = "1a2b"}));
	cr_expect_not(matches((struct audit_filter){.event = "lease"}));
	cr_expect_not(matches((struct audit_filter){.lease = "1a2"}));
	cr_expect(matches((struct audit_filter){.has_uid = true, .uid = 0}));
	cr_expect(matches((struct audit_filter){.has_uid = true, .uid = 1000}));
	cr_expect_not(matches((struct audit_filter){.has_uid = true, .uid = 1001}));
}
