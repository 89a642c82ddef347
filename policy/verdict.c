/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Findings: every text is copied, so a finding outlives what it speaks of. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"
#include "policy/verdict.h"

static const char *const verdict_names[] = {
	[VERDICT_DENY] = "deny",
	[VERDICT_ASK] = "ask",
	[VERDICT_ALLOW] = "allow",
};

static const char *const severity_names[] = {
	[SEVERITY_OK] = "ok",
	[SEVERITY_WARN] = "warn",
	[SEVERITY_REFUSE] = "refuse",
};

const char *verdict_to_string(enum verdict v)
{
	return (size_t)v < ARRAY_SIZE(verdict_names) ? verdict_names[v] : NULL;
}

int verdict_from_string(const char *s)
{
	for (size_t i = 0; s && i < ARRAY_SIZE(verdict_names); i++)
		if (streq(s, verdict_names[i]))
			return i;
	return -EINVAL;
}

const char *severity_to_string(enum severity s)
{
	return (size_t)s < ARRAY_SIZE(severity_names) ? severity_names[s] : NULL;
}

/* Lays device, help and text out in one allocation. */
static char *pack(const char *device, const char *help, const char *text, size_t n)
{
	size_t device_size = strlen(device) + 1, help_size = strlen(help) + 1;
	char *packed = malloc(device_size + help_size + n + 1);

	if (!packed)
		return NULL;
	memcpy(packed, device, device_size);
	memcpy(packed + device_size, help, help_size);
	memcpy(packed + device_size + help_size, text, n + 1);
	return packed;
}

/* Gives f these texts, which may be its own. */
static int set_texts(struct finding *f, const char *device, const char *help, const char *text,
	size_t n)
{
	char *packed = pack(device, help, text, n);

	if (!packed)
		return -ENOMEM;
	f->help = packed + strlen(device) + 1;
	f->text = f->help + strlen(help) + 1;
	free(f->device);
	f->device = packed;
	return 0;
}

int finding_set_help(struct finding *f, const char *help)
{
	return set_texts(f, f->device, help, f->text, strlen(f->text));
}

int findings_addv(struct findings *f, enum severity severity, enum refusal refusal,
	const char *code, const char *device, const char *help, const char *format, va_list args)
{
	struct finding new = {.severity = severity, .refusal = refusal, .code = code};
	char buffer[256]; /* most texts fit */
	_cleanup_free_ char *longer = NULL;
	va_list again;
	int n;

	va_copy(again, args);
	n = vsnprintf(buffer, sizeof(buffer), format, args);
	if (n >= (int)sizeof(buffer))
		n = vasprintf(&longer, format, again);
	va_end(again);
	if (n < 0) {
		longer = NULL;
		return -ENOMEM;
	}
	if (!array_reserve(f->items, f->n))
		return -ENOMEM;
	if (set_texts(&new, device ? device : "", help ? help : "", longer ? longer : buffer, n) < 0)
		return -ENOMEM;
	f->items[f->n++] = new;
	return 0;
}

int findings_add(struct findings *f, enum severity severity, enum refusal refusal, const char *code,
	const char *device, const char *help, const char *format, ...)
{
	va_list args;
	int r;

	va_start(args, format);
	r = findings_addv(f, severity, refusal, code, device, help, format, args);
	va_end(args);
	return r;
}

enum refusal findings_refusal(const struct findings *f)
{
	enum refusal found = REFUSAL_NONE;

	for (size_t i = 0; i < f->n; i++) {
		enum refusal r = f->items[i].refusal;

		if (r != REFUSAL_NONE && (found == REFUSAL_NONE || r < found))
			found = r;
	}
	return found;
}

/* The next refusal helps with the same: it is said there. */
static bool help_follows(const struct findings *f, size_t i)
{
	for (size_t k = i + 1; k < f->n; k++)
		if (f->items[k].severity == SEVERITY_REFUSE)
			return streq(f->items[i].help, f->items[k].help);
	return false;
}

char *findings_to_message(const struct findings *f)
{
	_cleanup_text_ struct text t = {0};

	text_append(&t, "");
	for (size_t i = 0; i < f->n; i++) {
		const struct finding *it = &f->items[i];

		if (it->severity != SEVERITY_REFUSE)
			continue;
		if (t.size > 0)
			text_append(&t, "\n");
		if (*it->device)
			text_appendf(&t, "%s: ", it->device);
		text_append(&t, it->text);
		if (*it->help && !help_follows(f, i))
			text_appendf(&t, " (%s)", it->help);
	}
	return text_steal(&t);
}

void findings_done(struct findings *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->items[i].device);
	free(f->items);
	*f = (struct findings){0};
}
