/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Turns one word of a match key into a condition. Words that could never match anything (half an
 * address, an open bracket) are problems here rather than rules that silently do nothing.
 */
#pragma once

#include "policy/internal.h"

#define PATTERN_MAX 127

/*
 * For all match keys but USER and GROUP, whose names are looked up elsewhere. Returns 0 with a
 * condition whose text the caller frees, -EINVAL with a static sentence in *ret_problem, or
 * -ENOMEM.
 */
int pattern_parse(enum match_key key, const char *word, struct condition *ret,
	const char **ret_problem);

/* Behind the bracket expression that s begins with, or NULL when it never ends. */
const char *pattern_bracket_end(const char *s);
