/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is refused again and again, for the journal: repeats of a refusal, and calls over quota.
 * The first is recorded at once, its repeats at the end of each window as one record with a count
 * (core/fold.h), so that nobody fills the disk with refusals. A record without a count stands for
 * one. Counts of the last seconds are lost when the daemon is killed.
 */
#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <systemd/sd-journal.h>

#include "base/text.h"
#include "core/fold.h"
#include "manager.h"

static const struct fold_limits limits = {
	.window_usec = 10 * 1000 * 1000,
	.entries = 512,
	/* What varies more is counted for the uid, or varying would fill the disk. */
	.per_uid = 4,
};

struct refusals {
	struct manager *manager;
	struct fold *refused, *dropped;
	sd_event_source *timer;
};

static int on_window_end(sd_event_source *s, uint64_t usec, void *userdata);

int refusals_new(struct manager *m, struct refusals **ret)
{
	struct refusals *r = calloc(1, sizeof(*r));
	int k;

	if (!r)
		return -ENOMEM;
	r->manager = m;
	k = fold_new(&limits, &r->refused);
	if (k >= 0)
		k = fold_new(&limits, &r->dropped);
	if (k >= 0)
		k = sd_event_add_time(m->event, &r->timer, CLOCK_MONOTONIC, UINT64_MAX, 0,
			on_window_end, r);
	if (k >= 0)
		k = sd_event_source_set_enabled(r->timer, SD_EVENT_OFF);
	if (k < 0) {
		refusals_free(r);
		return k;
	}
	*ret = r;
	return 0;
}

/* --- records --- */

/* The same kind: caller, device set, codes, and policy. What else the record says may differ. */
static void hash_kind(const json_t *record, uid_t peer_uid, unsigned char ret[FOLD_KEY_SIZE])
{
	_Static_assert(FOLD_KEY_SIZE == crypto_hash_sha256_BYTES, "a key is a hash");
	const json_t *lists[] = {json_object_get(record, "devices"),
		json_object_get(record, "findings")};
	json_t *set = json_object(), *item;
	char *text;
	size_t i;

	for (size_t k = 0; k < ARRAY_SIZE(lists); k++)
		json_array_foreach(lists[k], i, item) {
			const char *device = json_string_value(json_object_get(item, "device"));
			const char *code = json_string_value(json_object_get(item, "code"));
			const char *address = json_string_value(json_object_get(item, "address"));
			char key[192];

			snprintf(key, sizeof(key), "%zu %s %s", k, address ? address : device ? device : "",
				code ? code : "");
			json_object_set_new(set, key, json_true());
		}
	json_object_set_new(set, "uid", json_integer(peer_uid));
	json_object_set(set, "for", json_object_get(record, "uid"));
	json_object_set(set, "policy", json_object_get(record, "policy-sha256"));
	text = json_dumps(set, JSON_SORT_KEYS | JSON_COMPACT);
	crypto_hash_sha256(ret, (const unsigned char *)(text ? text : ""), text ? strlen(text) : 0);
	free(text);
	json_decref(set);
}

/* What is kept for the repeats: of the caller only the uids, the processes may have been others. */
static json_t *without_process(json_t *record, uid_t peer_uid)
{
	json_t *caller = json_pack("{s:I}", "uid", (json_int_t)peer_uid);
	json_t *copy = json_copy(record);

	json_object_set(caller, "for-uid",
		json_object_get(json_object_get(record, "caller"), "for-uid"));
	json_object_set_new(copy, "caller", caller);
	return copy;
}

/* Without a payload it is the rest: of one uid whatever its devices, or of everybody. */
static json_t *folded_record(const char *event, const struct fold_entry *e)
{
	json_t *r = e->payload ? json_copy(e->payload) : record_event(event);

	if (!e->payload && e->scope != FOLD_EVERYBODY) {
		json_object_set_new(r, "caller", json_pack("{s:I}", "uid", (json_int_t)e->uid));
		json_object_set_new(r, "uid", json_integer(e->uid));
	}
	json_object_set_new(r, "count", json_integer(e->count));
	json_object_set_new(r, "duration", json_integer(now_usec(CLOCK_MONOTONIC) - e->since));
	return r;
}

static void end_windows(struct refusals *r, struct fold *f, const char *event, uint64_t now)
{
	struct fold_entry e;
	bool forgotten;

	while (fold_end(f, now, &e, &forgotten)) {
		if (e.count > 0)
			(void)record_append(r->manager, folded_record(event, &e), NULL, NULL);
		if (forgotten)
			json_decref(e.payload);
	}
}

static void end_all_windows(struct refusals *r, uint64_t now)
{
	end_windows(r, r->refused, "lease.refused", now);
	end_windows(r, r->dropped, "requests.dropped", now);
}

void refusals_free(struct refusals *r)
{
	if (!r)
		return;
	if (r->refused && r->dropped)
		end_all_windows(r, UINT64_MAX);
	sd_event_source_disable_unref(r->timer);
	fold_free(r->refused);
	fold_free(r->dropped);
	free(r);
}

/* --- windows --- */

static void set_timer(struct refusals *r)
{
	uint64_t next = fold_next(r->refused), dropped = fold_next(r->dropped);

	if (dropped < next)
		next = dropped;
	if (next != UINT64_MAX && sd_event_source_set_time(r->timer, next) >= 0)
		(void)sd_event_source_set_enabled(r->timer, SD_EVENT_ONESHOT);
}

static int on_window_end(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct refusals *r = userdata;

	end_all_windows(r, now_usec(CLOCK_MONOTONIC));
	set_timer(r);
	return 0;
}

void refusals_add(struct manager *m, uid_t peer_uid, json_t *record)
{
	struct refusals *r = m->refusals;
	unsigned char key[FOLD_KEY_SIZE];
	struct fold_entry *e;

	hash_kind(record, peer_uid, key);
	if (!fold_add(r->refused, peer_uid, key, now_usec(CLOCK_MONOTONIC), &e)) {
		json_decref(record);
	} else {
		e->payload = without_process(record, peer_uid);
		(void)record_append(m, record, NULL, NULL);
	}
	set_timer(r);
}

void refusals_dropped(struct manager *m, uid_t uid)
{
	static const unsigned char any[FOLD_KEY_SIZE];
	struct refusals *r = m->refusals;
	struct fold_entry *e;

	if (fold_add(r->dropped, uid, any, now_usec(CLOCK_MONOTONIC), &e)) {
		json_t *record = folded_record("requests.dropped", e);

		json_object_set_new(record, "count", json_integer(1));
		(void)record_append(m, record, NULL, NULL);
	}
	set_timer(r);
}
