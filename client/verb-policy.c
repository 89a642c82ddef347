/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* policy check [FILE...] and policy show: the policy as the daemon would read it now. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "base/text.h"
#include "ctl.h"
#include "policy/policy.h"
#include "status.h"
#include "terminal.h"

/* Lines as compilers print them, so that editors can jump to them. */
static void print_errors(const struct policy_errors *errors)
{
	_cleanup_free_ char *text = policy_errors_to_text(errors);

	for (const char *line = text; line && *line;) {
		size_t n = strcspn(line, "\n");
		_cleanup_free_ char *safe = escape_text(line, n);

		fprintf(stderr, "%s\n", safe ? safe : "out of memory");
		line += n + (line[n] == '\n');
	}
}

static int load(struct ctl *c, struct policy **ret, struct policy_errors *errors)
{
	const char *root = c->options.root ? c->options.root : "/";
	_cleanup_close_ int root_fd = -1;

	if (c->args[0])
		return policy_load_files(c->args, ret, errors);
	root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0)
		return -errno;
	return policy_load(root_fd, ret, errors);
}

/* An exit status; says all errors and warnings. */
static int load_and_report(struct ctl *c, struct policy **ret)
{
	struct policy_errors errors = {0};
	int r = load(c, ret, &errors);

	print_errors(&errors);
	if (r < 0 && (r != -EBADMSG || errors.n == 0))
		fail(STATUS_FAILED, "cannot read the policy: %s", strerror(-r));
	policy_errors_done(&errors);
	return r < 0 ? STATUS_FAILED : STATUS_OK;
}

int verb_policy_check(struct ctl *c)
{
	_cleanup_policy_free_ struct policy *policy = NULL;
	int r = load_and_report(c, &policy);
	size_t n;

	if (r != STATUS_OK)
		return r;
	n = policy_n_rules(policy);
	printf("OK: %zu rule%s\n", n, n == 1 ? "" : "s");
	return STATUS_OK;
}

int verb_policy_show(struct ctl *c)
{
	_cleanup_policy_free_ struct policy *policy = NULL;
	_cleanup_free_ char *text = NULL;
	int r = load_and_report(c, &policy);

	if (r != STATUS_OK)
		return r;
	text = policy_to_text(policy);
	if (!text)
		return fail_oom();
	pager_open(c);
	fputs(text, stdout);
	return STATUS_OK;
}
