/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From files to a finished policy: a caller gets all of it, or none and the errors. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "policy/alternatives.h"
#include "policy/dropin.h"
#include "policy/errors.h"
#include "policy/loader.h"

static const struct policy_terms built_in = {
	.access = VERDICT_DENY,
	.handovers = HANDOVER_ATTACHED | HANDOVER_OPENED,
	.handover_order = {HANDOVER_ATTACHED, HANDOVER_OPENED},
	.n_handovers = 2,
	.backend = BACKEND_ANY,
	.isolation = ISOLATION_GROUP,
	.reset_set = RESET_SET_EXCLUSIVE,
	.max_leases = UINT64_MAX,
	.max_devices = UINT64_MAX,
};

void policy_free(struct policy *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n_rules; i++)
		free(p->rules[i].name);
	for (size_t i = 0; i < p->n_conditions; i++)
		free(p->conditions[i].text);
	free(p->rules);
	free(p->matches);
	free(p->lines);
	free(p->conditions);
	free(p->alternatives);
	free(p->alternatives_of_rules);
	free(p->demands);
	strv_free(p->files);
	free(p->text);
	free(p);
}

int loader_init(struct loader *l, struct policy_errors *errors)
{
	static char no_name[] = "", no_file[] = "built-in";

	*l = (struct loader){.errors = errors, .policy = calloc(1, sizeof(struct policy))};
	if (!l->policy)
		return -ENOMEM;
	l->n_errors_before = policy_errors_count(errors);
	l->policy->defaults.name = no_name;
	l->policy->defaults.file = no_file;
	l->policy->defaults.terms = built_in;
	text_append(&l->text, "");
	return 0;
}

void loader_done(struct loader *l)
{
	policy_free(l->policy);
	text_done(&l->text);
}

int loader_finish(struct loader *l, struct policy **ret)
{
	struct policy *p = l->policy;
	int r;

	if (policy_errors_count(l->errors) > l->n_errors_before)
		return -EBADMSG;
	for (size_t i = 0; i < p->n_rules; i++) {
		policy_terms_copy(&p->rules[i].terms, &p->defaults.terms,
			TERMS_ALL & ~p->matches[i].own_terms);
		p->rules[i].match = &p->matches[i];
	}
	r = loader_warn_shadowed(l);
	if (r >= 0)
		r = alternatives_index(p);
	if (r < 0)
		return r;
	p->text = text_steal(&l->text);
	if (!p->text)
		return -ENOMEM;
	*ret = TAKE_PTR(l->policy);
	return 0;
}

/* prefix comes before the path in messages. */
static int load_file(struct loader *l, int dir_fd, const char *path, const char *prefix)
{
	_cleanup_free_ char *escaped = escape_text(path, PATH_MAX), *shown = NULL, *data = NULL;
	size_t size = 0;
	int r;

	if (!escaped)
		return -ENOMEM;
	if (asprintf(&shown, "%s%s", prefix, escaped) < 0) {
		shown = NULL;
		return -ENOMEM;
	}
	r = dropin_read(dir_fd, path, &data, &size);
	if (r < 0)
		return dropin_problem(l->errors, shown, r);
	return r > 0 ? loader_read(l, shown, data, size) : 0;
}

int policy_load(int root_fd, struct policy **ret, struct policy_errors *errors)
{
	struct dropins files = {0};
	struct loader l;
	int r = loader_init(&l, errors);

	if (r >= 0)
		r = dropins_collect(root_fd, &files, errors);
	for (size_t i = 0; r >= 0 && i < files.n; i++)
		r = load_file(&l, root_fd, files.items[i].path, "/");
	if (r >= 0)
		r = loader_finish(&l, ret);
	dropins_done(&files);
	loader_done(&l);
	return r;
}

int policy_load_files(char *const *files, struct policy **ret, struct policy_errors *errors)
{
	struct loader l;
	int r = loader_init(&l, errors);

	for (size_t i = 0; r >= 0 && files && files[i]; i++)
		r = load_file(&l, AT_FDCWD, files[i], "");
	if (r >= 0)
		r = loader_finish(&l, ret);
	loader_done(&l);
	return r;
}

int policy_parse(const char *name, const char *text, size_t size, struct policy **ret,
	struct policy_errors *errors)
{
	struct loader l;
	int r = loader_init(&l, errors);

	if (r >= 0)
		r = loader_read(&l, name, text, size);
	if (r >= 0)
		r = loader_finish(&l, ret);
	loader_done(&l);
	return r;
}

int policy_new_deny_all(struct policy **ret)
{
	struct policy_errors errors = {0};
	struct loader l;
	int r = loader_init(&l, &errors);

	if (r >= 0)
		r = loader_finish(&l, ret);
	if (r >= 0)
		(*ret)->deny_all = true;
	loader_done(&l);
	return r;
}

bool policy_is_deny_all(const struct policy *p)
{
	return p->deny_all;
}

const char *policy_text(const struct policy *p)
{
	return p->text;
}

char *const *policy_files(const struct policy *p)
{
	return p->files;
}

size_t policy_n_rules(const struct policy *p)
{
	return p->n_rules;
}

const struct policy_rule *policy_rule_at(const struct policy *p, size_t i)
{
	return i < p->n_rules ? &p->rules[i] : NULL;
}

const struct policy_rule *policy_defaults(const struct policy *p)
{
	return &p->defaults;
}
