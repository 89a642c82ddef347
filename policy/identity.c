/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names through NSS. A text of digits is always a number, whatever a directory calls its users. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/text.h"
#include "policy/identity.h"

/* A group with many members needs a large buffer; beyond this something is wrong. */
#define BUFFER_MAX ((size_t)16 * 1024 * 1024)

static int parse_id(const char *s, uint32_t *ret)
{
	uint64_t v;

	/* (uid_t)-1 means "leave as it is" to the kernel, and so did 65535 once */
	if (parse_u64(s, &v) < 0 || v >= UINT32_MAX || v == UINT16_MAX)
		return -ERANGE;
	*ret = v;
	return 0;
}

/* Both lookups return an errno, or 0 with a NULL result when there is no such name. */
static int try_user(const char *name, char *buffer, size_t size, uint32_t *ret)
{
	struct passwd entry, *found = NULL;
	int error = getpwnam_r(name, &entry, buffer, size, &found);

	if (found)
		*ret = found->pw_uid;
	return found ? 0 : error ? -error : -ESRCH;
}

static int try_group(const char *name, char *buffer, size_t size, uint32_t *ret)
{
	struct group entry, *found = NULL;
	int error = getgrnam_r(name, &entry, buffer, size, &found);

	if (found)
		*ret = found->gr_gid;
	return found ? 0 : error ? -error : -ESRCH;
}

static int look_up(const char *name, uint32_t *ret,
	int (*try)(const char *name, char *buffer, size_t size, uint32_t *ret))
{
	if (*name && name[strspn(name, "0123456789")] == '\0')
		return parse_id(name, ret);
	for (size_t size = 4096; size <= BUFFER_MAX; size *= 4) {
		_cleanup_free_ char *buffer = malloc(size);
		int r;

		if (!buffer)
			return -ENOMEM;
		r = try(name, buffer, size, ret);
		/* what getpwnam(3) lists for "not found", as NSS modules differ */
		if (r == -ENOENT || r == -EBADF || r == -EPERM)
			return -ESRCH;
		if (r != -ERANGE)
			return r;
	}
	return -EMSGSIZE;
}

int identity_user(const char *name, uid_t *ret)
{
	return look_up(name, ret, try_user);
}

int identity_group(const char *name, gid_t *ret)
{
	return look_up(name, ret, try_group);
}
