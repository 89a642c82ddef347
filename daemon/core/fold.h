/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Folds repeats of what one uid causes: the first of a kind is told at once, the repeats of the
 * window that follows are counted and told together at its end. All memory is taken at the start.
 * When a uid causes too many kinds, or too many uids cause anything, the rest of them is folded
 * whatever its kind, so that what is told in a window is bounded and every count still adds up.
 * Time is passed in (CLOCK_MONOTONIC, microseconds).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/macro.h"

#define FOLD_KEY_SIZE 32

struct fold_limits {
	uint64_t window_usec;
	size_t entries; /* kept at once; at least 2 */
	size_t per_uid; /* kinds of one uid at once; at least 1 */
};

/* One that was told, and how often it was repeated in the window since. */
struct fold_entry {
	bool used;
	enum fold_scope {
		FOLD_KIND,     /* one kind of one uid */
		FOLD_UID,      /* the kinds of one uid that found no place */
		FOLD_EVERYBODY /* what found no place at all */
	} scope;
	uid_t uid;
	unsigned char key[FOLD_KEY_SIZE];
	uint64_t since; /* begin of the window */
	uint64_t count;
	void *payload;  /* the caller's; NULL at first */
};

struct fold;

/* -EINVAL for limits out of range, -ENOMEM. */
int fold_new(const struct fold_limits *limits, struct fold **ret);
/* Payloads are the caller's to free before: see fold_end. */
void fold_free(struct fold *f);

/*
 * True: a kind that is told now, and its place (scope FOLD_KIND always); the caller may set the
 * payload. False: it was counted there. The place is valid until the next call.
 */
bool fold_add(struct fold *f, uid_t uid, const unsigned char key[FOLD_KEY_SIZE], uint64_t now,
	struct fold_entry **ret);
/* When the next window ends; UINT64_MAX when there is none. */
uint64_t fold_next(const struct fold *f);
/*
 * Takes the next entry whose window has ended by now (UINT64_MAX: any), false when there is none.
 * One that was repeated is to be told with its count and begins a new window, its payload kept.
 * One that was not, or any when now is UINT64_MAX, is forgotten: *ret has its payload to free.
 */
bool fold_end(struct fold *f, uint64_t now, struct fold_entry *ret, bool *ret_forgotten);
