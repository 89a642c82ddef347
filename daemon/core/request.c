/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The list of devices that a client named: nothing of it is used before it was checked here. */
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "core/context.h"

static bool kind_is_known(const char *address)
{
	static const char *const kinds[] = {"mdev:", "vdpa:", "vfio-user:"};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strncmp(address, kinds[i], strlen(kinds[i])) == 0)
			return true;
	return false;
}

static int report_escaped(struct context *c, enum code code, const char *given, const char *text)
{
	_cleanup_free_ char *escaped = escape_text(given, ADDRESS_MAX);

	if (!escaped)
		return -ENOMEM;
	return report(c, code, escaped, NULL, "%s", text);
}

static int check_one(struct context *c, const char *given)
{
	char address[ADDRESS_MAX];
	struct pci_address pci;
	const struct device *d;
	int kind = address_parse(given, address, &pci);

	if (kind < 0)
		return report_escaped(c, CODE_REQUEST_MALFORMED, given, "is no device address");
	if (kind != ADDRESS_PCI && !kind_is_known(address))
		return report_escaped(c, CODE_REQUEST_UNKNOWN_KIND, given,
			"is no known kind of device");
	if (kind != ADDRESS_PCI)
		return report(c, CODE_REQUEST_KIND, address, NULL,
			"is not a PCI device, and this version leases no other kind");

	d = topology_find(c->topology, address);
	if (!d)
		return report(c, CODE_REQUEST_NO_SUCH_DEVICE, address, NULL,
			"is not on this machine");
	if (d->is_bridge)
		return report(c, CODE_REQUEST_BRIDGE, address, NULL, "is a bridge");
	return context_append(c, d, 0);
}

/* Stops counting early: the list may be as long as a message can carry. */
static bool too_many(char *const *devices)
{
	for (size_t i = 0; devices[i]; i++)
		if (i >= REQUEST_DEVICES_MAX)
			return true;
	return false;
}

/* Two spellings of an address that is not there are still a duplicate. */
static int check_duplicates(struct context *c, char *const *devices)
{
	char normal[REQUEST_DEVICES_MAX][ADDRESS_MAX];
	struct pci_address pci;

	for (size_t i = 0; devices[i]; i++) {
		bool duplicate = false;

		if (address_parse(devices[i], normal[i], &pci) < 0) {
			normal[i][0] = '\0';
			continue;
		}
		for (size_t j = 0; j < i && !duplicate; j++)
			duplicate = streq(normal[i], normal[j]);
		if (duplicate) {
			int r = report(c, CODE_REQUEST_DUPLICATE, normal[i], NULL,
				"is named more than once in the request");

			if (r < 0)
				return r;
		}
	}
	return 0;
}

int request_check(struct context *c)
{
	char *const *devices = c->request->devices;
	int r;

	if (!devices || !devices[0])
		return report(c, CODE_REQUEST_EMPTY, "", NULL, "the request names no device");
	if (too_many(devices))
		return report(c, CODE_REQUEST_TOO_MANY, "", NULL,
			"the request names more than %d devices", REQUEST_DEVICES_MAX);
	r = check_duplicates(c, devices);
	if (r < 0 || c->decision->findings.n > 0)
		return r;
	for (size_t i = 0; devices[i]; i++) {
		r = check_one(c, devices[i]);
		if (r < 0)
			return r;
	}
	return 0;
}
