/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names of fds. No input makes these fail but a lack of memory. */
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "names.h"

char *fd_name_escape(const char *name)
{
	char *copy = strdup(name);

	for (char *p = copy; p && *p; p++)
		if (*p == ':')
			*p = '-';
	return copy;
}

char *fd_names_join(char *const *names)
{
	_cleanup_text_ struct text t = {0};

	text_append(&t, "");
	for (size_t i = 0; names && names[i]; i++) {
		_cleanup_free_ char *name = fd_name_escape(names[i]);

		if (!name)
			return NULL;
		if (i > 0)
			text_append(&t, ":");
		text_append(&t, name);
	}
	return text_steal(&t);
}

static bool name_matches(const char *name, const char *given, size_t n)
{
	static const char domain[] = "0000:";
	size_t skip = strlen(domain);

	if (strlen(name) == n && strncasecmp(name, given, n) == 0)
		return true;
	return strncmp(name, domain, skip) == 0 && strlen(name + skip) == n &&
		strncasecmp(name + skip, given, n) == 0;
}

/* The number of the name in braces at text, or -1. */
static int number_of(const char *text, size_t n, char *const *names)
{
	for (size_t i = 0; names && names[i]; i++)
		if (name_matches(names[i], text, n))
			return FIRST_FD + (int)i;
	return -1;
}

char *fd_names_substitute(const char *text, char *const *names)
{
	_cleanup_text_ struct text t = {0};

	text_append(&t, "");
	while (*text) {
		size_t n = 0;
		int number = -1;

		if (*text == '{') {
			n = strcspn(text + 1, "{}");
			if (text[1 + n] == '}')
				number = number_of(text + 1, n, names);
		}
		if (number >= 0) {
			text_appendf(&t, "%d", number);
			text += n + 2;
		} else {
			text_append(&t, (char[]){*text++, '\0'});
		}
	}
	return text_steal(&t);
}
