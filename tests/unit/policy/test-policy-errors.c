/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every problem a policy file can have, with the exact line that policy check prints. */
#include <errno.h>
#include <stdio.h>

#include "parse.h"

static const struct {
	const char *text, *problems;
} cases[] = {
	/* the form of the file */
	{"nonsense\n", "test.conf:1:1: error: expected KEY=VALUE, [SECTION] or a comment\n"},
	{"\n  =x\n", "test.conf:2:3: error: '=' without a key before it\n"},
	{"[Defaults\nAccess=maybe\n", "test.conf:1:10: error: the section's ']' is missing\n"},
	{"[Defaults] x\n", "test.conf:1:11: error: text behind the section's ']'\n"},
	{"[Defaults]\nAccess=\\\ndeny\n",
		"test.conf:2:8: error: a line cannot be continued; give the key again instead\n"
		"test.conf:3:1: error: expected KEY=VALUE, [SECTION] or a comment\n"},
	{"# \033[31m\n", "test.conf:1:3: error: control character in the file\n"},
	{"[Defaults]\n# \x7f\n", "test.conf:2:3: error: control character in the file\n"},
	{"# fine: \xc3\xa9\n# bad: \xe9\n", "test.conf:2:8: error: the text is not valid UTF-8\n"},
	{"# \xc0\xaf\n", "test.conf:1:3: error: the text is not valid UTF-8\n"},
	{"# \xed\xa0\x80\n", "test.conf:1:3: error: the text is not valid UTF-8\n"},
	{"# \xe2\x82", "test.conf:1:3: error: the text is not valid UTF-8\n"},
	{"a\rb\n", "test.conf:1:2: error: control character in the file\n"},
	/* sections */
	{"[Default]\nAccess=maybe\n",
		"test.conf:1:1: error: unknown section [Default] (did you mean [Defaults]?)\n"},
	{" [rule x]\n",
		"test.conf:1:2: error: unknown section [rule x] (did you mean [Rule NAME]?)\n"},
	{"[Service]\nNoise=1\n", "test.conf:1:1: error: unknown section [Service]; there are "
		"[Defaults] and [Rule NAME]\n"},
	{"[Defaults all]\n", "test.conf:1:1: error: unknown section [Defaults all] (did you mean "
		"[Defaults]?)\n"},
	{"[]\n", "test.conf:1:1: error: unknown section []; there are [Defaults] and [Rule "
		"NAME]\n"},
	{"[Rule]\nAccess=maybe\n", "test.conf:1:1: error: a rule needs a name: [Rule NAME]\n"},
	{"[Rule  ]\n", "test.conf:1:1: error: a rule needs a name: [Rule NAME]\n"},
	{"[Rule \xc3\xa9]\n",
		"test.conf:1:1: error: a rule's name is printable ASCII without [ ] \" \\ = # ;\n"},
	{"[Rule a\"b]\n",
		"test.conf:1:1: error: a rule's name is printable ASCII without [ ] \" \\ = # ;\n"},
	{"[Rule a]\n[Rule b]\n\n[Rule a]\nId=1:2\n",
		"test.conf:4:1: error: there is a rule 'a' already, at test.conf:1\n"
		"test.conf:5:4: error: Id=: '1:2': expected VENDOR:DEVICE in four hex digits each, "
		"as 1b36:0010 or 8086:*\n"},
	/* keys */
	{"Access=deny\n", "test.conf:1:1: error: Access= stands before any section; expected "
		"[Defaults] or [Rule NAME]\n"},
	{"[Rule a]\nAcess=allow\n",
		"test.conf:2:1: error: unknown key 'Acess' (did you mean 'Access'?)\n"},
	{"[Rule a]\n\taccess=allow\n",
		"test.conf:2:2: error: unknown key 'access' (did you mean 'Access'?)\n"},
	{"[Rule a]\nReset Set=both\n",
		"test.conf:2:1: error: unknown key 'Reset Set' (did you mean 'ResetSet'?)\n"},
	{"[Rule a]\nHost-Use=refuse\n",
		"test.conf:2:1: error: unknown key 'Host-Use' (did you mean 'HostUse'?)\n"},
	{"[Rule a]\nColour\\\xc3\xa9=red\n",
		"test.conf:2:1: error: unknown key 'Colour\\x5c\\xc3\\xa9'\n"},
	{"[Rule a]\nHostUse=tolerate\nDriver=auto\nMigration=allow\nWhenFree=ready\n",
		"test.conf:2:9: error: HostUse=: 'tolerate' is not one of: refuse, allow\n"
		"test.conf:3:8: error: Driver=: 'auto' is not supported by this version, which "
		"knows: vfio-pci\n"
		"test.conf:4:11: error: Migration=: 'allow' is not supported by this version, "
		"which knows: deny\n"
		"test.conf:5:10: error: WhenFree=: 'ready' is not supported by this version, which "
		"knows: driver, vfio\n"},
	{"[Defaults]\nAfterRelease=scrub.service\nMaxPinned=8G\nKill=yes\n"
		"Controls=01:00.0\n",
		"test.conf:2:14: error: AfterRelease=: 'scrub.service' is not supported by this "
		"version, which knows: the empty value\n"
		"test.conf:3:11: error: MaxPinned=: '8G' is not supported by this version, which "
		"knows: infinity\n"
		"test.conf:4:6: error: Kill=: 'yes' is not supported by this version, which knows: "
		"no\n"
		"test.conf:5:10: error: Controls=: '01:00.0' is not supported by this version, "
		"which knows: the empty value\n"},
	{"[Defaults]\nKill=\nWhenFree=diver\nMigration=Deny\nKill=maybe\n",
		"test.conf:2:6: error: Kill= has no value\n"
		"test.conf:3:10: error: WhenFree=: 'diver' is not one of: driver, vfio (did you "
		"mean 'driver'?)\n"
		"test.conf:4:11: error: Migration=: 'Deny' is not one of: deny (did you mean "
		"'deny'?)\n"
		"test.conf:5:1: error: Kill= is given twice in this section, first on line 2\n"},
	{"[Defaults]\nUser=root\n",
		"test.conf:2:1: error: User= is for [Rule NAME] only, [Defaults] match "
		"everything\n"},
	{"[Rule a]\nAccess=allow\n\nAccess=deny\n",
		"test.conf:4:1: error: Access= is given twice in this section, first on line 2\n"},
	{"[Rule a]\nId=\n", "test.conf:2:4: error: Id= has no value\n"},
	{"[Defaults]\nAccess =  # later\n", "test.conf:2:9: error: Access= has no value\n"},
	/* values */
	{"[Rule a]\nId=1b36:0010 1b36 8086:xyz0\n",
		"test.conf:2:14: error: Id=: '1b36': expected VENDOR:DEVICE in four hex digits "
		"each, as 1b36:0010 or 8086:*\n"
		"test.conf:2:19: error: Id=: '8086:xyz0': expected VENDOR:DEVICE in four hex "
		"digits each, as 1b36:0010 or 8086:*\n"},
	{"[Rule a]\nId=80[8:0010\n", "test.conf:2:4: error: Id=: '80[8:0010': a '[' is never "
		"closed\n"},
	{"[Rule a]\nDevice=0000:1:00.0 00:20.0 00:00.8 00:00.00 01 1:00.0 :x mdev: m/x:y +1:00.0\n",
		"test.conf:2:8: error: Device=: '0000:1:00.0': expected a PCI address, as "
		"0000:01:00.0, or KIND:NAME\n"
		"test.conf:2:20: error: Device=: '00:20.0': expected a PCI address, as "
		"0000:01:00.0, or KIND:NAME\n"
		"test.conf:2:28: error: Device=: '00:00.8': expected a PCI address, as "
		"0000:01:00.0, or KIND:NAME\n"
		"test.conf:2:36: error: Device=: '00:00.00': expected a PCI address, as "
		"0000:01:00.0, or KIND:NAME\n"
		"test.conf:2:45: error: Device=: '01': expected a PCI address, as "
		"0000:01:00.0, or KIND:NAME\n"
		"test.conf:2:48: error: Device=: '1:00.0': expected a PCI address, as "
		"0000:01:00.0, or KIND:NAME\n"
		"test.conf:2:55: error: Device=: ':x': expected a PCI address, as "
		"0000:01:00.0, or KIND:NAME\n"
		"test.conf:2:58: error: Device=: 'mdev:': expected a PCI address, as "
		"0000:01:00.0, or KIND:NAME\n"
		"test.conf:2:64: error: Device=: 'm/x:y': expected a PCI address, as "
		"0000:01:00.0, or KIND:NAME\n"
		"test.conf:2:70: error: Device=: '+1:00.0': expected a PCI address, as "
		"0000:01:00.0, or KIND:NAME\n"},
	{"[Rule a]\nDevice=mdev:/*\n", "test.conf:2:8: error: Device=: 'mdev:/*': expected a "
		"pattern of addresses, as 0000:01:00.* or mdev:*\n"},
	{"[Rule a]\nPhysicalFunction=mdev:x\n", "test.conf:2:18: error: PhysicalFunction=: "
		"'mdev:x': expected a PCI address, as 0000:01:00.0\n"},
	{"[Rule a]\nClass=020 net 02000000 0x\n",
		"test.conf:2:7: error: Class=: '020': expected 2, 4 or 6 hex digits of the class "
		"code, as 0200, or a pattern\n"
		"test.conf:2:11: error: Class=: 'net': expected 2, 4 or 6 hex digits of the class "
		"code, as 0200, or a pattern\n"
		"test.conf:2:15: error: Class=: '02000000': expected 2, 4 or 6 hex digits of the "
		"class code, as 0200, or a pattern\n"
		"test.conf:2:24: error: Class=: '0x': expected 2, 4 or 6 hex digits of the class "
		"code, as 0200, or a pattern\n"},
	{"[Rule a]\nCurrentDriver=../x\n", "test.conf:2:15: error: CurrentDriver=: '../x': "
		"expected the name of a driver, as e1000e, or a pattern\n"},
	{"[Rule a]\nUser=0\nCurrentDriver=a\\ b\nUnit=*\\ b*\n",
		"test.conf:3:15: error: CurrentDriver=: 'a\\x5c': ends in a backslash\n"
		"test.conf:4:6: error: Unit=: '*\\x5c': ends in a backslash\n"},
	{"[Rule a]\nNumaNode=0-1 -2 4294967295\n",
		"test.conf:2:10: error: NumaNode=: '0-1': expected the number of a NUMA node, or "
		"-1 for devices without one\n"
		"test.conf:2:14: error: NumaNode=: '-2': expected the number of a NUMA node, or -1 "
		"for devices without one\n"
		"test.conf:2:17: error: NumaNode=: '4294967295': expected the number of a NUMA "
		"node, or -1 for devices without one\n"},
	{"[Rule a]\nUser=root no-such-user-1 s* 4294967295 65535 99999999999999999999\n",
		"test.conf:2:11: error: User=: 'no-such-user-1': no such user\n"
		"test.conf:2:26: error: User=: 's*': names only, no patterns; leave the key out "
		"for everyone\n"
		"test.conf:2:29: error: User=: '4294967295': not a valid id\n"
		"test.conf:2:40: error: User=: '65535': not a valid id\n"
		"test.conf:2:46: error: User=: '99999999999999999999': not a valid id\n"},
	{"[Rule a]\nUser=root,no-such-user-1\n",
		"test.conf:2:6: error: User=: 'root,no-such-user-1': no such name; blanks separate "
		"values, not commas\n"},
	{"[Rule a]\nGroup=no-such-group-1\n",
		"test.conf:2:7: error: Group=: 'no-such-group-1': no such group\n"},
	{"[Rule a]\nUnit=spdk.service\nAccess=maybe\n",
		"test.conf:2:6: error: Unit= needs User= in the same rule: the process id that a "
		"unit is found by can be stale\n"
		"test.conf:3:8: error: Access=: 'maybe' is not one of: allow, ask, deny\n"},
	{"[Rule a]\nAccess=aks\n[Rule b]\nAccess=Allow\n",
		"test.conf:2:8: error: Access=: 'aks' is not one of: allow, ask, deny (did you "
		"mean 'ask'?)\n"
		"test.conf:4:8: error: Access=: 'Allow' is not one of: allow, ask, deny (did you "
		"mean 'allow'?)\n"},
	{"[Rule a]\nUser=root\nUnit=spdk .service a/b.service\n",
		"test.conf:3:6: error: Unit=: 'spdk': expected a system unit with its type, as "
		"spdk.service, or a pattern\n"
		"test.conf:3:11: error: Unit=: '.service': expected a system unit with its type, "
		"as spdk.service, or a pattern\n"
		"test.conf:3:20: error: Unit=: 'a/b.service': expected a system unit with its "
		"type, as spdk.service, or a pattern\n"},
	{"[Rule a]\nAccess=allow deny\n", "test.conf:2:14: error: Access= takes one value\n"},
	{"[Rule a]\nHandover=attached guarded node atached attached\n",
		"test.conf:2:19: error: Handover=: 'guarded' is not supported by this version, "
		"which knows: attached, opened\n"
		"test.conf:2:27: error: Handover=: 'node' is not supported by this version, which "
		"knows: attached, opened\n"
		"test.conf:2:32: error: Handover=: 'atached' is not one of: attached, opened (did "
		"you mean 'attached'?)\n"
		"test.conf:2:40: error: Handover=: 'attached': given twice\n"},
	{"[Rule a]\nIsolation=none\nResetSet=exclusive,function\nBackend=vfio\n",
		"test.conf:2:11: error: Isolation=: 'none' is not one of: strict, group\n"
		"test.conf:3:10: error: ResetSet=: 'exclusive,function' is not one of: exclusive, "
		"function, both, tolerate\n"
		"test.conf:4:9: error: Backend=: 'vfio' is not one of: any, iommufd, legacy\n"},
	{"[Defaults]\nMaxLeases=0\nMaxDevices=-1\n",
		"test.conf:2:11: error: MaxLeases=: '0': expected a number from 1, or infinity\n"
		"test.conf:3:12: error: MaxDevices=: '-1': expected a number from 1, or "
		"infinity\n"},
};

Test(policy_errors, each_with_its_place)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int r;
		_cleanup_free_ char *got =
			parse_problems(cases[i].text, strlen(cases[i].text), &r);

		cr_expect(streq(got, cases[i].problems), "for:\n%s\ngot:\n%s\nwanted:\n%s",
			cases[i].text, got, cases[i].problems);
		cr_expect_eq(r, -EBADMSG);
	}
}

Test(policy_errors, nul_byte)
{
	static const char text[] = "[Defaults]\nAcc\0ess=deny\n";
	int r;
	_cleanup_free_ char *got = parse_problems(text, sizeof(text) - 1, &r);

	cr_assert_eq(r, -EBADMSG);
	cr_assert_str_eq(got, "test.conf:2:4: error: NUL byte in the file\n");
}

/* A comment of exactly n bytes, then a line that is wrong. */
static char *long_line(size_t n)
{
	char *text = malloc(n + 8);

	cr_assert_not_null(text);
	memset(text, '#', n);
	strcpy(text + n, "\nwrong\n");
	return text;
}

Test(policy_errors, overlong_line)
{
	_cleanup_free_ char *fits = long_line(4096), *too_long = long_line(4097);
	int r;
	_cleanup_free_ char *a = parse_problems(fits, strlen(fits), &r);
	_cleanup_free_ char *b = parse_problems(too_long, strlen(too_long), &r);

	cr_assert_str_eq(a, "test.conf:2:1: error: expected KEY=VALUE, [SECTION] or a comment\n");
	cr_assert_str_eq(b, "test.conf:1:4097: error: line longer than 4096 bytes\n"
		"test.conf:2:1: error: expected KEY=VALUE, [SECTION] or a comment\n");
}

Test(policy_errors, long_names)
{
	char text[600];
	int r;
	_cleanup_free_ char *a = NULL, *b = NULL;

	snprintf(text, sizeof(text), "[Rule %0101d]\n", 0);
	a = parse_problems(text, strlen(text), &r);
	cr_assert_str_eq(a, "test.conf:1:1: error: the rule's name is longer than 100 bytes\n");
	snprintf(text, sizeof(text), "[Rule a]\nDevice=mdev:%0123d\n", 0);
	b = parse_problems(text, strlen(text), &r);
	cr_assert(strstr(b, ": longer than 127 bytes\n"), "%s", b);
}

Test(policy_errors, stops_at_a_hundred)
{
	_cleanup_text_ struct text t = {0};
	_cleanup_free_ char *got = NULL;
	size_t lines = 0;
	int r;

	for (int i = 0; i < 1000; i++)
		text_append(&t, "x\n");
	got = parse_problems(t.data, t.size, &r);
	for (const char *s = got; *s; s++)
		lines += *s == '\n';
	cr_assert_eq(r, -EBADMSG);
	cr_assert_eq(lines, 101);
	cr_assert(strstr(got, "test.conf:100:1: error: too many errors, the rest is not read\n"));
}

static const struct {
	const char *text, *problems;
} warnings[] = {
	{"[Rule a]\nId=8086:*\n[Rule b]\nId=8086:10d3\n",
		"test.conf:3:1: warning: rule 'b' can never match: 'a' at test.conf:1 comes first "
		"and matches all that it does\n"},
	{"[Rule a]\nAccess=deny\n\n[Rule b]\nUser=root\n",
		"test.conf:4:1: warning: rule 'b' can never match: 'a' at test.conf:1 comes first "
		"and matches all that it does\n"},
	{"[Rule a]\nUser=0 1\nDevice=0000:01:*\n[Rule b]\nDevice=01:00.0 01:00.1\nUser=root\n"
		"Class=02\n",
		"test.conf:4:1: warning: rule 'b' can never match: 'a' at test.conf:1 comes first "
		"and matches all that it does\n"},
	{"[Rule a]\nDevice=0000:*\n[Rule b]\nDevice=[01]?:00.*\n",
		"test.conf:3:1: warning: rule 'b' can never match: 'a' at test.conf:1 comes first "
		"and matches all that it does\n"},
	{"[Rule a]\nClass=0?0[0-9]*\n[Rule b]\nClass=0200\n",
		"test.conf:3:1: warning: rule 'b' can never match: 'a' at test.conf:1 comes first "
		"and matches all that it does\n"},
	{"[Rule a]\nClass=0200\n[Rule b]\nClass=0200?[0-7]\n",
		"test.conf:3:1: warning: rule 'b' can never match: 'a' at test.conf:1 comes first "
		"and matches all that it does\n"},
	{"[Rule a]\nId=80?6:*\n[Rule b]\nId=8086:10d3 8086:*\n",
		"test.conf:3:1: warning: rule 'b' can never match: 'a' at test.conf:1 comes first "
		"and matches all that it does\n"},
	{"[Rule a]\nId=8086:*\n[Rule b]\nId=8086:10d?\n",
		"test.conf:3:1: warning: rule 'b' can never match: 'a' at test.conf:1 comes first "
		"and matches all that it does\n"},
	{"[Rule a]\nId=80?6:*\n[Rule b]\nId=8086:10d3 8087:*\n", ""},
	{"[Rule a]\nId=8086:*\n[Rule b]\nClass=03\n[Rule c]\nId=10de:*\n"
		"[Rule d]\nId=8086:10d3 10de:2684\nUser=root\n",
		"test.conf:7:1: warning: rule 'd' can never match: rules from 'a' at test.conf:1 to "
		"'c' at test.conf:5 come first and together match all that it does\n"},
	{"[Rule a]\nId=8086:*\nUser=root\n[Rule c]\nId=10de:*\n"
		"[Rule d]\nId=8086:10d3 10de:2684\nUser=root 1\n", ""},
	{"[Rule a]\nId=8086:*\n[Rule d]\nId=8086:10d3 10de:2684\nUser=root 1\n", ""},
	{"[Rule a]\nClass=0?00??\n[Rule b]\nClass=02\n", ""},
	{"[Rule a]\nClass=0200\n[Rule b]\nClass=02\n", ""},
	{"[Rule a]\nUser=root\n[Rule b]\nGroup=root\n", ""},
	{"[Rule a]\nDevice=01:00.0\n[Rule b]\nDevice=01:00.*\n", ""},
	{"[Rule a]\nDevice=01:00.0\n[Rule b]\nDevice=01:00.0 01:00.1\n", ""},
};

Test(policy_errors, rules_that_never_match)
{
	for (size_t i = 0; i < ARRAY_SIZE(warnings); i++) {
		int r;
		_cleanup_free_ char *got =
			parse_problems(warnings[i].text, strlen(warnings[i].text), &r);

		cr_expect(streq(got, warnings[i].problems), "for:\n%s\ngot:\n%s\nwanted:\n%s",
			warnings[i].text, got, warnings[i].problems);
		cr_expect_eq(r, 0);
	}
}
