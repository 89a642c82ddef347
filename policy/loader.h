/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A policy while its files are read. Problems are recorded and reading goes on, so that all of
 * them are told at once; only lack of memory ends it early.
 */
#pragma once

#include "base/text.h"
#include "policy/internal.h"
#include "policy/keys.h"

enum section {
	SECTION_NONE, /* before the first header */
	SECTION_SKIP, /* behind a header that is wrong: its keys are not judged */
	SECTION_DEFAULTS,
	SECTION_RULE,
};

struct loader {
	struct policy *policy;
	struct policy_errors *errors;
	size_t n_errors_before; /* errors that were in the list when loading began */
	struct text text;
	const char *file;
	enum section section;
	struct policy_terms terms; /* of the section being read; given says which */
	unsigned given;
	unsigned first_line[KEYS_MAX]; /* by index in policy_keys: where it was first given, or 0 */
	struct word unit; /* the first Unit= of the rule; its text is not kept */
};

/* Records an error of the file being read. 0 or -ENOMEM. */
int loader_problem(struct loader *l, unsigned line, unsigned column, const char *format, ...)
	PRINTF_LIKE(4, 5);

int loader_init(struct loader *l, struct policy_errors *errors);
/* shown stands in messages and in the rules' file. 0, also with problems, or -ENOMEM. */
int loader_read(struct loader *l, const char *shown, const char *text, size_t size);
/* Merges [Defaults] into the rules and hands the policy over. 0, -EBADMSG, -ENOMEM. */
int loader_finish(struct loader *l, struct policy **ret);
void loader_done(struct loader *l);

/* Adds a condition to the rule being read; takes its text over, also on failure. */
int loader_add_condition(struct loader *l, struct condition *c);
/* Warns of rules that can never match because one before them matches all they do. */
int loader_warn_shadowed(struct loader *l);
