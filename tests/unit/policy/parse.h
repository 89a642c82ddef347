/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Parsing texts in the policy's unit tests. */
#pragma once

#include <criterion/criterion.h>
#include <string.h>

#include "base/text.h"
#include "policy/policy.h"

/* The policy, which must be free of errors; warnings are dropped. */
static inline struct policy *parse_ok(const char *text)
{
	struct policy_errors errors = {0};
	struct policy *p = NULL;
	int r = policy_parse("test.conf", text, strlen(text), &p, &errors);
	char *shown = policy_errors_to_text(&errors);

	cr_assert(r == 0, "%d for:\n%s\n%s", r, text, shown);
	cr_assert_not_null(p);
	free(shown);
	policy_errors_done(&errors);
	return p;
}

/* The problems of a text as policy check shows them; says in *ret_r what policy_parse returned. */
static inline char *parse_problems(const char *text, size_t size, int *ret_r)
{
	struct policy_errors errors = {0};
	struct policy *p = NULL;
	char *shown;

	*ret_r = policy_parse("test.conf", text, size, &p, &errors);
	cr_assert((*ret_r == 0) == (p != NULL));
	policy_free(p);
	shown = policy_errors_to_text(&errors);
	cr_assert_not_null(shown);
	policy_errors_done(&errors);
	return shown;
}
