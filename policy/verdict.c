/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Findings: every text is copied, so a finding outlives what it speaks of. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

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

static void finding_done(struct finding *f)
{
	free(f->device);
	free(f->text);
	free(f->help);
}

int findings_add(struct findings *f, enum severity severity, enum refusal refusal, const char *code,
	const char *device, const char *help, const char *format, ...)
{
	struct finding new = {.severity = severity, .refusal = refusal, .code = code};
	struct finding *grown;
	va_list args;
	int n;

	va_start(args, format);
	n = vasprintf(&new.text, format, args);
	va_end(args);
	if (n < 0)
		return -ENOMEM;
	if (strdup_to(&new.device, device ? device : "") < 0 ||
		strdup_to(&new.help, help ? help : "") < 0)
		goto fail;
	grown = realloc(f->items, (f->n + 1) * sizeof(*grown));
	if (!grown)
		goto fail;
	f->items = grown;
	f->items[f->n++] = new;
	return 0;
fail:
	finding_done(&new);
	return -ENOMEM;
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
		if (*it->help)
			text_appendf(&t, " (%s)", it->help);
	}
	return text_steal(&t);
}

void findings_done(struct findings *f)
{
	for (size_t i = 0; i < f->n; i++)
		finding_done(&f->items[i]);
	free(f->items);
	*f = (struct findings){0};
}
