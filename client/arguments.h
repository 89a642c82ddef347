/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The command line. Options may stand anywhere before "--"; what follows "--" is the command of
 * exec, and arguments like any other for the rest. An option that a verb does not know is an error.
 */
#pragma once

#include <stddef.h>

#include "ctl.h"

#define MANY SIZE_MAX
#define ARGUMENTS_HELP (-1)
#define ARGUMENTS_VERSION (-2)

struct verb {
	const char *name;         /* one word or two */
	size_t min_args, max_args;
	const char *options;      /* blank separated: the ones it takes besides the common ones */
	int (*run)(struct ctl *c);
	const char *synopsis, *help;
};

/*
 * Fills c and *ret_verb; c->args points into *ret_args, which the caller frees with strv_free.
 * Returns STATUS_OK, ARGUMENTS_HELP, ARGUMENTS_VERSION, or an exit status after saying why.
 */
int arguments_parse(struct ctl *c, int argc, char **argv, const struct verb *verbs, size_t n_verbs,
	const struct verb **ret_verb, char ***ret_args);
void arguments_print_help(void);
