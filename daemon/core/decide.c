/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The order of a decision. A request that is not well formed is decided on that alone; any other
 * goes through every check, so that a refusal names all that is in the way at once.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"
#include "core/context.h"

char *format_text(const char *format, ...)
{
	va_list args;
	char *s;
	int n;

	va_start(args, format);
	n = vasprintf(&s, format, args);
	va_end(args);
	return n < 0 ? NULL : s;
}

PRINTF_LIKE(6, 0)
static int report_args(struct context *c, enum code code, enum severity severity,
	const char *device, const char *help, const char *format, va_list args)
{
	enum refusal refusal =
		severity == SEVERITY_REFUSE ? code_info(code)->refusal : REFUSAL_NONE;

	return findings_addv(&c->decision->findings, severity, refusal, code_info(code)->name,
		device, help, format, args);
}

int report(struct context *c, enum code code, const char *device, const char *help,
	const char *format, ...)
{
	const struct code_info *info = code_info(code);
	va_list args;
	int r;

	va_start(args, format);
	r = report_args(c, code, info->severity, device, help ? help : info->help, format, args);
	va_end(args);
	return r;
}

int report_as_warning(struct context *c, enum code code, const char *device, const char *format, ...)
{
	va_list args;
	int r;

	va_start(args, format);
	r = report_args(c, code, SEVERITY_WARN, device, NULL, format, args);
	va_end(args);
	return r;
}

ssize_t context_find(const struct context *c, const struct device *d)
{
	for (size_t i = 0; i < c->decision->n_all; i++)
		if (c->decision->devices[i].device == d)
			return i;
	return -1;
}

bool context_is_requested(const struct context *c, const struct device *d)
{
	ssize_t i = context_find(c, d);

	return i >= 0 && c->decision->devices[i].peer == 0;
}

int context_append(struct context *c, const struct device *d, unsigned peer)
{
	struct decision *n = c->decision;

	if (!array_reserve(n->devices, n->n_all))
		return -ENOMEM;
	n->devices[n->n_all++] = (struct decided_device){.device = d, .peer = peer};
	if (!peer)
		n->n_devices++;
	return 0;
}

static int check_device(struct context *c, size_t i)
{
	const struct device *d = c->decision->devices[i].device;
	int r = host_use_check(c, i);

	if (r >= 0)
		r = claims_check(c, i);
	if (r >= 0)
		r = isolation_check(c, i);
	if (r >= 0)
		r = reset_set_check(c, i);
	if (r >= 0)
		r = sriov_check_bind(c, i, d);
	if (r >= 0)
		r = sriov_check(c, i, d);
	return r;
}

static int compare_peers(const void *a, const void *b)
{
	const struct decided_device *x = a, *y = b;

	return strcmp(x->device->address, y->device->address);
}

/* Findings on the request as a whole first, then device by device in the order of the request. */
static int sort_findings(struct decision *d)
{
	_cleanup_free_ struct finding *sorted = calloc(d->findings.n + 1, sizeof(*sorted));
	size_t n = 0;

	if (!sorted)
		return -ENOMEM;
	for (size_t k = 0; k < d->findings.n; k++)
		if (!d->findings.items[k].device[0])
			sorted[n++] = d->findings.items[k];
	for (size_t i = 0; i < d->n_devices; i++)
		for (size_t k = 0; k < d->findings.n; k++)
			if (streq(d->findings.items[k].device, d->devices[i].device->address))
				sorted[n++] = d->findings.items[k];
	memcpy(d->findings.items, sorted, n * sizeof(*sorted));
	d->findings.n = n;
	return 0;
}

static int run_checks(struct context *c)
{
	struct decision *d = c->decision;
	int r = access_check(c);

	if (r >= 0)
		r = choose_backend(c);
	if (r >= 0)
		r = choose_handover(c);
	for (size_t i = 0; r >= 0 && i < d->n_devices; i++)
		r = check_device(c, i);
	if (r >= 0)
		r = limits_check(c);
	if (r >= 0)
		r = missing_finish(c);
	if (r < 0)
		return r;
	if (d->n_all > d->n_devices)
		qsort(d->devices + d->n_devices, d->n_all - d->n_devices, sizeof(*d->devices),
			compare_peers);
	r = reset_set_finish(c);
	return r < 0 ? r : sort_findings(d);
}

int decide(const struct topology *t, const struct policy *p, const struct claims *claims,
	const struct host_uses *uses, const struct policy_client *client, uid_t told,
	const struct request *request, struct decision **ret)
{
	static const struct claims none = {0};
	_cleanup_decision_free_ struct decision *d = calloc(1, sizeof(*d));
	struct context c = {
		.topology = t,
		.policy = p,
		.claims = claims ? claims : &none,
		.uses = uses,
		.client = client,
		.told = told,
		.request = request,
		.decision = d,
	};
	int r;

	if (!d)
		return -ENOMEM;
	r = request_check(&c);
	if (r >= 0 && d->findings.n == 0)
		r = run_checks(&c);
	free(c.missing);
	if (r < 0)
		return r;
	d->refusal = findings_refusal(&d->findings);
	if (d->refusal != REFUSAL_NONE)
		d->verdict = VERDICT_DENY;
	else
		d->verdict = c.ask ? VERDICT_ASK : VERDICT_ALLOW;
	*ret = TAKE_PTR(d);
	return 0;
}

int decision_refuse(struct decision *d, enum code code, const char *device, const char *text)
{
	const struct code_info *info = code_info(code);
	int r = findings_add(&d->findings, info->severity, info->refusal, info->name, device,
		info->help, "%s", text);

	if (r >= 0)
		r = sort_findings(d);
	if (r < 0)
		return r;
	d->refusal = findings_refusal(&d->findings);
	d->verdict = VERDICT_DENY;
	return 0;
}

void decision_free(struct decision *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->n_all; i++)
		free(d->devices[i].members);
	free(d->devices);
	findings_done(&d->findings);
	free(d);
}
