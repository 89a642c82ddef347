/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Drop-ins over the hierarchies of a temporary root. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "parse.h"

static char root[] = "/tmp/devlease-policy-XXXXXX";
static int root_fd = -1;

static void make_parents(const char *path)
{
	_cleanup_free_ char *copy = strdup(path);

	for (char *s = strchr(copy, '/'); s; s = strchr(s + 1, '/')) {
		*s = '\0';
		cr_assert(mkdirat(root_fd, copy, 0755) == 0 || errno == EEXIST);
		*s = '/';
	}
}

static void put(const char *path, const char *content)
{
	_cleanup_close_ int fd = -1;

	make_parents(path);
	fd = openat(root_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	cr_assert_geq(fd, 0);
	cr_assert_eq(write_all(fd, content, strlen(content)), 0);
}

static void put_link(const char *path, const char *target)
{
	make_parents(path);
	cr_assert_eq(symlinkat(target, root_fd, path), 0);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static void set_up(void)
{
	cr_assert_not_null(mkdtemp(root));
	root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert_geq(root_fd, 0);
}

static void tear_down(void)
{
	root_fd = close_fd(root_fd);
	nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

TestSuite(policy_load, .init = set_up, .fini = tear_down);

/* The names of the rules in order, joined by blanks; the problems when there are errors. */
static char *load(void)
{
	_cleanup_policy_free_ struct policy *p = NULL;
	struct policy_errors errors = {0};
	struct text t = {0};
	int r = policy_load(root_fd, &p, &errors);

	text_append(&t, "");
	for (size_t i = 0; r == 0 && i < policy_n_rules(p); i++)
		text_appendf(&t, "%s%s", i > 0 ? " " : "", policy_rule_at(p, i)->name);
	if (r < 0) {
		_cleanup_free_ char *shown = policy_errors_to_text(&errors);

		cr_assert_eq(r, -EBADMSG);
		cr_assert_null(p);
		text_append(&t, shown);
	}
	policy_errors_done(&errors);
	return text_steal(&t);
}

static void expect(const char *wanted)
{
	_cleanup_free_ char *got = load();

	cr_assert_str_eq(got, wanted);
}

static void rule(const char *path, const char *name, unsigned uid)
{
	_cleanup_free_ char *text = NULL;

	cr_assert(asprintf(&text, "[Rule %s]\nUser=%u\n", name, uid) > 0);
	put(path, text);
}

Test(policy_load, nothing_there)
{
	_cleanup_policy_free_ struct policy *p = NULL;
	struct policy_errors errors = {0};

	cr_assert_eq(policy_load(root_fd, &p, &errors), 0);
	cr_assert_eq(errors.n, 0);
	cr_assert_eq(policy_n_rules(p), 0);
	cr_assert_eq(policy_defaults(p)->terms.access, VERDICT_DENY);
}

Test(policy_load, names_are_sorted_over_all_hierarchies)
{
	rule("usr/lib/devlease/policy.d/10-a.conf", "a", 1);
	rule("etc/devlease/policy.d/20-b.conf", "b", 2);
	rule("run/devlease/policy.d/15-c.conf", "c", 3);
	rule("usr/local/lib/devlease/policy.d/30-d.conf", "d", 4);
	rule("etc/devlease/policy.d/9-e.conf", "e", 5);
	rule("etc/devlease/policy.d/Z.conf", "z", 6);
	expect("a c b d e z");
}

Test(policy_load, higher_hierarchy_masks)
{
	rule("usr/lib/devlease/policy.d/10.conf", "usr", 1);
	expect("usr");
	rule("usr/local/lib/devlease/policy.d/10.conf", "local", 1);
	expect("local");
	rule("run/devlease/policy.d/10.conf", "run", 1);
	expect("run");
	rule("etc/devlease/policy.d/10.conf", "etc", 1);
	expect("etc");
}

Test(policy_load, link_to_dev_null_and_empty_file_mask)
{
	rule("usr/lib/devlease/policy.d/10.conf", "a", 1);
	rule("run/devlease/policy.d/20.conf", "b", 2);
	rule("usr/lib/devlease/policy.d/30.conf", "c", 3);
	expect("a b c");
	put_link("etc/devlease/policy.d/10.conf", "/dev/null");
	expect("b c");
	put("etc/devlease/policy.d/20.conf", "");
	expect("c");
}

Test(policy_load, a_mask_below_masks_nothing)
{
	put_link("run/devlease/policy.d/10.conf", "/dev/null");
	rule("etc/devlease/policy.d/10.conf", "a", 1);
	expect("a");
}

Test(policy_load, only_conf_files_count)
{
	rule("etc/devlease/policy.d/10.conf", "a", 1);
	put("etc/devlease/policy.d/10.conf~", "garbage");
	put("etc/devlease/policy.d/.hidden.conf", "garbage");
	put("etc/devlease/policy.d/.conf", "garbage");
	put("etc/devlease/policy.d/README", "garbage");
	put("etc/devlease/policy.d/x.conf.dpkg-new", "garbage");
	expect("a");
}

Test(policy_load, defaults_of_later_files_win)
{
	_cleanup_policy_free_ struct policy *p = NULL;
	struct policy_errors errors = {0};

	put("etc/devlease/policy.d/10.conf", "[Defaults]\nMaxLeases=1\nBackend=legacy\n");
	put("usr/lib/devlease/policy.d/20.conf", "[Defaults]\nMaxLeases=2\n");
	cr_assert_eq(policy_load(root_fd, &p, &errors), 0);
	cr_assert_eq(policy_defaults(p)->terms.max_leases, 2);
	cr_assert_eq(policy_defaults(p)->terms.backend, BACKEND_LEGACY);
	cr_assert_str_eq(policy_defaults(p)->file, "/usr/lib/devlease/policy.d/20.conf");
	cr_assert_str_eq(policy_text(p),
		"# /etc/devlease/policy.d/10.conf\n[Defaults]\nMaxLeases=1\nBackend=legacy\n"
		"# /usr/lib/devlease/policy.d/20.conf\n[Defaults]\nMaxLeases=2\n");
}

Test(policy_load, same_rule_in_two_files)
{
	rule("etc/devlease/policy.d/10.conf", "a", 1);
	put("run/devlease/policy.d/20.conf", "# x\n[Rule a]\nAccess=maybe\n");
	expect("/run/devlease/policy.d/20.conf:2:1: error: there is a rule 'a' already, at "
		"/etc/devlease/policy.d/10.conf:1\n"
		"/run/devlease/policy.d/20.conf:3:8: error: Access=: 'maybe' is not one of: allow, "
		"ask, deny\n");
}

Test(policy_load, files_that_cannot_be_read_are_errors)
{
	rule("etc/devlease/policy.d/10.conf", "a", 1);
	put_link("etc/devlease/policy.d/20.conf", "missing");
	put("etc/devlease/policy.d/30.conf/x", "");
	make_parents("etc/devlease/policy.d/x");
	cr_assert_eq(mkfifoat(root_fd, "etc/devlease/policy.d/40\n.conf", 0600), 0);
	expect("/etc/devlease/policy.d/20.conf: error: cannot be read: No such file or directory\n"
		"/etc/devlease/policy.d/30.conf: error: cannot be read: Is a directory\n"
		"/etc/devlease/policy.d/40\\x0a.conf: error: not a regular file\n");
}

Test(policy_load, file_in_place_of_the_directory)
{
	put("run/devlease/policy.d", "x");
	expect("/run/devlease/policy.d: error: cannot be read: Not a directory\n");
}

Test(policy_load, oversize_file)
{
	_cleanup_close_ int fd = -1;

	put("etc/devlease/policy.d/10.conf", "x");
	fd = openat(root_fd, "etc/devlease/policy.d/10.conf", O_WRONLY | O_CLOEXEC);
	cr_assert_eq(ftruncate(fd, 1024 * 1024 + 1), 0);
	expect("/etc/devlease/policy.d/10.conf: error: larger than 1 MiB\n");
}

Test(policy_load, given_files_in_given_order)
{
	_cleanup_policy_free_ struct policy *p = NULL, *none = NULL;
	_cleanup_free_ char *b = NULL, *a = NULL, *shown = NULL, *wanted = NULL;
	struct policy_errors errors = {0};

	rule("b", "b", 1);
	rule("a", "a", 2);
	cr_assert(asprintf(&a, "%s/a", root) > 0);
	cr_assert(asprintf(&b, "%s/b", root) > 0);
	cr_assert_eq(policy_load_files((char *[]){b, a, NULL}, &p, &errors), 0);
	cr_assert_eq(policy_n_rules(p), 2);
	cr_assert_str_eq(policy_rule_at(p, 0)->file, b);
	cr_assert_str_eq(policy_rule_at(p, 1)->file, a);
	unlinkat(root_fd, "a", 0);
	put("b", "x\n");
	cr_assert_eq(policy_load_files((char *[]){a, b, NULL}, &none, &errors), -EBADMSG);
	cr_assert_null(none);
	shown = policy_errors_to_text(&errors);
	cr_assert(asprintf(&wanted, "%s: error: cannot be read: No such file or directory\n"
		"%s:1:1: error: expected KEY=VALUE, [SECTION] or a comment\n", a, b) > 0);
	cr_assert_str_eq(shown, wanted);
	policy_errors_done(&errors);
}

/* Errors of an earlier load in the same list do not fail the next one. */
Test(policy_load, errors_are_counted_from_here)
{
	_cleanup_policy_free_ struct policy *p = NULL;
	struct policy_errors errors = {0};

	put("etc/devlease/policy.d/10.conf", "x\n");
	cr_assert_eq(policy_load(root_fd, &p, &errors), -EBADMSG);
	put("etc/devlease/policy.d/10.conf", "[Rule a]\n");
	cr_assert_eq(policy_load(root_fd, &p, &errors), 0);
	cr_assert_eq(errors.n, 1);
	policy_errors_done(&errors);
}
