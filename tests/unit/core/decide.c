/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Decisions by table, the codes they use, and what no finding may tell. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "core/codes.h"
#include "machine.h"
#include "scenario.h"

static void run_table(const struct scenario *table)
{
	size_t n = 0;

	for (const struct scenario *s = table; s->name; s++, n++) {
		struct outcome o;

		scenario_run(s, &o);
		scenario_check(s, &o);
		outcome_done(&o);
	}
	cr_assert_gt(n, 0);
}

Test(decide, request)
{
	run_table(request_scenarios);
}

Test(decide, access)
{
	run_table(access_scenarios);
}

Test(decide, choice)
{
	run_table(choice_scenarios);
}

Test(decide, claims)
{
	run_table(claim_scenarios);
}

Test(decide, host_use)
{
	run_table(host_use_scenarios);
}

static bool is_told_to_root(const struct scenario *s)
{
	return s->told ? streq(s->told, "0") : s->uid == 0;
}

static void expect_no_secrets(const struct scenario *s)
{
	struct outcome o;

	scenario_run(s, &o);
	for (size_t i = 0; i < o.decision->findings.n; i++)
		cr_expect_null(strstr(o.decision->findings.items[i].text, "secret"), "%s: %s",
			s->name, o.decision->findings.items[i].text);
	outcome_done(&o);
}

/* Mount points, others' leases and the like are for root; the class of a use is for all. */
Test(decide, secrets_are_for_root)
{
	const struct scenario *const tables[] = {host_use_scenarios, claim_scenarios};

	for (size_t t = 0; t < ARRAY_SIZE(tables); t++)
		for (const struct scenario *s = tables[t]; s->name; s++)
			if (!is_told_to_root(s))
				expect_no_secrets(s);
}

Test(decide, whom_host_use_concerns)
{
	char nvme[] = "nvme", vfio[] = "vfio-pci";
	struct device d = {.class_code = 0x010802};

	cr_expect_not(host_use_concerns(&d), "no driver");
	d.driver = vfio;
	cr_expect_not(host_use_concerns(&d), "a vfio driver");
	d.driver = nvme;
	cr_expect(host_use_concerns(&d), "a driver of the host");
	d = (struct device){.class_code = 0x030000};
	cr_expect(host_use_concerns(&d), "a display, whoever draws on it");
	d.driver = vfio;
	cr_expect_not(host_use_concerns(&d), "a display on a vfio driver");
}

Test(decide, isolation)
{
	run_table(isolation_scenarios);
}

Test(decide, reset_set)
{
	run_table(reset_scenarios);
}

Test(decide, sriov)
{
	run_table(sriov_scenarios);
}

static struct decision *decide_on(const struct topology *t, const struct policy *p, char **devices)
{
	struct policy_client client = {.uid = 1000};
	struct request request = {.devices = devices};
	struct decision *d = NULL;

	cr_assert_eq(decide(t, p, NULL, NULL, &client, client.uid, &request, &d), 0);
	return d;
}

Test(decide, at_most_so_many_devices)
{
	_cleanup_topology_unref_ struct topology *t = machine_new(NULL);
	_cleanup_policy_free_ struct policy *p = machine_policy(ALLOW_ALL);
	_cleanup_strv_free_ char **devices = NULL;
	char address[ADDRESS_MAX];

	for (unsigned i = 0; i < 10000; i++) {
		snprintf(address, sizeof(address), "%04x:00:00.0", i + 1);
		cr_assert_eq(strv_append(&devices, address), 0);
		if (i + 1 == REQUEST_DEVICES_MAX) {
			_cleanup_decision_free_ struct decision *d = decide_on(t, p, devices);

			cr_expect_eq(d->refusal, REFUSAL_NO_SUCH_DEVICE);
			cr_expect_eq(d->findings.n, REQUEST_DEVICES_MAX);
		}
		if (i == REQUEST_DEVICES_MAX || i == 9999) {
			_cleanup_decision_free_ struct decision *d = decide_on(t, p, devices);

			cr_expect_eq(d->refusal, REFUSAL_INVALID_ARGS);
			cr_expect_eq(d->findings.n, 1);
			cr_expect_str_eq(d->findings.items[0].code, "request.too-many");
		}
	}
}

Test(decide, malformed_is_escaped)
{
	_cleanup_topology_unref_ struct topology *t = machine_new(NULL);
	_cleanup_policy_free_ struct policy *p = machine_policy(ALLOW_ALL);
	char bad[] = "a\033[31m\n";
	char *devices[] = {bad, NULL};
	_cleanup_decision_free_ struct decision *d = decide_on(t, p, devices);

	cr_assert_eq(d->findings.n, 1);
	cr_expect_str_eq(d->findings.items[0].device, "a\\x1b[31m\\x0a");
}

Test(decide, devices_of_the_decision)
{
	_cleanup_topology_unref_ struct topology *t = machine_new(NULL);
	_cleanup_policy_free_ struct policy *p = machine_policy(ALLOW_ALL);
	char *devices[] = {(char *)SLOT2, (char *)SLOT0, NULL};
	_cleanup_decision_free_ struct decision *d = decide_on(t, p, devices);

	cr_assert_eq(d->n_devices, 2);
	cr_assert_eq(d->n_all, 3);
	cr_expect_str_eq(d->devices[0].device->address, SLOT2);
	cr_expect_str_eq(d->devices[1].device->address, SLOT0);
	cr_expect_str_eq(d->devices[2].device->address, SLOT1);
	cr_expect_str_eq(d->devices[0].rule->name, "all");
	cr_expect_null(d->devices[2].rule);
	for (size_t i = 0; i < d->n_all; i++) {
		_cleanup_free_ char *set = join_addresses(d->devices[i].members,
			d->devices[i].n_members, " ");

		cr_expect_str_eq(set, SLOT0 " " SLOT1 " " SLOT2);
		cr_expect(d->devices[i].reset_set_owned);
		cr_expect_eq(d->devices[i].reset_set, i < 2 ? RESET_SET_EXCLUSIVE : 0);
	}
}

/* The request as a whole first, then the devices in the order they were asked for. */
Test(decide, order_of_findings)
{
	_cleanup_topology_unref_ struct topology *t = machine_new(NULL);
	_cleanup_policy_free_ struct policy *p = machine_policy("");
	char *devices[] = {(char *)SINGLE_DMA, (char *)CONV_EDU, (char *)SINGLE, NULL};
	_cleanup_decision_free_ struct decision *d = decide_on(t, p, devices);
	const char *order[] = {"", SINGLE_DMA, CONV_EDU, SINGLE};
	size_t at = 0;

	for (size_t i = 0; i < d->findings.n; i++) {
		while (at < ARRAY_SIZE(order) && !streq(order[at], d->findings.items[i].device))
			at++;
		cr_assert_lt(at, ARRAY_SIZE(order), "%s is out of order",
			d->findings.items[i].device);
	}
	cr_expect_eq(at, 3);
}

Test(decide, owner_is_not_told)
{
	for (const struct scenario *s = claim_scenarios; s->name; s++) {
		struct outcome o;

		scenario_run(s, &o);
		for (size_t i = 0; !is_told_to_root(s) && i < o.decision->findings.n; i++) {
			const struct finding *f = &o.decision->findings.items[i];

			cr_expect_null(strstr(f->text, "1001"), "%s: %s", s->name, f->text);
			cr_expect(!strstr(f->text, "L7") || strstr(f->text, "your lease L7"),
				"%s: %s", s->name, f->text);
		}
		outcome_done(&o);
	}
}

Test(codes, table_is_whole)
{
	for (int i = 0; i < CODE_N; i++) {
		const struct code_info *info = code_info(i);

		cr_assert(info->name && strchr(info->name, '.'), "code %d", i);
		cr_expect(info->meaning && info->help, "%s", info->name);
		cr_expect_eq(info->severity == SEVERITY_REFUSE, info->refusal != REFUSAL_NONE,
			"%s", info->name);
		for (int j = 0; j < i; j++)
			cr_expect_str_neq(info->name, code_info(j)->name);
	}
}

Test(codes, each_is_hit)
{
	bool hit[CODE_N] = {
		[CODE_REQUEST_TOO_MANY] = true, /* by at_most_so_many_devices */
		/* By an answer of polkit, tests/bus/test_polkit.py. */
		[CODE_ACCESS_NOT_AUTHORISED] = true,
		[CODE_ACCESS_NO_INTERACTION] = true,
		[CODE_ACCESS_NO_ANSWER] = true,
		[CODE_ACCESS_CHANGED] = true,
	};

	for (size_t k = 0; all_scenarios[k]; k++)
		for (const struct scenario *s = all_scenarios[k]; s->name; s++) {
			struct outcome o;

			scenario_run(s, &o);
			for (size_t i = 0; i < o.decision->findings.n; i++)
				for (int c = 0; c < CODE_N; c++)
					hit[c] |= streq(o.decision->findings.items[i].code,
						code_info(c)->name);
			outcome_done(&o);
		}
	for (int c = 0; c < CODE_N; c++)
		cr_expect(hit[c], "no scenario makes %s", code_info(c)->name);
}
