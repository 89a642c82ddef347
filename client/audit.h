/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the verbs that read the assignment journal share. */
#pragma once

#define AUDIT_FILE "/var/log/devlease/journal.jsonl"

/* Opens path, or AUDIT_FILE when it is NULL; says why it cannot. An fd or -errno. */
int audit_open(const char *path);
