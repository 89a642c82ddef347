/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is missing in a request: devices that would have to be in it, because the host uses them and
 * nothing is unbound behind anyone's back. Every finding about one of them helps with the whole
 * list, so that one more try is enough.
 */
#include <errno.h>

#include "base/array.h"
#include "base/text.h"
#include "core/context.h"

static bool is_listed(const struct missing *list, size_t n, const struct device *d)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].device == d)
			return true;
	return false;
}

int missing_report(struct context *c, size_t i, const struct device *d, const char *where,
	enum code code)
{
	size_t finding = c->decision->findings.n;
	int r;

	if (!array_reserve(c->missing, c->n_missing))
		return -ENOMEM;
	r = report(c, code, c->decision->devices[i].device->address, NULL,
		"%s %s is bound to the host driver %s", d->address, where, d->driver);
	/* The same finding twice is one. */
	if (r >= 0 && c->decision->findings.n > finding)
		c->missing[c->n_missing++] = (struct missing){d, finding};
	return r;
}

/* "a", "a and b", "a, b and c" of the n devices that are listed first. */
static char *join_missing(const struct context *c, size_t *ret_n)
{
	_cleanup_text_ struct text t = {0};
	size_t n = 0, k = 0;

	for (size_t i = 0; i < c->n_missing; i++)
		n += !is_listed(c->missing, i, c->missing[i].device);
	for (size_t i = 0; i < c->n_missing; i++) {
		if (is_listed(c->missing, i, c->missing[i].device))
			continue;
		text_append(&t, k == 0 ? "" : k + 1 == n ? " and " : ", ");
		text_append(&t, c->missing[i].device->address);
		k++;
	}
	*ret_n = n;
	return text_steal(&t);
}

int missing_finish(struct context *c)
{
	_cleanup_free_ char *names = NULL, *help = NULL;
	size_t n;

	if (c->n_missing == 0)
		return 0;
	names = join_missing(c, &n);
	if (!names)
		return -ENOMEM;
	if (n == 1)
		help = format_text("add %s to the request, or unbind it from %s", names,
			c->missing[0].device->driver);
	else
		help = format_text("add %s to the request, or unbind them from their drivers",
			names);
	for (size_t i = 0; help && i < c->n_missing; i++)
		if (finding_set_help(&c->decision->findings.items[c->missing[i].finding], help) < 0)
			return -ENOMEM;
	return help ? 0 : -ENOMEM;
}
