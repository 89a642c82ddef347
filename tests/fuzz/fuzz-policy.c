/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as a policy file: either errors or a policy, never both or neither; a policy matches
 * without harm, and its effective text reads back as the same policy.
 */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "policy/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok, const char *what, const char *text)
{
	if (ok)
		return;
	fprintf(stderr, "%s\n%s\n", what, text ? text : "");
	abort();
}

static struct policy *parse(const char *text, size_t size, int *ret_r, char **ret_problems)
{
	struct policy_errors errors = {0};
	struct policy *p = NULL;
	size_t n = 0;

	*ret_r = policy_parse("fuzz", text, size, &p, &errors);
	for (size_t i = 0; i < errors.n; i++) {
		n += !errors.items[i].warning;
		check(errors.items[i].line > 0 && errors.items[i].column > 0, "no place",
			errors.items[i].text);
	}
	*ret_problems = policy_errors_to_text(&errors);
	policy_errors_done(&errors);
	for (const char *s = *ret_problems; s && *s; s++)
		check(*s == '\n' || (*s >= ' ' && *s <= '~'), "unescaped", *ret_problems);
	check((*ret_r == 0) == (p != NULL), "result and policy differ", *ret_problems);
	check((*ret_r == 0) == (n == 0), "result and errors differ", *ret_problems);
	return p;
}

static void match_all(const struct policy *p)
{
	static const gid_t gids[] = {0, 100, 1000};
	static const struct policy_device devices[] = {
		{"0000:01:00.0", 0x8086, 0x10d3, 0x020000, "e1000e", NULL, 0},
		{"0000:0a:10.7", 0x1b36, 0x0010, 0x010802, "vfio-pci", "0000:0a:00.0", -1},
		{"mdev:83b8f4f2-509f-382f-3c1e-e6bfe0fa1001", 0, 0, 0, NULL, NULL, -1},
	};
	static const struct policy_client clients[] = {
		{0, NULL, 0, NULL},
		{1000, gids, ARRAY_SIZE(gids), "spdk@1.service"},
	};

	for (size_t c = 0; c < ARRAY_SIZE(clients); c++)
		for (size_t d = 0; d < ARRAY_SIZE(devices); d++) {
			enum verdict access = -1;
			const struct policy_rule *rule, *denial;

			rule = policy_match(p, &clients[c], &devices[d], &access);
			check(rule && verdict_to_string(access), "no decision", policy_text(p));
			denial = policy_denies_by_name(p, &clients[c], &devices[d]);
			check(!denial || (denial->names_device && access == VERDICT_DENY),
				"a denial by name of what is not denied", policy_text(p));
		}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *problems = NULL, *text = NULL, *second = NULL, *none = NULL;
	_cleanup_policy_free_ struct policy *p = NULL, *again = NULL;
	int r;

	p = parse((const char *)data, size, &r, &problems);
	if (!p)
		return 0;
	match_all(p);
	text = policy_to_text(p);
	again = parse(text, strlen(text), &r, &none);
	check(again != NULL, "the effective text has errors", none);
	match_all(again);
	second = policy_to_text(again);
	check(streq(text, second), "the effective text changed", second);
	return 0;
}
