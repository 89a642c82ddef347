/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What each term key sets, what a rule inherits, and the words for terms. */
#include <errno.h>

#include "parse.h"
#include "policy/keys.h"

static const struct policy_terms *terms_of(const struct policy *p, size_t i)
{
	cr_assert_lt(i, policy_n_rules(p));
	return &policy_rule_at(p, i)->terms;
}

static void expect_built_in(const struct policy_terms *t)
{
	cr_expect_eq(t->access, VERDICT_DENY);
	cr_expect_eq(t->handovers, HANDOVER_ATTACHED | HANDOVER_OPENED);
	cr_expect_eq(t->n_handovers, 2);
	cr_expect_eq(t->handover_order[0], HANDOVER_ATTACHED);
	cr_expect_eq(t->handover_order[1], HANDOVER_OPENED);
	cr_expect_eq(t->isolation, ISOLATION_GROUP);
	cr_expect_eq(t->reset_set, RESET_SET_EXCLUSIVE);
	cr_expect_eq(t->host_use_allow, false);
	cr_expect_eq(t->when_free, WHEN_FREE_DRIVER);
	cr_expect_eq(t->backend, BACKEND_ANY);
	cr_expect_eq(t->max_leases, UINT64_MAX);
	cr_expect_eq(t->max_devices, UINT64_MAX);
}

Test(policy_keys, built_in_defaults)
{
	_cleanup_policy_free_ struct policy *deny = NULL;
	_cleanup_policy_free_ struct policy *p = parse_ok("[Rule a]\nId=8086:*\n");

	cr_assert_eq(policy_new_deny_all(&deny), 0);
	cr_assert_eq(policy_n_rules(deny), 0);
	cr_assert_str_eq(policy_text(deny), "");
	cr_assert_str_eq(policy_defaults(deny)->name, "");
	cr_assert_str_eq(policy_defaults(deny)->file, "built-in");
	expect_built_in(&policy_defaults(deny)->terms);
	expect_built_in(&policy_defaults(p)->terms);
	expect_built_in(terms_of(p, 0));
}

/* The installed file states the built-in values: it must not change them, nor leave one out. */
Test(policy_keys, installed_defaults_are_the_built_in_ones)
{
	char *files[] = {(char *)SOURCE_ROOT "/policy/00-defaults.conf", NULL};
	struct policy_errors errors = {0};
	_cleanup_policy_free_ struct policy *p = NULL;

	cr_assert_eq(policy_load_files(files, &p, &errors), 0);
	cr_assert_eq(errors.n, 0);
	cr_assert_eq(policy_n_rules(p), 0);
	cr_assert_str_eq(policy_defaults(p)->file, files[0]);
	expect_built_in(&policy_defaults(p)->terms);
}

Test(policy_keys, each_term)
{
	_cleanup_policy_free_ struct policy *p = parse_ok(
		"[Rule a]\nAccess=allow\nHandover=opened attached\nIsolation=strict\n"
		"ResetSet=both\nHostUse=allow\nWhenFree=vfio\n"
		"Backend=legacy\nMaxLeases=4\nMaxDevices=18446744073709551614\nUser=root\n"
		"[Rule b]\nAccess=ask\nHandover=opened\nIsolation=group\nResetSet=tolerate\nHostUse=refuse\n"
		"WhenFree=driver\n"
		"Backend=iommufd\nMaxLeases=infinity\nMaxDevices=1\nDevice=01:00.0\n"
		"[Rule c]\nAccess=deny\nHandover=attached\nResetSet=function\nBackend=any\n"
		"[Rule d]\nResetSet=exclusive\n");
	const struct policy_terms *a = terms_of(p, 0), *b = terms_of(p, 1), *c = terms_of(p, 2);

	cr_expect_eq(a->access, VERDICT_ALLOW);
	cr_expect_eq(a->handovers, HANDOVER_ATTACHED | HANDOVER_OPENED);
	cr_expect_eq(a->n_handovers, 2);
	cr_expect_eq(a->handover_order[0], HANDOVER_OPENED);
	cr_expect_eq(a->handover_order[1], HANDOVER_ATTACHED);
	cr_expect_eq(a->isolation, ISOLATION_STRICT);
	cr_expect_eq(a->reset_set, RESET_SET_EXCLUSIVE | RESET_SET_FUNCTION);
	cr_expect_eq(a->host_use_allow, true);
	cr_expect_eq(a->when_free, WHEN_FREE_VFIO);
	cr_expect_eq(a->backend, BACKEND_LEGACY);
	cr_expect_eq(a->max_leases, 4);
	cr_expect_eq(a->max_devices, UINT64_MAX - 1);
	cr_expect_eq(policy_rule_at(p, 0)->names_device, false);
	cr_expect_eq(b->access, VERDICT_ASK);
	cr_expect_eq(b->handovers, HANDOVER_OPENED);
	cr_expect_eq(b->n_handovers, 1);
	cr_expect_eq(b->isolation, ISOLATION_GROUP);
	cr_expect_eq(b->reset_set, RESET_SET_TOLERATE);
	cr_expect_eq(b->host_use_allow, false);
	cr_expect_eq(b->when_free, WHEN_FREE_DRIVER);
	cr_expect_eq(b->backend, BACKEND_IOMMUFD);
	cr_expect_eq(b->max_leases, UINT64_MAX);
	cr_expect_eq(b->max_devices, 1);
	cr_expect_eq(policy_rule_at(p, 1)->names_device, true);
	cr_expect_eq(c->access, VERDICT_DENY);
	cr_expect_eq(c->handovers, HANDOVER_ATTACHED);
	cr_expect_eq(c->reset_set, RESET_SET_FUNCTION);
	cr_expect_eq(c->backend, BACKEND_ANY);
	cr_expect_eq(terms_of(p, 3)->reset_set, RESET_SET_EXCLUSIVE);
}

Test(policy_keys, rules_know_their_place)
{
	_cleanup_policy_free_ struct policy *p =
		parse_ok("# x\n[Rule two words]\nUser=0\n\n\n  [ Rule   b ]\n");

	cr_assert_eq(policy_n_rules(p), 2);
	cr_assert_str_eq(policy_rule_at(p, 0)->name, "two words");
	cr_assert_str_eq(policy_rule_at(p, 0)->file, "test.conf");
	cr_assert_eq(policy_rule_at(p, 0)->line, 2);
	cr_assert_str_eq(policy_rule_at(p, 1)->name, "b");
	cr_assert_eq(policy_rule_at(p, 1)->line, 6);
	cr_assert_null(policy_rule_at(p, 2));
}

Test(policy_keys, defaults_are_merged_key_by_key)
{
	/* also into a rule that stands before them */
	_cleanup_policy_free_ struct policy *p = parse_ok(
		"[Rule a]\nUser=root\nBackend=any\n"
		"[Defaults]\nAccess=allow\nBackend=legacy\nMaxLeases=3\nHandover=opened\n"
		"HostUse=allow\nWhenFree=vfio\n"
		"[Rule b]\nMaxLeases=infinity\nHostUse=refuse\n"
		"[Defaults]\nMaxLeases=7\nIsolation=strict\n");
	const struct policy_terms *d = &policy_defaults(p)->terms;

	cr_expect_eq(d->access, VERDICT_ALLOW);
	cr_expect_eq(d->backend, BACKEND_LEGACY);
	cr_expect_eq(d->max_leases, 7);
	cr_expect_eq(d->isolation, ISOLATION_STRICT);
	cr_expect_eq(d->handovers, HANDOVER_OPENED);
	cr_expect_eq(d->reset_set, RESET_SET_EXCLUSIVE);
	cr_expect_eq(d->host_use_allow, true);
	cr_expect_eq(terms_of(p, 0)->when_free, WHEN_FREE_VFIO);
	cr_expect_eq(policy_defaults(p)->line, 14);
	cr_expect_eq(terms_of(p, 0)->access, VERDICT_ALLOW);
	cr_expect_eq(terms_of(p, 0)->backend, BACKEND_ANY);
	cr_expect_eq(terms_of(p, 0)->host_use_allow, true);
	cr_expect_eq(terms_of(p, 1)->host_use_allow, false);
	cr_expect_eq(terms_of(p, 0)->max_leases, 7);
	cr_expect_eq(terms_of(p, 0)->handovers, HANDOVER_OPENED);
	cr_expect_eq(terms_of(p, 0)->n_handovers, 1);
	cr_expect_eq(terms_of(p, 1)->max_leases, UINT64_MAX);
	cr_expect_eq(terms_of(p, 1)->backend, BACKEND_LEGACY);
}

Test(policy_keys, form_of_lines)
{
	_cleanup_policy_free_ struct policy *p = parse_ok(
		"\xef\xbb\xbf" /* no error: it is what some editors begin a file with */
		"; a comment \\\n\t# another\r\n\r\n"
		"[Defaults]   # behind a header\r\n"
		"  Access \t=  allow  \t; behind a value\r\n"
		"Backend=legacy");

	cr_assert_eq(policy_defaults(p)->terms.access, VERDICT_ALLOW);
	cr_assert_eq(policy_defaults(p)->terms.backend, BACKEND_LEGACY);
}

Test(policy_keys, empty_text)
{
	_cleanup_policy_free_ struct policy *p = NULL;
	struct policy_errors errors = {0};

	cr_assert_eq(policy_parse("x", NULL, 0, &p, &errors), 0);
	cr_assert_eq(policy_n_rules(p), 0);
	cr_assert_str_eq(policy_text(p), "# x\n");
}

Test(policy_keys, table_is_complete)
{
	unsigned matches = 0, terms = 0;

	for (size_t i = 0; i < policy_keys_n; i++) {
		const struct policy_key *key = &policy_keys[i];

		cr_expect_eq(policy_key_find(key->name), key);
		if (key->type == KEY_MATCH)
			matches |= 1U << key->number;
		if (key->type == KEY_TERM)
			terms |= 1U << key->number;
		cr_expect(key->parse && key->values && key->description, "%s", key->name);
		/* A key without printer takes one word and no other, or none. */
		cr_expect(key->type == KEY_MATCH || key->print || key->later, "%s", key->name);
	}
	cr_assert_eq(matches, (1U << MATCH_KEY_N) - 1);
	cr_assert_eq(terms, TERMS_ALL);
}

Test(policy_keys, words)
{
	static const char *const handovers[] = {"attached", "opened", "guarded", "node"};

	for (unsigned i = 0; i < HANDOVER_N; i++) {
		cr_expect_str_eq(handover_to_string(1U << i), handovers[i]);
		cr_expect_eq(handover_from_string(handovers[i]), 1 << i);
	}
	cr_expect_null(handover_to_string(HANDOVER_ATTACHED | HANDOVER_OPENED));
	cr_expect_null(handover_to_string(0));
	cr_expect_eq(handover_from_string("Attached"), -EINVAL);
	cr_expect_eq(handover_from_string(""), -EINVAL);
	cr_expect_eq(handover_from_string(NULL), -EINVAL);
	cr_expect_str_eq(backend_to_string(BACKEND_IOMMUFD), "iommufd");
	cr_expect_eq(backend_from_string("legacy"), BACKEND_LEGACY);
	cr_expect_eq(backend_from_string("x"), -EINVAL);
	cr_expect_str_eq(isolation_to_string(ISOLATION_STRICT), "strict");
	cr_expect_eq(isolation_from_string("group"), ISOLATION_GROUP);
	cr_expect_eq(isolation_from_string("x"), -EINVAL);
	cr_expect_str_eq(reset_set_to_string(RESET_SET_EXCLUSIVE | RESET_SET_FUNCTION), "both");
	cr_expect_str_eq(reset_set_to_string(RESET_SET_TOLERATE), "tolerate");
	cr_expect_eq(reset_set_from_string("function"), RESET_SET_FUNCTION);
	cr_expect_eq(reset_set_from_string("x"), -EINVAL);
	cr_expect_null(reset_set_to_string(4));
}
