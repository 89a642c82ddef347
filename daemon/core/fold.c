/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A table of fixed size, searched from its start: it is small, and looked at once for a refusal
 * that has cost a whole decision. Its last entry is everybody's.
 */
#include <errno.h>
#include <string.h>

#include "core/fold.h"

struct fold {
	struct fold_limits limits;
	struct fold_entry *entries;
};

int fold_new(const struct fold_limits *limits, struct fold **ret)
{
	struct fold *f;

	if (limits->entries < 2 || limits->per_uid < 1)
		return -EINVAL;
	f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	f->limits = *limits;
	f->entries = calloc(limits->entries, sizeof(*f->entries));
	if (!f->entries) {
		free(f);
		return -ENOMEM;
	}
	*ret = f;
	return 0;
}

void fold_free(struct fold *f)
{
	if (f)
		free(f->entries);
	free(f);
}

static struct fold_entry *begin(struct fold_entry *e, enum fold_scope scope, uid_t uid,
	const unsigned char *key, uint64_t now)
{
	*e = (struct fold_entry){.used = true, .scope = scope, .uid = uid, .since = now};
	if (key)
		memcpy(e->key, key, FOLD_KEY_SIZE);
	return e;
}

/* Where it is counted, or the place for it. */
struct search {
	struct fold_entry *kind, *rest, *unused;
	size_t kinds; /* of this uid */
};

static struct search search(const struct fold *f, uid_t uid, const unsigned char *key)
{
	struct search s = {0};

	for (size_t i = 0; i + 1 < f->limits.entries; i++) {
		struct fold_entry *e = &f->entries[i];

		if (!e->used) {
			s.unused = s.unused ? s.unused : e;
		} else if (e->uid == uid && e->scope == FOLD_UID) {
			s.rest = e;
		} else if (e->uid == uid) {
			s.kinds++;
			if (memcmp(e->key, key, FOLD_KEY_SIZE) == 0)
				s.kind = e;
		}
	}
	return s;
}

bool fold_add(struct fold *f, uid_t uid, const unsigned char key[FOLD_KEY_SIZE], uint64_t now,
	struct fold_entry **ret)
{
	struct fold_entry *everybody = &f->entries[f->limits.entries - 1];
	struct search s = search(f, uid, key);

	if (!s.kind && s.kinds < f->limits.per_uid && s.unused) {
		*ret = begin(s.unused, FOLD_KIND, uid, key, now);
		return true;
	}
	if (s.kind)
		*ret = s.kind;
	else if (s.rest)
		*ret = s.rest;
	else if (s.unused)
		*ret = begin(s.unused, FOLD_UID, uid, NULL, now);
	else
		*ret = everybody->used ? everybody :
					 begin(everybody, FOLD_EVERYBODY, 0, NULL, now);
	(*ret)->count++;
	return false;
}

static uint64_t window_end(const struct fold *f, const struct fold_entry *e)
{
	return e->since + f->limits.window_usec;
}

uint64_t fold_next(const struct fold *f)
{
	uint64_t next = UINT64_MAX;

	for (size_t i = 0; i < f->limits.entries; i++)
		if (f->entries[i].used && window_end(f, &f->entries[i]) < next)
			next = window_end(f, &f->entries[i]);
	return next;
}

bool fold_end(struct fold *f, uint64_t now, struct fold_entry *ret, bool *ret_forgotten)
{
	for (size_t i = 0; i < f->limits.entries; i++) {
		struct fold_entry *e = &f->entries[i];

		if (!e->used || window_end(f, e) > now)
			continue;
		*ret = *e;
		/* With no end to the windows, as at the last call, nothing can begin anew. */
		*ret_forgotten = e->count == 0 || now == UINT64_MAX;
		if (*ret_forgotten) {
			e->used = false;
		} else {
			e->since = now;
			e->count = 0;
		}
		return true;
	}
	return false;
}
