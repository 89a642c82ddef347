/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Collecting what is wrong in policy files. Texts are ASCII: what came from a file is escaped. */
#pragma once

#include <stdbool.h>

#include "policy/policy.h"

/* Line and column as in struct policy_error. 0 or -ENOMEM. */
int policy_errors_add(struct policy_errors *e, bool warning, const char *file, unsigned line,
	unsigned column, const char *format, ...) PRINTF_LIKE(6, 7);
/* Brings the items from the given index on into the order of lines and columns. */
void policy_errors_sort_from(struct policy_errors *e, size_t first);
/* How many are errors, not warnings. */
size_t policy_errors_count(const struct policy_errors *e);
