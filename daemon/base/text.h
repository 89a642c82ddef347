/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Strings, string vectors (NULL-terminated, each element allocated) and a growing text buffer.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"

static inline bool streq(const char *a, const char *b)
{
	return (!a && !b) || (a && b && __builtin_strcmp(a, b) == 0);
}

/* strdup that passes NULL through. 0 or -ENOMEM; *ret is untouched on failure. */
int strdup_to(char **ret, const char *s);

void strv_free(char **v);
DEFINE_CLEANUP(char **, strv_free);
#define _cleanup_strv_free_ _cleanup_(strv_free_cleanup)
size_t strv_length(char *const *v);
bool strv_contains(char *const *v, const char *s);
int strv_append(char ***v, const char *s);
/* Splits at blanks; an empty text gives an empty vector. */
int strv_split(char ***ret, const char *s);
/* Joins with sep into an allocated string; NULL only when out of memory. */
char *strv_join(char *const *v, const char *sep);

/* Decimal without sign, blanks or trailing text. -EINVAL, -ERANGE. */
int parse_u64(const char *s, uint64_t *ret);
/* Hexadecimal with or without 0x, at most max. -EINVAL, -ERANGE. */
int parse_hex(const char *s, uint64_t max, uint64_t *ret);

/*
 * A copy that is safe to print on a terminal or in a log line: bytes outside printable ASCII,
 * backslash included, become \xNN; at most max bytes of input are taken. NULL when out of memory.
 */
char *escape_text(const char *s, size_t max);

/* The name of an errno value without sign, "EBUSY"; "E123" for an unknown one is never NULL. */
const char *errno_name(int error);

/* A text that grows; failed is sticky, so that one check at the end is enough. */
struct text {
	char *data;
	size_t size;
	bool failed;
};
void text_append(struct text *t, const char *s);
void text_appendf(struct text *t, const char *format, ...) PRINTF_LIKE(2, 3);
/* Moves the content out, or returns NULL when an append failed; t is empty afterwards. */
char *text_steal(struct text *t);
void text_done(struct text *t);
#define _cleanup_text_ _cleanup_(text_done)
