/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What polkit is shown, and that an authorisation counts for nothing else. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/text.h"
#include "core/consent.h"
#include "machine.h"
#include "scenario.h"

#define ASK "[Rule a]\nDevice=" SINGLE "\nAccess=ask\nHandover=attached opened\n[Rule b]\nAccess=allow\n"

struct shown {
	struct outcome outcome;
	struct consent *consent;
};

static const char *vendor_name = "Vendor", *model_name = "";

static void names(void *userdata, const struct device *d, const char **ret_vendor,
	const char **ret_model)
{
	*ret_vendor = vendor_name;
	*ret_model = model_name;
}

static struct shown show(const char *policy, const char *machine, unsigned handover,
	const char *sha256, uid_t for_uid)
{
	struct scenario s = {.policy = policy, .machine = machine, .uid = 1000,
		.devices = SINGLE_DMA " " SINGLE, .request.handover = handover};
	struct consent_context x = {.policy_sha256 = sha256, .names = names,
		.for_other = for_uid != 0, .uid = for_uid};
	struct shown r;

	scenario_run(&s, &r.outcome);
	cr_assert_eq(consent_new(r.outcome.decision, &x, &r.consent), 0);
	return r;
}

static void done(struct shown *s)
{
	consent_free(s->consent);
	outcome_done(&s->outcome);
}

static const char *detail(const struct shown *s, const char *key)
{
	for (char **d = s->consent->devices[0].details; *d; d += 2)
		if (streq(d[0], key))
			return d[1];
	return NULL;
}

Test(consent, only_devices_whose_rule_asks)
{
	struct shown s = show(ASK, NULL, 0, "x", 0);

	cr_assert_eq(s.consent->n, 1);
	cr_expect_str_eq(s.consent->devices[0].address, SINGLE);
	cr_expect_str_eq(detail(&s, "device"), SINGLE);
	cr_expect_str_eq(detail(&s, "rule"), "a");
	cr_expect_str_eq(detail(&s, "handover"), "attached");
	cr_expect_str_eq(detail(&s, "vendor"), "Vendor");
	cr_expect_eq(strlen(detail(&s, "id")), 9);
	/* The id stands for a name that the database does not have. */
	cr_expect_str_eq(detail(&s, "model"), detail(&s, "id") + 5);
	cr_expect_null(detail(&s, "for-uid"));
	done(&s);
	s = show("[Rule b]\nAccess=allow\n", NULL, 0, "x", 0);
	cr_expect_eq(s.consent->n, 0);
	done(&s);
}

static void expect_change(struct shown then, bool changed, const char *what)
{
	struct shown now = show(ASK, NULL, 0, "x", 0);
	const char *device = consent_changed(now.consent, then.consent);

	if (changed)
		cr_expect_str_eq(device, SINGLE, "%s", what);
	else
		cr_expect_null(device, "%s", what);
	done(&now);
	done(&then);
}

Test(consent, an_answer_can_refuse)
{
	struct shown s = show(ASK, NULL, 0, "x", 0);
	struct decision *d = s.outcome.decision;
	size_t n = d->findings.n;

	cr_assert_eq(d->verdict, VERDICT_ASK);
	cr_assert_eq(decision_refuse(d, CODE_ACCESS_NOT_AUTHORISED, SINGLE, "said no"), 0);
	cr_expect_eq(d->verdict, VERDICT_DENY);
	cr_expect_eq(d->refusal, REFUSAL_DENIED);
	cr_assert_eq(d->findings.n, n + 1);
	cr_expect_str_eq(d->findings.items[n].code, "access.not-authorised");
	cr_expect_str_eq(d->findings.items[n].text, "said no");
	done(&s);
}

Test(consent, counts_for_what_was_shown)
{
	struct shown then;

	expect_change(show(ASK, NULL, 0, "x", 0), false, "nothing");
	expect_change(show(ASK, NULL, 0, "y", 0), true, "the policy");
	expect_change(show("#\n" ASK, NULL, 0, "x", 0), true, "the line of the rule");
	expect_change(show(ASK, NULL, HANDOVER_OPENED, "x", 0), true, "the handover");
	expect_change(show(ASK, NULL, 0, "x", 1001), true, "whom it is for");
	expect_change(show("[Rule b]\nAccess=allow\n", NULL, 0, "x", 0), true, "no rule asks");
	expect_change(show("[Rule a]\nAccess=ask\n", NULL, 0, "x", 0), true, "one more is asked");
	then = show(ASK, NULL, 0, "x", 0);
	model_name = "Model";
	expect_change(then, true, "the name");
}
