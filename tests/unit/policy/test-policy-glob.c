/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One pattern within another: by cases, and against all short texts for random patterns. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/text.h"
#include "policy/internal.h"

static const struct {
	const char *a, *b;
	bool within;
} cases[] = {
	{"", "", true},
	{"", "*", true},
	{"*", "", false},
	{"abc", "abc", true},
	{"abc", "ab", false},
	{"abc", "a?c", true},
	{"a?c", "abc", false},
	{"*", "*", true},
	{"**", "*", true},
	{"*", "**", true},
	{"?*", "*?", true},
	{"*?", "?*", true},
	{"?", "*", true},
	{"*", "?", false},
	{"*", "?*", false},
	{"a*", "*a*", true},
	{"*a*", "a*", false},
	{"a*b*c", "a*c", true},
	{"a*c", "a*b*c", false},
	{"[0-3]", "[0-9]", true},
	{"[0-9]", "[0-3]", false},
	{"[!0-9]", "?", true},
	{"?", "[!0-9]", false},
	{"[!0-9a-f]", "[!0-9]", true},
	{"[]x]", "[x-z]", false},
	{"[]x]", "[]w-z]", true},
	{"[abc]d", "?d", true},
	{"x[abc]d", "xa*", false},
	{"0000:0[1-3]:00.*", "0000:0?:00.[0-7]*", false},
	{"0000:0[1-3]:00.[0-7]", "0000:0?:00.[0-9]", true},
	{"spdk@*.service", "spdk*.service", true},
	{"spdk*.service", "spdk@*.service", false},
	{"*a?????????????????????????b", "*?????????????????????????b", true},
	/* not told, though they are */
	{"[[:digit:]]", "?", false},
	{"[^a]", "?", false},
	/* the bracket is empty, and so is what the pattern matches */
	{"[9-0]", "x", true},
};

Test(policy_glob, within)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		cr_expect_eq(glob_within(cases[i].a, cases[i].b), cases[i].within, "%s in %s",
			cases[i].a, cases[i].b);
}

/* More states of the second pattern at a time than are followed: an answer, and soon. */
Test(policy_glob, too_many_states)
{
	char a[128] = "*", b[128] = "*a";

	memset(a + 1, '?', 60);
	memset(b + 2, '?', 60);
	cr_expect_eq(glob_within(b, b), true);
	cr_expect_eq(glob_within(b, a), true);
	strcat(b, "*b");
	cr_expect_eq(glob_within(b, "*a*b?"), false);
}

static unsigned below(unsigned *state, unsigned n)
{
	*state = *state * 1103515245 + 12345;
	return (*state >> 16) % n;
}

static void random_pattern(unsigned *state, char *ret)
{
	static const char *const parts[] = {"a", "b", "c", "?", "*", "[ab]", "[!a]", "[a-c]"};

	*ret = '\0';
	for (unsigned n = below(state, 5); n > 0; n--)
		strcat(ret, parts[below(state, ARRAY_SIZE(parts))]);
}

/* Whether there is a text of up to `more` letters from text on that a alone matches. */
static bool find_witness(const char *a, const char *b, char *text, size_t n, size_t more)
{
	text[n] = '\0';
	if (glob_matches(a, text) && !glob_matches(b, text))
		return true;
	for (const char *c = "abcd"; more > 0 && *c; c++) {
		text[n] = *c;
		if (find_witness(a, b, text, n + 1, more - 1))
			return true;
	}
	return false;
}

/* Four parts tell no more than six letters can show, "d" standing for all that are not named. */
Test(policy_glob, agrees_with_all_short_texts)
{
	unsigned state = 1, within = 0;

	for (int i = 0; i < 2000; i++) {
		char a[64], b[64], text[8];
		bool got;

		random_pattern(&state, a);
		random_pattern(&state, b);
		got = glob_within(a, b);
		within += got;
		cr_assert_eq(got, !find_witness(a, b, text, 0, 6), "'%s' in '%s'", a, b);
	}
	cr_assert_gt(within, 100, "%u of 2000", within);
}
