/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Token buckets in a table of fixed size. Tokens are counted in millionths of a call, so that the
 * refill of any time span is exact. A uid is forgotten only when its bucket is full and it has
 * nothing outstanding, which is the state in which a new one starts: forgetting gives nothing away.
 */
#include <errno.h>
#include <stdbool.h>

#include "core/quota.h"

#define MILLION 1000000
#define RATE_MAX 1000000

struct entry {
	uid_t uid;
	bool used;
	unsigned outstanding;
	int64_t tokens; /* millionths of a call; below zero: a debt */
	uint64_t since; /* when tokens was right */
};

struct quota {
	struct quota_limits limits;
	struct entry *entries; /* the first one is root's */
	size_t n;
};

static int64_t full(const struct quota *q)
{
	return (int64_t)q->limits.burst * MILLION;
}

int quota_new(const struct quota_limits *limits, struct quota **ret)
{
	_cleanup_quota_free_ struct quota *q = NULL;

	if (limits->burst < 1 || limits->burst > RATE_MAX || limits->per_second > RATE_MAX ||
		limits->uids < 1)
		return -EINVAL;
	q = calloc(1, sizeof(*q));
	if (!q)
		return -ENOMEM;
	q->limits = *limits;
	q->n = limits->uids + 1;
	q->entries = calloc(q->n, sizeof(*q->entries));
	if (!q->entries)
		return -ENOMEM;
	q->entries[0] = (struct entry){.uid = 0, .used = true, .tokens = full(q)};
	*ret = TAKE_PTR(q);
	return 0;
}

void quota_free(struct quota *q)
{
	if (q)
		free(q->entries);
	free(q);
}

static void refill(const struct quota *q, struct entry *e, uint64_t now)
{
	int64_t missing = full(q) - e->tokens;
	uint64_t elapsed = now > e->since ? now - e->since : 0;

	if (now > e->since)
		e->since = now;
	/* The division first: elapsed * rate could overflow. */
	if (q->limits.per_second > 0 && elapsed > (uint64_t)missing / q->limits.per_second)
		e->tokens = full(q);
	else
		e->tokens += (int64_t)(elapsed * q->limits.per_second);
}

static struct entry *find(const struct quota *q, uid_t uid)
{
	for (size_t i = 0; i < q->n; i++)
		if (q->entries[i].used && q->entries[i].uid == uid)
			return &q->entries[i];
	return NULL;
}

static bool is_idle(const struct quota *q, const struct entry *e)
{
	return e->outstanding == 0 && e->tokens == full(q);
}

/* A free place, or that of a uid which has been idle long enough. */
static struct entry *take_place(const struct quota *q, uint64_t now)
{
	for (size_t i = 1; i < q->n; i++)
		if (!q->entries[i].used)
			return &q->entries[i];
	for (size_t i = 1; i < q->n; i++) {
		refill(q, &q->entries[i], now);
		if (is_idle(q, &q->entries[i]))
			return &q->entries[i];
	}
	return NULL;
}

static struct entry *get(const struct quota *q, uid_t uid, uint64_t now)
{
	struct entry *e = find(q, uid);

	if (!e) {
		e = take_place(q, now);
		if (!e)
			return NULL;
		*e = (struct entry){.uid = uid, .used = true, .tokens = full(q), .since = now};
	}
	refill(q, e, now);
	return e;
}

int quota_charge(struct quota *q, uid_t uid, unsigned cost, uint64_t now_usec)
{
	struct entry *e = get(q, uid, now_usec);
	int64_t price = (int64_t)cost * MILLION;

	if (!e)
		return -EUSERS;
	if (e->tokens < price && e->tokens < full(q))
		return -EDQUOT;
	e->tokens -= price;
	return 0;
}

int quota_begin(struct quota *q, uid_t uid, uint64_t now_usec)
{
	struct entry *e = get(q, uid, now_usec);

	if (!e)
		return -EUSERS;
	if (e->outstanding >= q->limits.outstanding)
		return -EDQUOT;
	e->outstanding++;
	return 0;
}

void quota_end(struct quota *q, uid_t uid)
{
	struct entry *e = find(q, uid);

	if (e && e->outstanding > 0)
		e->outstanding--;
}
