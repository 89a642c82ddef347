/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the verbs that read the assignment journal share. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "state/journal-set.h"

struct audit_filter;
struct options;

#define AUDIT_FILE "/var/log/devlease/journal.jsonl"

/* Adds path, or AUDIT_FILE when it is NULL, with all files that were rotated before it; says why
 * it cannot. 0 or -errno. */
int audit_open(const char *path, struct journal_set *ret);
/* From the options; an exit status, and it has said what is wrong with them. */
int audit_make_filter(const struct options *o, struct audit_filter *ret);
/* The user's name, the number when it has none, "" below 0. */
void audit_user_name(int64_t uid, char *buffer, size_t size);
