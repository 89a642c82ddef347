/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Findings and the words of verdicts. */
#include <criterion/criterion.h>
#include <errno.h>

#include "base/text.h"
#include "policy/verdict.h"

Test(verdict, words)
{
	cr_assert_str_eq(verdict_to_string(VERDICT_ALLOW), "allow");
	cr_assert_str_eq(verdict_to_string(VERDICT_ASK), "ask");
	cr_assert_str_eq(verdict_to_string(VERDICT_DENY), "deny");
	cr_assert_null(verdict_to_string(3));
	cr_assert_eq(verdict_from_string("ask"), VERDICT_ASK);
	cr_assert_eq(verdict_from_string("Allow"), -EINVAL);
	cr_assert_eq(verdict_from_string(NULL), -EINVAL);
	cr_assert_str_eq(severity_to_string(SEVERITY_OK), "ok");
	cr_assert_str_eq(severity_to_string(SEVERITY_WARN), "warn");
	cr_assert_str_eq(severity_to_string(SEVERITY_REFUSE), "refuse");
}

Test(verdict, order_is_from_strict_to_loose)
{
	cr_assert_lt(VERDICT_DENY, VERDICT_ASK);
	cr_assert_lt(VERDICT_ASK, VERDICT_ALLOW);
}

Test(findings, copies_what_it_is_given)
{
	struct findings f = {0};
	char device[] = "0000:01:00.0", help[] = "try later";

	cr_assert_eq(findings_add(&f, SEVERITY_WARN, REFUSAL_NONE, "a.b", device, help, "%d%%",
		5), 0);
	device[0] = help[0] = 'x';
	cr_assert_eq(f.n, 1);
	cr_assert_str_eq(f.items[0].device, "0000:01:00.0");
	cr_assert_str_eq(f.items[0].help, "try later");
	cr_assert_str_eq(f.items[0].text, "5%");
	cr_assert_str_eq(f.items[0].code, "a.b");
	findings_done(&f);
	cr_assert_eq(f.n, 0);
	cr_assert_null(f.items);
}

Test(findings, refusal_of_highest_precedence)
{
	struct findings f = {0};

	cr_assert_eq(findings_refusal(&f), REFUSAL_NONE);
	findings_add(&f, SEVERITY_OK, REFUSAL_NONE, "x", "", NULL, "fine");
	cr_assert_eq(findings_refusal(&f), REFUSAL_NONE);
	findings_add(&f, SEVERITY_REFUSE, REFUSAL_NOT_ISOLATED, "x", "a", NULL, "shared");
	findings_add(&f, SEVERITY_REFUSE, REFUSAL_DENIED, "x", "b", NULL, "denied");
	findings_add(&f, SEVERITY_REFUSE, REFUSAL_BUSY, "x", "c", NULL, "busy");
	cr_assert_eq(findings_refusal(&f), REFUSAL_DENIED);
	findings_done(&f);
}

Test(findings, message_tells_refusals_only)
{
	_cleanup_free_ char *empty = NULL, *message = NULL;
	struct findings f = {0};

	findings_add(&f, SEVERITY_WARN, REFUSAL_NONE, "x", "a", NULL, "a warning");
	empty = findings_to_message(&f);
	cr_assert_str_eq(empty, "");
	findings_add(&f, SEVERITY_REFUSE, REFUSAL_BUSY, "x", "a", "wait", "is leased");
	findings_add(&f, SEVERITY_REFUSE, REFUSAL_LIMITS_EXCEEDED, "x", "", "", "too many leases");
	message = findings_to_message(&f);
	cr_assert_str_eq(message, "a: is leased (wait)\ntoo many leases");
	findings_done(&f);
}

Test(findings, message_helps_once)
{
	_cleanup_free_ char *message = NULL;
	struct findings f = {0};

	findings_add(&f, SEVERITY_REFUSE, REFUSAL_IN_USE, "x", "a", "unmount it", "mounted on /");
	findings_add(&f, SEVERITY_OK, REFUSAL_NONE, "x", "a", "", "fine");
	findings_add(&f, SEVERITY_REFUSE, REFUSAL_IN_USE, "x", "a", "unmount it", "mounted on /b");
	findings_add(&f, SEVERITY_REFUSE, REFUSAL_BUSY, "x", "b", "wait", "is leased");
	findings_add(&f, SEVERITY_REFUSE, REFUSAL_IN_USE, "x", "c", "unmount it", "mounted on /c");
	message = findings_to_message(&f);
	cr_assert_str_eq(message, "a: mounted on /\na: mounted on /b (unmount it)\n"
		"b: is leased (wait)\nc: mounted on /c (unmount it)");
	findings_done(&f);
}
