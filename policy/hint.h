/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* "did you mean": how far apart two words are. */
#pragma once

#include <stddef.h>

/* Of the n words the one nearest to s, when it is near enough to be a slip; else NULL. */
const char *hint_nearest(const char *s, const char *const *words, size_t n);
/* The same for a list "one, two", which is cut up in place. */
const char *hint_nearest_listed(const char *s, char *list);
