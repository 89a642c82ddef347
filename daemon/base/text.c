/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Strings and vectors. Nothing here keeps a reference to what it was given. */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"

int strdup_to(char **ret, const char *s)
{
	char *copy = NULL;

	if (s) {
		copy = strdup(s);
		if (!copy)
			return -ENOMEM;
	}
	*ret = copy;
	return 0;
}

void strv_free(char **v)
{
	for (char **s = v; s && *s; s++)
		free(*s);
	free(v);
}

size_t strv_length(char *const *v)
{
	size_t n = 0;

	while (v && v[n])
		n++;
	return n;
}

bool strv_contains(char *const *v, const char *s)
{
	for (; v && *v; v++)
		if (streq(*v, s))
			return true;
	return false;
}

static int strv_append_consume(char ***v, char *s)
{
	size_t n = strv_length(*v);
	char **grown;

	if (!s)
		return -ENOMEM;
	grown = realloc(*v, (n + 2) * sizeof(char *));
	if (!grown) {
		free(s);
		return -ENOMEM;
	}
	grown[n] = s;
	grown[n + 1] = NULL;
	*v = grown;
	return 0;
}

int strv_append(char ***v, const char *s)
{
	return strv_append_consume(v, strdup(s));
}

int strv_split(char ***ret, const char *s)
{
	_cleanup_strv_free_ char **v = calloc(1, sizeof(char *));

	if (!v)
		return -ENOMEM;
	while (*(s += strspn(s, " \t"))) {
		size_t n = strcspn(s, " \t");
		int r = strv_append_consume(&v, strndup(s, n));

		if (r < 0)
			return r;
		s += n;
	}
	*ret = TAKE_PTR(v);
	return 0;
}

char *strv_join(char *const *v, const char *sep)
{
	_cleanup_text_ struct text t = {0};

	text_append(&t, "");
	for (size_t i = 0; v && v[i]; i++) {
		if (i > 0)
			text_append(&t, sep);
		text_append(&t, v[i]);
	}
	return text_steal(&t);
}

int parse_u64(const char *s, uint64_t *ret)
{
	unsigned long long v;
	char *end;

	if (!isdigit((unsigned char)*s))
		return -EINVAL;
	errno = 0;
	v = strtoull(s, &end, 10);
	if (errno)
		return -errno;
	if (*end)
		return -EINVAL;
	*ret = v;
	return 0;
}

int parse_hex(const char *s, uint64_t max, uint64_t *ret)
{
	unsigned long long v;
	char *end;

	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
		s += 2;
	if (!isxdigit((unsigned char)*s))
		return -EINVAL;
	errno = 0;
	v = strtoull(s, &end, 16);
	if (errno)
		return -errno;
	if (*end)
		return -EINVAL;
	if (v > max)
		return -ERANGE;
	*ret = v;
	return 0;
}

char *escape_text(const char *s, size_t max)
{
	_cleanup_text_ struct text t = {0};

	text_append(&t, "");
	for (size_t i = 0; s[i] && i < max; i++) {
		unsigned char c = s[i];

		if (c >= 0x20 && c < 0x7f && c != '\\')
			text_append(&t, (char[]){c, '\0'});
		else
			text_appendf(&t, "\\x%02x", c);
	}
	return text_steal(&t);
}

const char *errno_name(int error)
{
	static __thread char unknown[16];
	const char *name = strerrorname_np(error);

	if (name)
		return name;
	snprintf(unknown, sizeof(unknown), "E%d", error);
	return unknown;
}

static void text_append_n(struct text *t, const char *s, size_t n)
{
	/* The final NUL counts, once there is one. */
	size_t used = t->data ? t->size + 1 : 0;
	char *roomy;

	if (t->failed)
		return;
	roomy = array_with_room(t->data, used, t->size + n + 1 - used, 1);
	if (!roomy) {
		t->failed = true;
		return;
	}
	t->data = roomy;
	memcpy(t->data + t->size, s, n);
	t->size += n;
	t->data[t->size] = '\0';
}

void text_append(struct text *t, const char *s)
{
	text_append_n(t, s, strlen(s));
}

void text_appendf(struct text *t, const char *format, ...)
{
	_cleanup_free_ char *s = NULL;
	va_list args;
	int n;

	va_start(args, format);
	n = vasprintf(&s, format, args);
	va_end(args);
	if (n < 0) {
		s = NULL;
		t->failed = true;
		return;
	}
	text_append_n(t, s, n);
}

char *text_steal(struct text *t)
{
	char *data = t->failed ? NULL : TAKE_PTR(t->data);

	text_done(t);
	return data;
}

void text_done(struct text *t)
{
	free(t->data);
	*t = (struct text){0};
}
