/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From a JSON object to the text of a line. All of JSON is done here, in the caller's thread: the
 * writer sees finished text, so that no object is ever shared between threads.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "state/journal-internal.h"
#include "state/journal-line.h"

/* Only these may use the space that is kept back, so that every lease can be seen to end. */
static const char *const ends[] = {
	"lease.released", "lease.aborted", "lease.failed", "lease.lost", "lease.revoked",
	"device.reset", "device.quarantined", "device.stuck", "journal.recovered",
};
static const char *const reserved[] = {"seq", "prev", "boot", "realtime", "monotonic"};

void record_list_add(struct record_list *list, struct record *record)
{
	if (!list->first)
		list->tail = &list->first;
	*list->tail = record;
	list->tail = &record->next;
}

struct record *record_list_take(struct record_list *list)
{
	return TAKE_PTR(list->first);
}

struct record *record_free(struct record *record)
{
	if (record) {
		mirror_message_free(record->mirror);
		free(record->body);
		free(record);
	}
	return NULL;
}

static uint64_t now_usec(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static bool event_is_valid(const char *event)
{
	return event && *event && strlen(event) <= 64 &&
	       !event[strspn(event, "abcdefghijklmnopqrstuvwxyz0123456789.-")];
}

/* jansson escapes all but DEL, which is an escape to a terminal too. */
static char *escape_del(const char *json)
{
	_cleanup_text_ struct text t = {0};

	text_append(&t, "");
	for (;;) {
		size_t n = strcspn(json, "\x7f");

		text_appendf(&t, "%.*s", (int)n, json);
		if (!json[n])
			return text_steal(&t);
		text_append(&t, "\\u007f");
		json += n + 1;
	}
}

static int format_body(json_t *object, const char *event, char **ret)
{
	_cleanup_json_ json_t *rest = json_copy(object);
	_cleanup_free_ char *dump = NULL, *json = NULL;

	if (!rest)
		return -ENOMEM;
	json_object_del(rest, "event");
	dump = json_dumps(rest, JSON_COMPACT | JSON_ENSURE_ASCII);
	if (!dump)
		return -EINVAL;
	if (strlen(dump) > JOURNAL_LINE_MAX)
		return -E2BIG;
	json = escape_del(dump);
	if (!json)
		return -ENOMEM;
	if (asprintf(ret, "\"event\":\"%s\"%s%s", event, json[1] == '}' ? "" : ",", json + 1) < 0)
		return -ENOMEM;
	return 0;
}

/* A reset that a client asks for while its lease lives could be repeated without bound. */
static bool is_end(const char *event, json_t *object)
{
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		if (streq(event, ends[i]))
			return !json_is_true(json_object_get(object, "live"));
	return false;
}

int record_new(json_t *object, struct record **ret)
{
	_cleanup_(record_free_cleanup) struct record *record = NULL;
	const char *event = json_string_value(json_object_get(object, "event"));
	char *body;
	int r;

	if (!event_is_valid(event))
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(reserved); i++)
		if (json_object_get(object, reserved[i]))
			return -EINVAL;
	r = format_body(object, event, &body);
	if (r < 0)
		return r;
	record = calloc(1, sizeof(*record));
	if (!record) {
		free(body);
		return -ENOMEM;
	}
	record->body = body;
	record->size = strlen(body);
	if (record->size + JOURNAL_PREFIX_MAX > JOURNAL_LINE_MAX)
		return -E2BIG;
	record->ends = is_end(event, object);
	record->realtime = now_usec(CLOCK_REALTIME);
	record->monotonic = now_usec(CLOCK_MONOTONIC);
	r = mirror_message_new(object, &record->mirror);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(record);
	return 0;
}
