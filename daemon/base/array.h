/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Arrays that grow item by item. How much room there is follows from how many items there are: the
 * next power of two, so nothing but the count has to be kept. That holds for arrays that are only
 * ever grown here, or that begin as NULL with no item.
 */
#pragma once

#include <stddef.h>
#include <stdlib.h>

static inline size_t array_room(size_t n)
{
	size_t room = n > 0 ? 8 : 0;

	while (room < n)
		room *= 2;
	return room;
}

/* The items with room for `more` behind the n there are, or NULL, and they stay where they were. */
static inline void *array_with_room(void *items, size_t n, size_t more, size_t size)
{
	if (n + more <= array_room(n))
		return items;
	return reallocarray(items, array_room(n + more), size);
}

/* Makes room for one more: array_reserve(items, n) before items[n++] = ...; false without memory. */
#define array_reserve(items, n)                                                                    \
	({                                                                                         \
		__typeof__(items) roomy_ = array_with_room((items), (n), 1, sizeof(*(items)));     \
		if (roomy_)                                                                        \
			(items) = roomy_;                                                          \
		roomy_ != NULL;                                                                    \
	})
