/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* devlease-policy(5) speaks of every key there is, under the right heading. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "policy/keys.h"

/* Of the page from one heading to the next; the page is cut there. */
static char *part(const char *page, const char *heading)
{
	char *begin = strstr(page, heading), *end;

	cr_assert_not_null(begin, "no %s", heading);
	begin = strdup(begin + strlen(heading));
	end = strstr(begin, "\n# ");
	cr_assert_not_null(end);
	*end = '\0';
	return begin;
}

Test(policy_page, every_key)
{
	_cleanup_free_ char *page = NULL, *match = NULL, *decide = NULL;
	size_t size;

	cr_assert_geq(read_file_at(AT_FDCWD, getenv("DEVLEASE_POLICY_PAGE"), 1 << 20, &page, &size),
		0);
	match = part(page, "\n# KEYS THAT MATCH\n");
	decide = part(page, "\n# KEYS THAT DECIDE\n");
	for (size_t i = 0; i < policy_keys_n; i++) {
		const struct policy_key *key = &policy_keys[i];
		char entry[64];

		snprintf(entry, sizeof(entry), "\n*%s=*", key->name);
		cr_expect(strstr(key->type == KEY_MATCH ? match : decide, entry), "%s is not there",
			key->name);
	}
}
