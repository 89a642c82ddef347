/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The effective policy as text, and that it reads back as the same policy. */
#include "parse.h"

static const char input[] =
	"[Rule b]\nUser=root 1\nAccess=allow\nId=8086:0A54\nId=1B36:*\nDevice=0A:00.0 mdev:x*\n"
	"Class=0x0200\nNumaNode=-1\nHandover=opened\nMaxLeases=3\n"
	"[Defaults]\nBackend=legacy\nMaxDevices=9\n"
	"[Rule a]\nUnit=x.service\nUser=root\nCurrentDriver=e*\nPhysicalFunction=01:00.0\n"
	"Group=root\nResetSet=both\nHostUse=allow\n";

static const char output[] =
	"[Defaults]\n"
	"Access=deny\n"
	"Handover=attached opened\n"
	"Isolation=group\n"
	"ResetSet=exclusive\n"
	"HostUse=refuse\n"
	"Driver=vfio-pci\n"
	"Backend=legacy\n"
	"Migration=deny\n"
	"WhenFree=driver\n"
	"AfterRelease=\n"
	"MaxLeases=infinity\n"
	"MaxDevices=9\n"
	"MaxPinned=infinity\n"
	"Kill=no\n"
	"Controls=\n"
	"\n"
	"[Rule b]\n"
	"Id=8086:0a54 1b36:*\n"
	"Device=0000:0a:00.0 mdev:x*\n"
	"Class=0200\n"
	"NumaNode=-1\n"
	"User=root 1\n"
	"Access=allow\n"
	"Handover=opened\n"
	"Isolation=group\n"
	"ResetSet=exclusive\n"
	"HostUse=refuse\n"
	"Driver=vfio-pci\n"
	"Backend=legacy\n"
	"Migration=deny\n"
	"WhenFree=driver\n"
	"AfterRelease=\n"
	"MaxLeases=3\n"
	"MaxDevices=9\n"
	"MaxPinned=infinity\n"
	"Kill=no\n"
	"Controls=\n"
	"\n"
	"[Rule a]\n"
	"CurrentDriver=e*\n"
	"PhysicalFunction=0000:01:00.0\n"
	"User=root\n"
	"Group=root\n"
	"Unit=x.service\n"
	"# from [Defaults]: Access=deny\n"
	"Handover=attached opened\n"
	"Isolation=group\n"
	"ResetSet=both\n"
	"HostUse=allow\n"
	"Driver=vfio-pci\n"
	"Backend=legacy\n"
	"Migration=deny\n"
	"WhenFree=driver\n"
	"AfterRelease=\n"
	"MaxLeases=infinity\n"
	"MaxDevices=9\n"
	"MaxPinned=infinity\n"
	"Kill=no\n"
	"Controls=\n";

Test(policy_show, effective_text)
{
	_cleanup_policy_free_ struct policy *p = parse_ok(input), *again = NULL;
	_cleanup_free_ char *text = policy_to_text(p), *second = NULL;

	cr_assert_str_eq(text, output);
	again = parse_ok(text);
	second = policy_to_text(again);
	cr_assert_str_eq(second, output);
}

/* Longer than a line may be: it has to come out on several. */
Test(policy_show, long_lists)
{
	_cleanup_policy_free_ struct policy *p = NULL, *again = NULL;
	_cleanup_free_ char *text = NULL, *second = NULL;
	_cleanup_text_ struct text t = {0};
	size_t width = 0;

	text_append(&t, "[Rule a]\n");
	for (int i = 0; i < 1000; i++)
		text_appendf(&t, "Id=8086:%04x\n", i);
	p = parse_ok(t.data);
	text = policy_to_text(p);
	for (const char *s = text; *s; s++) {
		width = *s == '\n' ? 0 : width + 1;
		cr_assert_lt(width, 80);
	}
	cr_assert(strstr(text, "8086:03e7\n"));
	again = parse_ok(text);
	second = policy_to_text(again);
	cr_assert_str_eq(second, text);
}

Test(policy_show, text_of_all_files)
{
	_cleanup_policy_free_ struct policy *p = parse_ok("[Defaults]\nAccess=deny # \xc3\xa9");

	cr_assert_str_eq(policy_text(p), "# test.conf\n[Defaults]\nAccess=deny # \xc3\xa9\n");
}

static int note_place(const struct policy_item *item, void *userdata)
{
	struct text *t = userdata;

	if (streq(item->key, "Access") || streq(item->key, "MaxLeases") || streq(item->key, "Id"))
		text_appendf(t, "%s %s=%s %s:%u%s\n", item->rule->name, item->key, item->value,
			item->file, item->line, item->inherited ? " inherited" : "");
	return 0;
}

Test(policy_show, each_value_with_its_place)
{
	_cleanup_policy_free_ struct policy *p = parse_ok(
		"[Rule a]\nId=8086:10d3\nId=8086:10c9\n"
		"[Defaults]\nAccess=ask\nMaxLeases=3\n"
		"[Rule b]\nAccess=allow\n"
		"[Defaults]\nMaxLeases=7\n");
	_cleanup_text_ struct text t = {0};

	cr_assert_eq(policy_each_item(p, note_place, &t), 0);
	cr_assert_str_eq(t.data,
		" Access=ask test.conf:5\n"
		" MaxLeases=7 test.conf:10\n"
		"a Id=8086:10d3 8086:10c9 test.conf:2\n"
		"a Access=ask test.conf:5 inherited\n"
		"a MaxLeases=7 test.conf:10 inherited\n"
		"b Access=allow test.conf:8\n"
		"b MaxLeases=7 test.conf:10 inherited\n");
}

static int stop_at_once(const struct policy_item *item, void *userdata)
{
	++*(int *)userdata;
	return -1;
}

Test(policy_show, ends_when_told)
{
	_cleanup_policy_free_ struct policy *p = parse_ok("[Rule a]\n");
	int calls = 0;

	cr_assert_eq(policy_each_item(p, stop_at_once, &calls), -1);
	cr_assert_eq(calls, 1);
}
