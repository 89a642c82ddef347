/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as a policy file: either errors or a policy, never both or neither; a policy matches
 * without harm, a rule that was said to never match never does, and the effective text reads back
 * as the same policy.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "policy/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In place of libc's: the same on every machine, and without a file opened for each name. */
int getpwnam_r(const char *name, struct passwd *entry, char *buffer, size_t size,
	struct passwd **found)
{
	*found = streq(name, "root") ? entry : NULL;
	entry->pw_uid = 0;
	return streq(name, "broken") ? EIO : 0;
}

int getgrnam_r(const char *name, struct group *entry, char *buffer, size_t size,
	struct group **found)
{
	*found = streq(name, "root") ? entry : NULL;
	entry->gr_gid = 0;
	return streq(name, "long") ? ERANGE : 0;
}

static void check(bool ok, const char *what, const char *text)
{
	if (ok)
		return;
	fprintf(stderr, "%s\n%s\n", what, text ? text : "");
	abort();
}

static struct policy *parse(const char *text, size_t size, struct policy_errors *errors)
{
	_cleanup_free_ char *problems = NULL;
	struct policy *p = NULL;
	size_t n = 0;
	int r;

	r = policy_parse("fuzz", text, size, &p, errors);
	for (size_t i = 0; i < errors->n; i++) {
		n += !errors->items[i].warning;
		check(errors->items[i].line > 0 && errors->items[i].column > 0, "no place",
			errors->items[i].text);
	}
	problems = policy_errors_to_text(errors);
	for (const char *s = problems; s && *s; s++)
		check(*s == '\n' || (*s >= ' ' && *s <= '~'), "unescaped", problems);
	check((r == 0) == (p != NULL), "result and policy differ", problems);
	check((r == 0) == (n == 0), "result and errors differ", problems);
	return p;
}

static bool was_warned_of(const struct policy_errors *errors, const struct policy_rule *rule)
{
	for (size_t i = 0; i < errors->n; i++)
		if (errors->items[i].warning && errors->items[i].line == rule->line)
			return true;
	return false;
}

static void match_all(const struct policy *p, const struct policy_errors *errors)
{
	static const gid_t gids[] = {0, 100, 1000};
	static const struct policy_device devices[] = {
		{"0000:01:00.0", 0x8086, 0x10d3, 0x020000, "e1000e", NULL, 0},
		{"0000:0a:10.7", 0x1b36, 0x0010, 0x010802, "vfio-pci", "0000:0a:00.0", -1},
		{"mdev:83b8f4f2-509f-382f-3c1e-e6bfe0fa1001", 0, 0, 0, NULL, NULL, -1},
	};
	static const struct policy_client clients[] = {
		{0, NULL, 0, NULL, true, true},
		{1000, gids, ARRAY_SIZE(gids), "spdk@1.service", true, true},
	};

	for (size_t c = 0; c < ARRAY_SIZE(clients); c++)
		for (size_t d = 0; d < ARRAY_SIZE(devices); d++) {
			enum verdict access = -1;
			const struct policy_rule *rule, *denial;

			rule = policy_match(p, &clients[c], &devices[d], &access);
			check(rule && verdict_to_string(access), "no decision", policy_text(p));
			check(!was_warned_of(errors, rule), "it does match", policy_text(p));
			denial = policy_denies_by_name(p, &clients[c], &devices[d]);
			check(!denial || (denial->names_device && access == VERDICT_DENY),
				"a denial by name of what is not denied", policy_text(p));
		}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_policy_free_ struct policy *p = NULL, *again = NULL;
	struct policy_errors errors = {0}, none = {0};
	_cleanup_free_ char *text = NULL, *second = NULL;

	p = parse((const char *)data, size, &errors);
	if (p) {
		match_all(p, &errors);
		text = policy_to_text(p);
		again = parse(text, strlen(text), &none);
		check(again != NULL, "the effective text has errors", text);
		match_all(again, &none);
		second = policy_to_text(again);
		check(streq(text, second), "the effective text changed", second);
	}
	policy_errors_done(&errors);
	policy_errors_done(&none);
	return 0;
}
