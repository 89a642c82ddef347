/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Both directions of the mapping stand together here; each undoes the other exactly. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "state/fdstore-name.h"
#include "state/store-internal.h"

int fdstore_name_encode(const char *lease, const char *role, char ret[FDSTORE_NAME_MAX + 1])
{
	_cleanup_text_ struct text t = {0};

	if (!lease_id_is_valid(lease) || !role || !*role)
		return -EINVAL;
	text_appendf(&t, "%s.", lease);
	for (const char *s = role; *s; s++) {
		unsigned char c = *s;

		if (c == ':')
			text_append(&t, "_");
		else if (c > ' ' && c < 0x7f && c != '_' && c != '%')
			text_append(&t, (char[]){c, '\0'});
		else
			text_appendf(&t, "%%%02x", c);
	}
	if (t.failed)
		return -ENOMEM;
	if (t.size > FDSTORE_NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(ret, t.data, t.size + 1);
	return 0;
}

/* The byte of "XX"; -EBADMSG when these are no hex digits, or NUL, which no role holds. */
static int decode_byte(const char *s)
{
	uint64_t byte;
	char hex[3] = {s[0], s[0] ? s[1] : '\0'};

	if (!isxdigit((unsigned char)hex[0]) || !isxdigit((unsigned char)hex[1]))
		return -EBADMSG;
	return parse_hex(hex, 255, &byte) < 0 || byte == 0 ? -EBADMSG : (int)byte;
}

static int decode_role(const char *s, char *ret)
{
	for (; *s; s++) {
		int byte = *s == '_' ? ':' : (unsigned char)*s;

		if (*s == '%') {
			byte = decode_byte(s + 1);
			if (byte < 0)
				return byte;
			s += 2;
		}
		*ret++ = byte;
	}
	*ret = '\0';
	return 0;
}

int fdstore_name_decode(const char *name, char **ret_lease, char **ret_role)
{
	const char *dot = strchr(name, '.');
	_cleanup_free_ char *lease = NULL, *role = NULL;
	int r;

	if (!dot || !dot[1])
		return -EBADMSG;
	lease = strndup(name, dot - name);
	role = strdup(dot + 1);
	if (!lease || !role)
		return -ENOMEM;
	if (!lease_id_is_valid(lease))
		return -EBADMSG;
	r = decode_role(dot + 1, role);
	if (r < 0)
		return r;
	*ret_lease = TAKE_PTR(lease);
	*ret_role = TAKE_PTR(role);
	return 0;
}
