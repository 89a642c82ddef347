/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Times as the command line takes them. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "client/when.h"

#define SEC UINT64_C(1000000)
/* 2024-03-10 15:30:45 UTC */
#define NOW (UINT64_C(1710084645) * SEC)
#define MIDNIGHT (UINT64_C(1710028800) * SEC)

static void utc(void)
{
	setenv("TZ", "UTC", 1);
	tzset();
}

TestSuite(when, .init = utc);

static void check(const char *text, uint64_t expected)
{
	uint64_t got = 0;

	cr_expect_eq(when_parse(text, NOW, &got), 0, "%s", text);
	cr_expect_eq(got, expected, "%s: %llu, not %llu", text, (unsigned long long)got,
		(unsigned long long)expected);
}

Test(when, forms)
{
	check("now", NOW);
	check("today", MIDNIGHT);
	check("yesterday", MIDNIGHT - 86400 * SEC);
	check("2024-03-10", MIDNIGHT);
	check("2024-03-10 15:30", NOW - 45 * SEC);
	check("2024-03-10 15:30:45", NOW);
	check("2024-03-10T15:30:45", NOW);
	check("15:30:45", NOW);
	check("00:01", MIDNIGHT + 60 * SEC);
	check("@1710084645", NOW);
	check("-5min", NOW - 300 * SEC);
	check("5min ago", NOW - 300 * SEC);
	check("2 h ago", NOW - 7200 * SEC);
	check("-1d", NOW - 86400 * SEC);
}

Test(when, garbage)
{
	static const char *const bad[] = {"", "never", "2024-13-01", "2024-03-10 25:00", "5min",
		"-5min ago", "-5", "5 parsecs ago", "@", "@x", "@99999999999999999999",
		"-99999999999999999999s", "-18446744073709551615w", "2024-03-10x", "--5s", "- 5s"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint64_t untouched = 42;

		cr_expect_eq(when_parse(bad[i], NOW, &untouched), -EINVAL, "\"%s\"", bad[i]);
		cr_expect_eq(untouched, 42, "\"%s\"", bad[i]);
	}
}
