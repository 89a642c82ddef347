/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* audit: the records of the assignment journal. Reads the file itself: no daemon is needed. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "audit.h"
#include "audit-filter.h"
#include "base/io.h"
#include "base/text.h"
#include "device-text.h"
#include "json.h"
#include "request.h"
#include "state/journal-read.h"
#include "status.h"
#include "table.h"
#include "when.h"

enum { TIME, EVENT, LEASE, DEVICES, USER, RESULT };

static const struct table_column columns[] = {
	[TIME] = {"TIME", 0},
	[EVENT] = {"EVENT", 0},
	[LEASE] = {"LEASE", 0},
	[DEVICES] = {"DEVICES", 0},
	[USER] = {"USER", 0},
	[RESULT] = {"RESULT", TABLE_TRUNCATE},
};

int audit_open(const char *path, struct journal_set *ret)
{
	int r;

	if (!path)
		path = AUDIT_FILE;
	r = journal_set_open(ret, AT_FDCWD, path);
	if (r < 0)
		fail(STATUS_FAILED, "cannot read %s: %s%s", path, strerror(-r),
			r == -EACCES ? " (the journal is for root and the group devlease)" : "");
	return r;
}

static int parse_time(const char *text, uint64_t *ret)
{
	if (!text || when_parse(text, when_now(), ret) >= 0)
		return STATUS_OK;
	return fail(STATUS_USAGE, "cannot understand the time \"%s\"; use YYYY-MM-DD [HH:MM[:SS]], "
		"today, yesterday, -5min or @SECONDS", text);
}

int audit_make_filter(const struct options *o, struct audit_filter *ret)
{
	struct audit_filter f = {
		.until_usec = UINT64_MAX,
		.device = o->device,
		.lease = o->lease,
		.event = o->event,
		.unit = o->unit,
		.has_uid = o->user,
	};
	int r = parse_time(o->since, &f.since_usec);

	if (r == STATUS_OK)
		r = parse_time(o->until, &f.until_usec);
	if (r != STATUS_OK)
		return r;
	if (o->user && parse_user(o->user, &f.uid) < 0)
		return fail(STATUS_FAILED, "cannot find user %s", o->user);
	*ret = f;
	return STATUS_OK;
}

struct selection {
	const struct audit_filter *filter;
	json_t *records;
};

static int select_record(void *userdata, json_t *record)
{
	struct selection *s = userdata;

	if (!audit_filter_matches(s->filter, record))
		return 0;
	return json_array_append(s->records, record) < 0 ? -ENOMEM : 0;
}

static char *devices_of(const json_t *record)
{
	const char *device = json_text(record, "device");

	return *device ? strdup(device) : device_addresses(json_object_get(record, "devices"));
}

void audit_user_name(int64_t uid, char *buffer, size_t size)
{
	const struct passwd *user = uid < 0 ? NULL : getpwuid(uid);

	buffer[0] = '\0';
	if (user)
		snprintf(buffer, size, "%s", user->pw_name);
	else if (uid >= 0)
		snprintf(buffer, size, "%" PRId64, uid);
}

static void user_of(const json_t *record, char *buffer, size_t size)
{
	json_int_t caller = json_number(json_object_get(record, "caller"), "uid", -1);

	audit_user_name(json_number(record, "uid", caller), buffer, size);
}

static void append_result(struct text *t, const char *value)
{
	if (*value)
		text_appendf(t, "%s%s", t->size > 0 ? ", " : "", value);
}

/* What became of it: the members that say so, where the record has them. */
static char *result_of(const json_t *record)
{
	static const char *const keys[] = {"verdict", "kind", "result", "reason", "backend",
		"handover", "trouble"};
	json_int_t count = json_number(record, "count", 0);
	const json_t *findings = json_object_get(record, "findings");
	_cleanup_text_ struct text t = {0};
	json_t *finding;
	size_t i;

	text_append(&t, "");
	for (i = 0; i < ARRAY_SIZE(keys); i++)
		append_result(&t, json_text(record, keys[i]));
	json_array_foreach(findings, i, finding)
		append_result(&t, json_text(finding, "code"));
	if (count > 0)
		text_appendf(&t, "%s%" JSON_INTEGER_FORMAT " times", t.size > 0 ? ", " : "", count);
	return text_steal(&t);
}

static int add_record(struct libscols_table *t, const json_t *record)
{
	_cleanup_free_ char *devices = devices_of(record), *result = result_of(record);
	struct libscols_line *line = table_line(t, NULL);
	char time[WHEN_SIZE], user[64];

	if (!devices || !result || !line)
		return -ENOMEM;
	when_format_date(json_number(record, "realtime", 0), time);
	user_of(record, user, sizeof(user));
	if (table_set(line, TIME, time) < 0 ||
		table_set(line, EVENT, json_text(record, "event")) < 0 ||
		table_set(line, LEASE, json_text(record, "lease")) < 0 ||
		table_set(line, DEVICES, devices) < 0 || table_set(line, USER, user) < 0)
		return -ENOMEM;
	return table_set(line, RESULT, result);
}

static int print_table(const struct ctl *c, const json_t *records)
{
	_cleanup_table_ struct libscols_table *t = table_new(c, columns, ARRAY_SIZE(columns));
	json_t *record;
	size_t i;

	if (!t)
		return fail_oom();
	json_array_foreach(records, i, record)
		if (add_record(t, record) < 0)
			return fail_oom();
	return table_print(c, t, "record");
}

int verb_audit(struct ctl *c)
{
	_cleanup_json_ json_t *records = json_array();
	_cleanup_journal_set_ struct journal_set set = {0};
	struct audit_filter filter;
	struct selection s = {&filter, records};
	uint64_t skipped = 0;
	int r = audit_make_filter(&c->options, &filter);

	if (r != STATUS_OK)
		return r;
	if (audit_open(c->options.file, &set) < 0)
		return STATUS_FAILED;
	r = records ? journal_read(&set, select_record, &s, &skipped) : -ENOMEM;
	if (r < 0)
		return fail(STATUS_FAILED, "cannot read the journal: %s", strerror(-r));
	if (skipped > 0)
		fail(STATUS_OK, "%" PRIu64 " lines are no records; see devleasectl audit verify",
			skipped);
	return c->options.json != JSON_OFF ? print_json(c, records) : print_table(c, records);
}
