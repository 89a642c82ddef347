/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Users and groups of the system, looked up when a policy is loaded and never at a request. */
#pragma once

#include <sys/types.h>

/*
 * A name or a decimal id. 0; -ESRCH when there is no such name, -ERANGE when a number is no valid
 * id, another -errno when the lookup failed.
 */
int identity_user(const char *name, uid_t *ret);
int identity_group(const char *name, gid_t *ret);
