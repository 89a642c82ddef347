/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names of fds: escaping, and {NAME} in arguments. */
#include <criterion/criterion.h>

#include "base/text.h"
#include "client/names.h"

static char *const names[] = {"iommu", "hold", "0000:01:00.0", "mdev:a-b", "0001:0a:00.0", NULL};

static void check(const char *text, const char *expected)
{
	_cleanup_free_ char *got = fd_names_substitute(text, names);

	cr_assert_str_eq(got, expected, "%s became %s, not %s", text, got, expected);
}

Test(names, placeholders)
{
	check("{iommu}", "3");
	check("fd={hold},dev={0000:01:00.0}", "fd=4,dev=5");
	check("{mdev:a-b}{iommu}", "63");
	check("{01:00.0}", "5");
	check("{0001:0A:00.0}", "7");
}

Test(names, everything_else_stays)
{
	static const char *const same[] = {"", "plain", "{", "}", "{}", "{other}", "{iommu",
		"iommu}", "{ iommu}", "{0a:00.0}", "{0000:0000:01:00.0}", "100%"};

	for (size_t i = 0; i < ARRAY_SIZE(same); i++)
		check(same[i], same[i]);
	check("{{iommu}}", "{3}");
	check("{x{hold}", "{x4");
}

Test(names, escape)
{
	_cleanup_free_ char *one = fd_name_escape("0000:01:00.0");
	_cleanup_free_ char *all = fd_names_join(names);
	_cleanup_free_ char *none = fd_names_join((char *[]){NULL});

	cr_assert_str_eq(one, "0000-01-00.0");
	cr_assert_str_eq(all, "iommu:hold:0000-01-00.0:mdev-a-b:0001-0a-00.0");
	cr_assert_str_eq(none, "");
}
