/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* policy check [FILE...] and policy show: the policy as the daemon would read it now. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "base/text.h"
#include "ctl.h"
#include "json.h"
#include "policy/policy.h"
#include "status.h"
#include "terminal.h"

#define PLACE_COLUMN 40 /* of the comment that says where a value comes from */

/* Lines as compilers print them, so that editors can jump to them; nothing in them is unescaped. */
static void print_errors(const struct policy_errors *errors)
{
	_cleanup_free_ char *text = policy_errors_to_text(errors);

	fputs(text ? text : "out of memory\n", stderr);
}

static int print_errors_json(const struct ctl *c, const struct policy_errors *errors)
{
	_cleanup_json_ json_t *list = json_array();

	for (size_t i = 0; i < errors->n; i++) {
		const struct policy_error *e = &errors->items[i];
		json_t *o = json_pack("{ss si si ss ss}", "File", e->file, "Line", e->line,
			"Column", e->column, "Severity", e->warning ? "warning" : "error",
			"Text", e->text);

		if (json_array_append_new(list, o) < 0)
			return fail_oom();
	}
	return print_json(c, list);
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

/* Of what load() returned; the problems themselves are told elsewhere. */
static int status_of_load(int r, const struct policy_errors *errors)
{
	if (r >= 0)
		return STATUS_OK;
	if (r == -EBADMSG && errors->n > 0)
		return STATUS_FAILED;
	return fail(STATUS_FAILED, "cannot read the policy: %s", strerror(-r));
}

int verb_policy_check(struct ctl *c)
{
	_cleanup_policy_free_ struct policy *policy = NULL;
	struct policy_errors errors = {0};
	int r = status_of_load(load(c, &policy, &errors), &errors);

	if (c->options.json != JSON_OFF) {
		if (print_errors_json(c, &errors) != STATUS_OK)
			r = STATUS_FAILED;
	} else {
		print_errors(&errors);
		if (r == STATUS_OK)
			printf("OK: %zu rule%s\n", policy_n_rules(policy),
				policy_n_rules(policy) == 1 ? "" : "s");
	}
	policy_errors_done(&errors);
	return r;
}

struct show {
	const struct ctl *c;
	const struct policy *policy;
	const struct policy_rule *section;
	json_t *list;
};

/* Without the directory: drop-ins of one name mask each other, so there is only one of them. */
static void print_place(size_t width, const char *file, unsigned line)
{
	const char *slash = strrchr(file, '/');

	printf("%*s%s# %s", width < PLACE_COLUMN ? (int)(PLACE_COLUMN - width) : 1, "",
		colour(COLOUR_FAINT), slash ? slash + 1 : file);
	if (line > 0)
		printf(":%u", line);
	printf("%s\n", colour(COLOUR_NONE));
}

static void print_section(struct show *s, const struct policy_rule *rule)
{
	s->section = rule;
	if (!*rule->name) {
		printf("%s[Defaults]%s\n", colour(COLOUR_BOLD), colour(COLOUR_NONE));
		return;
	}
	printf("\n%s[Rule %s]%s", colour(COLOUR_BOLD), rule->name, colour(COLOUR_NONE));
	print_place(strlen("[Rule ]") + strlen(rule->name), rule->file, rule->line);
}

static int show_item(const struct policy_item *item, void *userdata)
{
	_cleanup_text_ struct text lines = {0};
	struct show *s = userdata;

	if (item->rule != s->section)
		print_section(s, item->rule);
	policy_item_wrap(&lines, item, PLACE_COLUMN - 1);
	if (lines.failed)
		return -ENOMEM;
	for (const char *l = lines.data; *l;) {
		int n = strcspn(l, "\n");

		printf("%.*s", n, l);
		print_place(n, item->file, item->line);
		l += n + 1;
	}
	return 0;
}

static int add_item(const struct policy_item *item, void *userdata)
{
	_cleanup_free_ char *section = NULL;
	struct show *s = userdata;
	json_t *o;

	if (asprintf(&section, "Rule %s", item->rule->name) < 0) {
		section = NULL;
		return -ENOMEM;
	}
	o = json_pack("{ss ss ss ss si sb}", "Section", *item->rule->name ? section : "Defaults",
		"Key", item->key, "Value", item->value, "File", item->file, "Line", item->line,
		"Inherited", item->inherited);
	return json_array_append_new(s->list, o) < 0 ? -ENOMEM : 0;
}

static int show_text(struct show *s)
{
	char *const *files = policy_files(s->policy);

	pager_open(s->c);
	for (; !s->c->options.no_legend && files && *files; files++)
		printf("%s# %s%s%s", colour(COLOUR_FAINT), *files, colour(COLOUR_NONE),
			files[1] ? "\n" : "\n\n");
	return policy_each_item(s->policy, show_item, s) < 0 ? fail_oom() : STATUS_OK;
}

static int show_json(struct show *s)
{
	_cleanup_json_ json_t *list = s->list = json_array();

	if (policy_each_item(s->policy, add_item, s) < 0)
		return fail_oom();
	return print_json(s->c, list);
}

int verb_policy_show(struct ctl *c)
{
	_cleanup_policy_free_ struct policy *policy = NULL;
	struct policy_errors errors = {0};
	struct show s = {.c = c};
	int r = status_of_load(load(c, &policy, &errors), &errors);

	if (r != STATUS_OK && c->options.json != JSON_OFF)
		(void)print_errors_json(c, &errors);
	else
		print_errors(&errors);
	policy_errors_done(&errors);
	if (r != STATUS_OK)
		return r;
	s.policy = policy;
	return c->options.json != JSON_OFF ? show_json(&s) : show_text(&s);
}
