/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which rule decides for which client and device. */
#include <stdio.h>
#include <sys/types.h>
#include <time.h>

#include "parse.h"

static const gid_t gids[] = {1000, 3};

static const struct policy_client client = {
	.uid = 1000, .gids = gids, .n_gids = 2, .unit = "spdk@1.service",
	.groups_known = true, .unit_known = true,
};

static const struct policy_device device = {
	.address = "0000:0a:00.1",
	.vendor = 0x8086, .device = 0x0a54, .class_code = 0x010802,
	.driver = "nvme", .physical_function = "0000:0a:00.0", .numa_node = 1,
};

/* No driver, no PF, no node. */
static const struct policy_device bare = {
	.address = "mdev:Af-1", .vendor = 0x1b36, .device = 0x0010, .class_code = 0x020000,
	.numa_node = -1,
};

static bool matches(const char *conditions, const struct policy_device *d)
{
	_cleanup_policy_free_ struct policy *p = NULL;
	_cleanup_free_ char *text = NULL;
	enum verdict access = VERDICT_DENY;
	const struct policy_rule *rule;

	cr_assert(asprintf(&text, "[Rule r]\nAccess=allow\n%s\n", conditions) > 0);
	p = parse_ok(text);
	rule = policy_match(p, &client, d, &access);
	cr_expect_eq(rule == policy_defaults(p), access == VERDICT_DENY);
	return access == VERDICT_ALLOW;
}

static const struct {
	const char *conditions;
	bool device, bare;
} cases[] = {
	{"", true, true},
	{"Id=8086:0a54", true, false},
	{"Id=8086:0A54", true, false},
	{"Id=8086:0a55", false, false},
	{"Id=8086:*", true, false},
	{"Id=*:0010", false, true},
	{"Id=*:*", true, true},
	{"Id=80?6:0a5*", true, false},
	{"Id=*6:*", true, true},
	{"Id=80[0-8]6:0a54", true, false},
	{"Id=80[!8]6:0a54", false, false},
	{"Id=1b36:0010 8086:0a54", true, true},
	{"Id=1b36:0010\nId=8086:0a54", true, true},
	{"Device=0000:0a:00.1", true, false},
	{"Device=0A:00.1", true, false},
	{"Device=0a:00.2", false, false},
	{"Device=0001:0a:00.1", false, false},
	{"Device=0a:00.*", true, false},
	{"Device=0[a-f]:00.?", true, false},
	{"Device=??:00.1", true, false},
	{"Device=*:0A:*", true, false},
	{"Device=0a:00.[2-7]", false, false},
	{"Device=mdev:Af-1", false, true},
	{"Device=mdev:af-1", false, false},
	{"Device=mdev:*", false, true},
	{"Device=*", true, true},
	{"Class=01", true, false},
	{"Class=0108", true, false},
	{"Class=0x010802", true, false},
	{"Class=0107", false, false},
	{"Class=0*", true, true},
	{"Class=0?08??", true, false},
	{"Class=02 0106", false, true},
	{"CurrentDriver=nvme", true, false},
	{"CurrentDriver=nvm", false, false},
	{"CurrentDriver=*", true, false},
	{"CurrentDriver=e1000e n*", true, false},
	{"PhysicalFunction=0a:00.0", true, false},
	{"PhysicalFunction=0a:00.1", false, false},
	{"PhysicalFunction=*", true, false},
	{"NumaNode=1", true, false},
	{"NumaNode=0", false, false},
	{"NumaNode=-1", false, true},
	{"NumaNode=0 1 2 -1", true, true},
	{"User=1000", true, true},
	{"User=root 1000", true, true},
	{"User=root", false, false},
	{"Group=sys", true, true},
	{"Group=1000", true, true},
	{"Group=2", false, false},
	{"User=1000\nUnit=spdk@1.service", true, true},
	{"User=1000\nUnit=spdk@*", true, true},
	{"User=1000\nUnit=spdk.service", false, false},
	{"User=root\nUnit=spdk@1.service", false, false},
	{"Id=8086:*\nClass=02", false, false},
	{"Class=01 02\nUser=1000\nGroup=3\nDevice=*\nNumaNode=1", true, false},
};

Test(policy_match, each_key)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cr_expect_eq(matches(cases[i].conditions, &device), cases[i].device,
			"the device and: %s", cases[i].conditions);
		cr_expect_eq(matches(cases[i].conditions, &bare), cases[i].bare,
			"the bare device and: %s", cases[i].conditions);
	}
}

Test(policy_match, no_unit_and_no_groups_match_nothing)
{
	const struct policy_client nobody = {
		.uid = 1000, .groups_known = true, .unit_known = true};
	_cleanup_policy_free_ struct policy *p = parse_ok(
		"[Rule unit]\nUser=1000\nUnit=*\nAccess=allow\n[Rule group]\nGroup=0\n"
		"Access=allow\n");
	enum verdict access;

	cr_assert_eq(policy_match(p, &nobody, &device, &access), policy_defaults(p));
	cr_assert_eq(access, VERDICT_DENY);
}

static const struct {
	const char *rules;
	uid_t uid;
	bool groups_known, unit_known;
	const char *rule; /* "": [Defaults] */
} unknowns[] = {
#define ALL "[Rule all]\nAccess=allow\n"
	{"[Rule a]\nGroup=7\nAccess=deny\n" ALL, 1000, false, true, "a"},
	{"[Rule a]\nGroup=7\nAccess=deny\n" ALL, 1000, true, false, "all"},
	{"[Rule a]\nGroup=7\nAccess=deny\n" ALL, 0, false, false, "a"},
	{"[Rule a]\nGroup=7\nId=1b36:*\nAccess=deny\n" ALL, 1000, false, true, "all"},
	{"[Rule a]\nGroup=7\nAccess=ask\n" ALL, 1000, false, true, "all"},
	{"[Rule a]\nGroup=7\nAccess=allow\n", 1000, false, true, ""},
	/* Denies by [Defaults], which do not bind root. */
	{"[Rule a]\nGroup=7\n" ALL, 1000, false, true, "a"},
	{"[Rule a]\nGroup=7\n" ALL, 0, false, true, "all"},
	{"[Rule a]\nUser=1000\nUnit=vm@*.scope\nAccess=deny\n" ALL, 1000, true, false, "a"},
	{"[Rule a]\nUser=1000\nUnit=vm@1.scope\nAccess=deny\n" ALL, 1000, true, false, "a"},
	{"[Rule a]\nUser=1000\nUnit=vm@*.scope\nAccess=deny\n" ALL, 1000, false, true, "all"},
	{"[Rule a]\nUser=1001\nUnit=vm@*.scope\nAccess=deny\n" ALL, 1000, true, false, "all"},
	{"[Rule a]\nUser=1000\nUnit=*\nAccess=allow\n", 1000, true, false, ""},
#undef ALL
};

/* What is not known gets nobody past a denial, and nobody to a device. */
Test(policy_match, unknown_is_neither_yes_nor_no)
{
	for (size_t i = 0; i < ARRAY_SIZE(unknowns); i++) {
		const struct policy_client c = {.uid = unknowns[i].uid,
			.groups_known = unknowns[i].groups_known,
			.unit_known = unknowns[i].unit_known};
		_cleanup_policy_free_ struct policy *p = parse_ok(unknowns[i].rules);
		const struct policy_rule *rule;
		enum verdict access;

		rule = policy_match(p, &c, &device, &access);
		cr_expect_str_eq(rule->name, unknowns[i].rule, "%s", unknowns[i].rules);
	}
}

/* systemd escapes with a backslash, and that is not one of fnmatch. */
Test(policy_match, backslash_is_a_character)
{
	const struct policy_client c = {
		.uid = 1, .unit = "a\\x2db@1.service", .unit_known = true};
	_cleanup_policy_free_ struct policy *p =
		parse_ok("[Rule a]\nUser=1\nUnit=a\\x2db@*.service\nAccess=allow\n");
	enum verdict access;

	cr_assert_str_eq(policy_match(p, &c, &device, &access)->name, "a");
}

static const char *decided_by(const struct policy *p, uid_t uid, const struct policy_device *d,
	enum verdict *ret_access)
{
	const struct policy_client c = {.uid = uid};

	return policy_match(p, &c, d, ret_access)->name;
}

Test(policy_match, first_rule_decides)
{
	_cleanup_policy_free_ struct policy *p = parse_ok(
		"[Rule a]\nUser=1\nAccess=ask\n[Rule b]\nId=8086:*\nAccess=deny\n"
		"[Rule c]\nClass=01 02\nAccess=allow\n");
	enum verdict access;

	cr_assert_str_eq(decided_by(p, 1, &device, &access), "a");
	cr_assert_eq(access, VERDICT_ASK);
	cr_assert_str_eq(decided_by(p, 2, &device, &access), "b");
	cr_assert_eq(access, VERDICT_DENY);
	cr_assert_str_eq(decided_by(p, 2, &bare, &access), "c");
	cr_assert_eq(access, VERDICT_ALLOW);
}

Test(policy_match, root_bypasses_the_access_of_defaults_only)
{
	_cleanup_policy_free_ struct policy *p = parse_ok(
		"[Defaults]\nAccess=deny\nIsolation=strict\n"
		"[Rule says]\nNumaNode=1\nAccess=deny\n[Rule silent]\nId=1b36:0010\n");
	const struct policy_device other = {.address = "0000:00:00.0", .numa_node = 0};
	const struct policy_client root = {.uid = 0}, user = {.uid = 1};
	enum verdict access;

	cr_expect_str_eq(policy_match(p, &root, &device, &access)->name, "says");
	cr_expect_eq(access, VERDICT_DENY, "a rule's own Access holds for root");
	cr_expect_str_eq(policy_match(p, &root, &bare, &access)->name, "silent");
	cr_expect_eq(access, VERDICT_ALLOW, "a missing Access comes from [Defaults]");
	cr_expect_eq(policy_match(p, &root, &bare, &access)->terms.isolation, ISOLATION_STRICT);
	cr_expect_str_eq(policy_match(p, &root, &other, &access)->name, "");
	cr_expect_eq(access, VERDICT_ALLOW, "no match is [Defaults]");
	cr_expect_str_eq(policy_match(p, &user, &bare, &access)->name, "silent");
	cr_expect_eq(access, VERDICT_DENY);
	policy_match(p, &user, &other, &access);
	cr_expect_eq(access, VERDICT_DENY);
}

static const struct {
	const char *text;
	uid_t uid;
	const char *rule; /* NULL: not denied by name */
} denials[] = {
	{"", 1, NULL},
	{"[Rule a]\nDevice=0a:00.1\nAccess=deny\n", 1, "a"},
	{"[Rule a]\nDevice=0a:00.1\nAccess=deny\n", 0, "a"},
	{"[Rule a]\nDevice=0a:00.2\nAccess=deny\n", 1, NULL},
	{"[Rule a]\nDevice=0a:00.*\n", 1, "a"},
	{"[Rule a]\nDevice=0a:00.*\n", 0, NULL},
	{"[Rule a]\nId=8086:*\nAccess=deny\n", 1, NULL},
	{"[Rule a]\nId=8086:*\nAccess=deny\n[Rule b]\nDevice=0a:00.1\nAccess=deny\n", 1, "b"},
	{"[Rule a]\nId=8086:*\nAccess=allow\n[Rule b]\nDevice=0a:00.1\nAccess=deny\n", 1, NULL},
	{"[Rule a]\nUser=1\nAccess=ask\n[Rule b]\nDevice=0a:00.1\nAccess=deny\n", 1, NULL},
	{"[Rule a]\nUser=1\nAccess=ask\n[Rule b]\nDevice=0a:00.1\nAccess=deny\n", 2, "b"},
};

Test(policy_match, denials_by_name)
{
	for (size_t i = 0; i < ARRAY_SIZE(denials); i++) {
		_cleanup_policy_free_ struct policy *p = parse_ok(denials[i].text);
		const struct policy_client c = {.uid = denials[i].uid};
		const struct policy_rule *rule = policy_denies_by_name(p, &c, &device);

		cr_expect(streq(rule ? rule->name : NULL, denials[i].rule), "uid %u for:\n%s",
			denials[i].uid, denials[i].text);
	}
}

static struct policy *thousand_rules(void)
{
	_cleanup_text_ struct text t = {0};

	for (int i = 0; i < 1000; i++)
		text_appendf(&t, "[Rule r%d]\nDevice=%04x:%02x:00.0\nId=8086:*\nUser=%d\n"
		"Access=%s\n",
			i, i, i % 256, 5000 + i % 10, i % 2 ? "allow" : "deny");
	return parse_ok(t.data);
}

Test(policy_match, a_thousand_rules)
{
	_cleanup_policy_free_ struct policy *p = thousand_rules();
	char address[32], name[16];

	cr_assert_eq(policy_n_rules(p), 1000);
	for (int i = 0; i < 1000; i++) {
		const struct policy_device d = {.address = address, .vendor = 0x8086};
		enum verdict access;

		snprintf(address, sizeof(address), "%04x:%02x:00.0", i, i % 256);
		snprintf(name, sizeof(name), "r%d", i);
		cr_assert_str_eq(decided_by(p, 5000 + i % 10, &d, &access), name);
		cr_assert_eq(access, i % 2 ? VERDICT_ALLOW : VERDICT_DENY);
		cr_assert_str_eq(decided_by(p, 4999, &d, &access), "");
	}
}

/* Only a lookup, an allocation or a glob per rule would break this, on a slow machine too. */
Test(policy_match, a_thousand_rules_are_fast)
{
	_cleanup_policy_free_ struct policy *p = thousand_rules();
	const struct policy_device d = {.address = "03e7:e7:00.0", .vendor = 0x8086};
	const int n = 2000;
	struct timespec before, after;
	enum verdict access;
	double usec;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	for (int i = 0; i < n; i++)
		cr_assert_str_eq(decided_by(p, 5009, &d, &access), "r999");
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	usec = ((after.tv_sec - before.tv_sec) * 1e9 + (after.tv_nsec - before.tv_nsec)) / 1e3 / n;
	cr_log_info("%.2f us a decision", usec);
	cr_assert_lt(usec, 100.0, "%.2f us a decision", usec);
}
