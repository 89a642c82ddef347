/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Repeats are counted, what is told is bounded, and nothing is lost from the counts. */
#include <criterion/criterion.h>
#include <errno.h>

#include "core/fold.h"

#define SECOND 1000000ULL

static struct fold *new_fold(size_t entries, size_t per_uid)
{
	struct fold_limits limits = {10 * SECOND, entries, per_uid};
	struct fold *f = NULL;

	cr_assert_eq(fold_new(&limits, &f), 0);
	return f;
}

static bool add(struct fold *f, uid_t uid, unsigned kind, uint64_t now, struct fold_entry **ret)
{
	unsigned char key[FOLD_KEY_SIZE] = {kind, kind >> 8};
	struct fold_entry *e;

	return fold_add(f, uid, key, now, ret ? ret : &e);
}

static void expect_end(struct fold *f, uint64_t now, uint64_t count, bool forgotten)
{
	struct fold_entry e;
	bool gone;

	cr_assert(fold_end(f, now, &e, &gone));
	cr_expect_eq(e.count, count);
	cr_expect_eq(gone, forgotten);
}

static void expect_no_end(struct fold *f, uint64_t now)
{
	struct fold_entry e;
	bool gone;

	cr_expect_not(fold_end(f, now, &e, &gone));
}

Test(fold, repeats_are_counted_until_the_window_ends)
{
	struct fold *f = new_fold(8, 4);
	struct fold_entry *e;

	cr_expect_eq(fold_next(f), UINT64_MAX);
	cr_expect(add(f, 1000, 1, SECOND, &e));
	e->payload = f;
	for (int i = 0; i < 5; i++)
		cr_expect_not(add(f, 1000, 1, 2 * SECOND, &e));
	cr_expect_eq(e->payload, f);
	cr_expect(add(f, 1001, 1, 2 * SECOND, NULL), "another uid");
	cr_expect(add(f, 1000, 2, 2 * SECOND, NULL), "another kind");
	cr_expect_eq(fold_next(f), 11 * SECOND);
	expect_no_end(f, 11 * SECOND - 1);
	expect_end(f, 11 * SECOND, 5, false);
	expect_no_end(f, 11 * SECOND);
	/* Still the same: a flood that goes on has one record a window. */
	cr_expect_not(add(f, 1000, 1, 12 * SECOND, &e));
	cr_expect_eq(e->payload, f);
	expect_end(f, 12 * SECOND, 0, true);
	expect_end(f, 12 * SECOND, 0, true);
	expect_no_end(f, 12 * SECOND);
	expect_end(f, 21 * SECOND, 1, false);
	expect_end(f, 31 * SECOND, 0, true);
	cr_expect_eq(fold_next(f), UINT64_MAX);
	cr_expect(add(f, 1000, 1, 40 * SECOND, NULL), "it was forgotten");
	fold_free(f);
}

Test(fold, at_the_end_all_is_told)
{
	struct fold *f = new_fold(8, 4);

	add(f, 1000, 1, SECOND, NULL);
	add(f, 1000, 1, SECOND, NULL);
	expect_end(f, UINT64_MAX, 1, true);
	expect_no_end(f, UINT64_MAX);
	fold_free(f);
}

/* Whoever varies what he asks for, in whatever order: bounded, and the sum is right. */
Test(fold, many_kinds_and_many_uids)
{
	enum { UIDS = 40, KINDS = 50, ENTRIES = 64, PER_UID = 4 };
	struct fold *f = new_fold(ENTRIES, PER_UID);
	struct fold_entry e;
	size_t told = 0, sum = 0, of_everybody = 0;
	bool gone;

	for (unsigned kind = 0; kind < KINDS; kind++)
		for (uid_t uid = 0; uid < UIDS; uid++) {
			struct fold_entry *at;
			bool now = add(f, uid, kind, SECOND, &at);

			told += now;
			sum += now;
			cr_assert(at->scope == FOLD_EVERYBODY || at->uid == uid);
			cr_assert(!now || at->scope == FOLD_KIND);
		}
	while (fold_end(f, UINT64_MAX, &e, &gone)) {
		told += e.count > 0;
		sum += e.count;
		of_everybody += e.scope == FOLD_EVERYBODY ? e.count : 0;
	}
	cr_expect_eq(sum, UIDS * KINDS);
	cr_expect_leq(told, 2 * ENTRIES);
	cr_expect_gt(of_everybody, 0);
	fold_free(f);
}

Test(fold, one_uid_cannot_take_all_places)
{
	struct fold *f = new_fold(64, 4);
	struct fold_entry *e;

	for (unsigned kind = 0; kind < 100; kind++)
		add(f, 1000, kind, SECOND, &e);
	cr_expect_eq(e->scope, FOLD_UID);
	cr_expect_eq(e->count, 96);
	cr_expect(add(f, 1001, 1, SECOND, NULL));
	fold_free(f);
}

Test(fold, limits)
{
	struct fold *f;

	cr_expect_eq(fold_new(&(struct fold_limits){1, 1, 1}, &f), -EINVAL);
	cr_expect_eq(fold_new(&(struct fold_limits){1, 2, 0}, &f), -EINVAL);
}
