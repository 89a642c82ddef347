/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Collects the files of policy.d over the configuration hierarchies, as the UAPI configuration
 * files specification has it: one list of base names, sorted with strcmp; of files with the same
 * base name only the one in the highest hierarchy counts; an empty one or a link to /dev/null
 * there masks the others. A file that cannot be read is a problem, never passed over: it may hold
 * a denial.
 */
#pragma once

#include <stddef.h>

#include "policy/policy.h"

#define POLICY_FILE_MAX ((size_t)1024 * 1024)

struct dropin {
	char *name; /* base name */
	char *path; /* relative to the root */
};
struct dropins {
	struct dropin *items; /* sorted by name */
	size_t n;
};

/*
 * Finds the files that count, masks among them. Returns 0, also with a directory that cannot be
 * read being in errors, or -ENOMEM.
 */
int dropins_collect(int root_fd, struct dropins *ret, struct policy_errors *errors);
void dropins_done(struct dropins *d);
/* Reads one file. Returns 1 with data, 0 when it is /dev/null, or -errno. */
int dropin_read(int dir_fd, const char *path, char **ret, size_t *ret_size);
/* "cannot be read: REASON" for what dropin_read() returned; 0 or -ENOMEM. */
int dropin_problem(struct policy_errors *errors, const char *path, int error);
