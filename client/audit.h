/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the verbs that read the assignment journal share. */
#pragma once

#include "state/journal-set.h"

#define AUDIT_FILE "/var/log/devlease/journal.jsonl"

/* Adds path, or AUDIT_FILE when it is NULL, with all files that were rotated before it; says why
 * it cannot. 0 or -errno. */
int audit_open(const char *path, struct journal_set *ret);
