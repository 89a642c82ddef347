/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* audit report DEVICE: who had it, from when to when, and how that ended. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "audit-filter.h"
#include "audit-report.h"
#include "audit.h"
#include "json.h"
#include "request.h"
#include "status.h"
#include "table.h"
#include "when.h"

enum { FROM, UNTIL, DURATION, USER, UNIT, LABEL, LEASE, END };

static const struct table_column columns[] = {
	[FROM] = {"FROM", 0},
	[UNTIL] = {"UNTIL", 0},
	[DURATION] = {"DURATION", TABLE_RIGHT},
	[USER] = {"USER", 0},
	[UNIT] = {"UNIT", TABLE_TRUNCATE},
	[LABEL] = {"LABEL", TABLE_TRUNCATE},
	[LEASE] = {"LEASE", 0},
	[END] = {"END", TABLE_TRUNCATE},
};

static int take_record(void *userdata, json_t *record)
{
	return audit_report_add(userdata, record);
}

/* Those that have something of the asked-for time in them. */
static json_t *within(const json_t *stays, const struct audit_filter *f)
{
	json_t *result = json_array(), *stay;
	size_t i;

	json_array_foreach(stays, i, stay) {
		uint64_t from = json_number(stay, "From", 0);
		uint64_t until = json_number(stay, "Until", INT64_MAX);
		bool user = !f->has_uid || json_number(stay, "User", -1) == f->uid;

		if (user && until >= f->since_usec && from <= f->until_usec &&
			json_array_append(result, stay) < 0)
			return NULL;
	}
	return result;
}

/* "3d 04:05:06", "04:05:06" or "1.250s". */
static void format_duration(json_int_t usec, char *buffer, size_t size)
{
	json_int_t s = usec / 1000000;

	if (s < 60)
		snprintf(buffer, size, "%" PRId64 ".%03" PRId64 "s", (int64_t)s,
			(int64_t)(usec % 1000000 / 1000));
	else if (s < 24 * 3600)
		snprintf(buffer, size, "%02d:%02d:%02d", (int)(s / 3600), (int)(s / 60 % 60),
			(int)(s % 60));
	else
		snprintf(buffer, size, "%" PRId64 "d %02d:%02d:%02d", (int64_t)(s / 86400),
			(int)(s / 3600 % 24), (int)(s / 60 % 60), (int)(s % 60));
}

static int add_stay(struct libscols_table *t, const json_t *stay)
{
	struct libscols_line *line = table_line(t, NULL);
	char from[WHEN_SIZE], until[WHEN_SIZE] = "", duration[48] = "", user[64];

	if (!line)
		return -ENOMEM;
	when_format_date(json_number(stay, "From", 0), from);
	if (json_object_get(stay, "Until")) {
		when_format_date(json_number(stay, "Until", 0), until);
		format_duration(json_number(stay, "Duration", 0), duration, sizeof(duration));
	}
	audit_user_name(json_number(stay, "User", -1), user, sizeof(user));
	if (table_set(line, FROM, from) < 0 || table_set(line, UNTIL, until) < 0 ||
		table_set(line, DURATION, duration) < 0 || table_set(line, USER, user) < 0 ||
		table_set(line, UNIT, json_text(stay, "Unit")) < 0 ||
		table_set(line, LABEL, json_text(stay, "Label")) < 0 ||
		table_set(line, LEASE, json_text(stay, "Lease")) < 0)
		return -ENOMEM;
	return table_set(line, END, json_text(stay, "End"));
}

static int print_table(const struct ctl *c, const json_t *stays)
{
	_cleanup_table_ struct libscols_table *t = table_new(c, columns, ARRAY_SIZE(columns));
	json_t *stay;
	size_t i;

	if (!t)
		return fail_oom();
	json_array_foreach(stays, i, stay)
		if (add_stay(t, stay) < 0)
			return fail_oom();
	return table_print(c, t, "lease");
}

int verb_audit_report(struct ctl *c)
{
	_cleanup_json_ json_t *stays = json_array(), *shown = NULL;
	_cleanup_journal_set_ struct journal_set set = {0};
	struct audit_report report = {c->args[0], stays};
	struct audit_filter filter;
	int r = audit_make_filter(&c->options, &filter);

	if (r != STATUS_OK)
		return r;
	if (audit_open(c->options.file, &set) < 0)
		return STATUS_FAILED;
	r = stays ? journal_read(&set, take_record, &report, NULL) : -ENOMEM;
	if (r < 0)
		return fail(STATUS_FAILED, "cannot read the journal: %s", strerror(-r));
	shown = within(stays, &filter);
	if (!shown)
		return fail_oom();
	return c->options.json != JSON_OFF ? print_json(c, shown) : print_table(c, shown);
}
