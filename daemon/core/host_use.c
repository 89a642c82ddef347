/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Host use in a decision. Each class that was found is one finding, which refuses unless the
 * device's rule says HostUse=allow. Facts that were not gathered yet decide nothing: the caller
 * gathers them for a decision that would grant, and decides again.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"
#include "core/context.h"
#include "core/host_use.h"

#define DETAIL_MAX 256   /* bytes of one that a finding shows */
#define DETAILS_SHOWN 4

static const struct {
	const char *name, *text;
	enum code code;
} classes[HOST_USE_N] = {
	[HOST_USE_MOUNTED] = {"mounted", "a mounted file system is on it", CODE_HOST_USE_MOUNTED},
	[HOST_USE_SWAP] = {"swap", "swap is on it", CODE_HOST_USE_SWAP},
	[HOST_USE_HOLDER] = {"holder", "another block device stands on it", CODE_HOST_USE_HOLDER},
	[HOST_USE_OPEN] = {"open", "a device node of it is open", CODE_HOST_USE_OPEN},
	[HOST_USE_INTERFACE] = {"interface", "a network interface of it is up and has an address",
		CODE_HOST_USE_INTERFACE},
	[HOST_USE_ROUTE] = {"route", "the default route goes through it", CODE_HOST_USE_ROUTE},
	[HOST_USE_MASTER] = {"master", "a network interface of it carries another one, or is in a "
		"bond or bridge", CODE_HOST_USE_MASTER},
	[HOST_USE_DISPLAY] = {"display", "it is the boot display or shows the console",
		CODE_HOST_USE_DISPLAY},
	[HOST_USE_CONSOLE] = {"console", "a keyboard or the console is on it",
		CODE_HOST_USE_CONSOLE},
	[HOST_USE_UNKNOWN_USERS] = {"unknown-users", "not all that may use it can be seen",
		CODE_HOST_USE_UNKNOWN_USERS},
};

const char *host_use_class_to_string(enum host_use_class class)
{
	return (unsigned)class < HOST_USE_N ? classes[class].name : NULL;
}

int host_use_class_from_string(const char *s)
{
	for (int i = 0; i < HOST_USE_N; i++)
		if (streq(classes[i].name, s))
			return i;
	return -EINVAL;
}

const char *host_use_class_text(enum host_use_class class)
{
	return (unsigned)class < HOST_USE_N ? classes[class].text : NULL;
}

int host_use_facts_new(const char *address, struct host_use_facts **ret)
{
	struct host_use_facts *f;

	if (strlen(address) >= ADDRESS_MAX)
		return -EINVAL;
	f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	strcpy(f->address, address);
	*ret = f;
	return 0;
}

void host_use_facts_free(struct host_use_facts *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->n; i++)
		free(f->items[i].detail);
	free(f->items);
	free(f);
}

bool host_use_has(const struct host_use_facts *f, enum host_use_class class)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->items[i].class == class)
			return true;
	return false;
}

static bool is_known(const struct host_use_facts *f, enum host_use_class class, const char *detail)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->items[i].class == class && streq(f->items[i].detail, detail))
			return true;
	return false;
}

int host_use_add(struct host_use_facts *f, enum host_use_class class, const char *format, ...)
{
	_cleanup_free_ char *detail = NULL;
	va_list args;
	int n;

	va_start(args, format);
	n = vasprintf(&detail, format, args);
	va_end(args);
	if (n < 0) {
		detail = NULL;
		return -ENOMEM;
	}
	if (is_known(f, class, detail) || (f->n >= HOST_USE_MAX && host_use_has(f, class)))
		return 0;
	if (!array_reserve(f->items, f->n))
		return -ENOMEM;
	f->items[f->n++] = (struct host_use){class, TAKE_PTR(detail)};
	return 0;
}

bool host_use_concerns(const struct device *d)
{
	if (!d->driver)
		return d->class_code >> 16 == 0x03;
	return !device_on_vfio_driver(d);
}

static const struct host_use_facts *facts_of(const struct context *c, const struct device *d)
{
	for (size_t i = 0; c->uses && i < c->uses->n; i++)
		if (streq(c->uses->items[i]->address, d->address))
			return c->uses->items[i];
	return NULL;
}

/* What root is told beside the class: ": /srv on nvme0n1p1, /home on nvme0n1p2". */
static char *details_of(const struct host_use_facts *f, enum host_use_class class)
{
	_cleanup_text_ struct text t = {0};
	size_t shown = 0, more = 0;

	text_append(&t, "");
	for (size_t i = 0; i < f->n; i++) {
		_cleanup_free_ char *safe = NULL;

		if (f->items[i].class != class || !f->items[i].detail[0])
			continue;
		if (shown == DETAILS_SHOWN) {
			more++;
			continue;
		}
		safe = escape_text(f->items[i].detail, DETAIL_MAX);
		text_appendf(&t, "%s%s", shown++ ? ", " : ": ", safe ? safe : "");
	}
	if (more)
		text_appendf(&t, " and %zu more", more);
	return text_steal(&t);
}

static int report_class(struct context *c, size_t i, const struct host_use_facts *f,
	enum host_use_class class)
{
	const struct decided_device *dd = &c->decision->devices[i];
	_cleanup_free_ char *details = c->told == 0 ? details_of(f, class) : format_text("%s", "");

	if (!details)
		return -ENOMEM;
	if (dd->host_use_allowed)
		return report_as_warning(c, classes[class].code, dd->device->address,
			"%s%s; its rule permits to take it all the same", classes[class].text,
			details);
	return report(c, classes[class].code, dd->device->address, NULL, "%s%s",
		classes[class].text, details);
}

static int report_peer_class(struct context *c, size_t i, const struct host_use_facts *f,
	enum host_use_class class)
{
	const struct decided_device *dd = &c->decision->devices[i];
	_cleanup_free_ char *details = c->told == 0 ? details_of(f, class) : format_text("%s", "");

	if (!details)
		return -ENOMEM;
	if (dd->host_use_allowed)
		return report_as_warning(c, CODE_HOST_USE_PEER, dd->device->address,
			"%s would have to be reserved with it, and %s%s; its rule permits that",
			f->address, classes[class].text, details);
	return report(c, CODE_HOST_USE_PEER, dd->device->address, NULL,
		"%s would have to be reserved with it, and %s%s", f->address, classes[class].text,
		details);
}

int host_use_check_peer(struct context *c, size_t i, const struct device *peer)
{
	const struct host_use_facts *f = host_use_concerns(peer) ? facts_of(c, peer) : NULL;
	int r = 0;

	for (int class = 0; f && r >= 0 && class < HOST_USE_N; class++)
		if (host_use_has(f, class))
			r = report_peer_class(c, i, f, class);
	return r;
}

static int report_idle(struct context *c, const struct device *d, const struct host_use_facts *f)
{
	if (!d->driver)
		return report(c, CODE_HOST_USE_IDLE, d->address, NULL, "has no driver");
	if (device_on_vfio_driver(d))
		return report(c, CODE_HOST_USE_IDLE, d->address, NULL,
			"is on the driver %s already", d->driver);
	return report(c, CODE_HOST_USE_DRIVER, d->address, NULL, "%swill be unbound from %s",
		f && f->n == 0 ? "is not in use and " : "", d->driver);
}

int host_use_check(struct context *c, size_t i)
{
	const struct device *d = c->decision->devices[i].device;
	const struct host_use_facts *f = host_use_concerns(d) ? facts_of(c, d) : NULL;
	int r = !f || f->n == 0 || d->driver ? report_idle(c, d, f) : 0;

	for (int class = 0; f && r >= 0 && class < HOST_USE_N; class++)
		if (host_use_has(f, class))
			r = report_class(c, i, f, class);
	return r;
}
