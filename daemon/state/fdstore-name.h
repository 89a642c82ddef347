/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names in the fd store, LEASE.ROLE. The service manager takes printable ASCII without ':' only,
 * up to 255 characters, and silently renames anything else. A ':' is written as '_'; '_', '%' and
 * what is not permitted as %XX, so that every role comes back as it was given.
 */
#pragma once

#define FDSTORE_NAME_MAX 255

/* -EINVAL for a bad lease id or an empty role, -ENAMETOOLONG. */
int fdstore_name_encode(const char *lease, const char *role, char ret[FDSTORE_NAME_MAX + 1]);
/* Both allocated. -EBADMSG when the name has another form. */
int fdstore_name_decode(const char *name, char **ret_lease, char **ret_role);
