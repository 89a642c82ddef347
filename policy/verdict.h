/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Verdicts and findings: the language in which every decision is explained. A finding names one
 * reason for or against a request; its code is stable and part of the D-Bus contract.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

#include "base/macro.h"

enum verdict {
	VERDICT_DENY,
	VERDICT_ASK,
	VERDICT_ALLOW,
};

enum severity {
	SEVERITY_OK,
	SEVERITY_WARN,
	SEVERITY_REFUSE,
};

/* Which error a refusal becomes on the bus; the order is the order of precedence. */
enum refusal {
	REFUSAL_NONE,
	REFUSAL_INVALID_ARGS,
	REFUSAL_NO_SUCH_DEVICE,
	REFUSAL_DENIED,
	REFUSAL_QUARANTINED,
	REFUSAL_BUSY,
	REFUSAL_IN_USE,
	REFUSAL_NOT_ISOLATED,
	REFUSAL_RESET_SET_SHARED,
	REFUSAL_NOT_SUPPORTED,
	REFUSAL_LIMITS_EXCEEDED,
};

struct finding {
	enum severity severity;
	enum refusal refusal; /* REFUSAL_NONE unless severity is SEVERITY_REFUSE */
	const char *code;     /* static, dotted: "access.no-rule" */
	/* One allocation, which begins with device. */
	char *device;         /* address, or "" for the request as a whole */
	char *help;           /* what would help, or "" */
	char *text;           /* one sentence without final full stop */
};

struct findings {
	struct finding *items;
	size_t n;
};

const char *verdict_to_string(enum verdict v);   /* allow, ask, deny */
int verdict_from_string(const char *s);          /* the value or -EINVAL */
const char *severity_to_string(enum severity s); /* ok, warn, refuse */

/* Replaces what would help. 0 or -ENOMEM. */
int finding_set_help(struct finding *f, const char *help);
/* Adds a finding; text is printf-like. 0 or -ENOMEM. help may be NULL. */
int findings_add(struct findings *f, enum severity severity, enum refusal refusal, const char *code,
	const char *device, const char *help, const char *format, ...) PRINTF_LIKE(7, 8);
int findings_addv(struct findings *f, enum severity severity, enum refusal refusal,
	const char *code, const char *device, const char *help, const char *format, va_list args)
	PRINTF_LIKE(7, 0);
/* The refusal of highest precedence, REFUSAL_NONE when nothing refuses. */
enum refusal findings_refusal(const struct findings *f);
/* The refusals in one text, one a line "device: text (help)"; help that is the
 * next one's too only there. NULL when out of memory. */
char *findings_to_message(const struct findings *f);
void findings_done(struct findings *f);
