/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Parsing of device addresses: what passes here is safe as a path component. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/address.h"

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Reads between min and max hex digits; returns how many, 0 when there are too few or too many. */
static size_t take_hex(const char *s, size_t min, size_t max, uint32_t *ret)
{
	uint32_t value = 0;
	size_t n = 0;

	while (n < max && hex_digit(s[n]) >= 0)
		value = value << 4 | (uint32_t)hex_digit(s[n++]);
	if (n < min || hex_digit(s[n]) >= 0)
		return 0;
	*ret = value;
	return n;
}

/* "BB:DD.F" up to the end of the string, whatever the range of the numbers. */
static bool take_bus_device_function(const char *s, uint32_t *bus, uint32_t *device,
	uint32_t *function)
{
	return take_hex(s, 2, 2, bus) && s[2] == ':' && take_hex(s + 3, 2, 2, device) &&
		s[5] == '.' && take_hex(s + 6, 1, 1, function) && s[7] == '\0';
}

/* Returns 1 for a PCI address, 0 when s does not look like one, -EINVAL when it is out of range. */
static int parse_pci(const char *s, struct pci_address *ret)
{
	uint32_t domain = 0, bus, device, function;

	if (!take_bus_device_function(s, &bus, &device, &function)) {
		size_t n = take_hex(s, 1, 8, &domain);

		if (!n || s[n] != ':' ||
			!take_bus_device_function(s + n + 1, &bus, &device, &function))
			return 0;
	}
	if (device > 0x1f || function > 7)
		return -EINVAL;
	*ret = (struct pci_address){
		.domain = domain,
		.bus = (uint8_t)bus,
		.device = (uint8_t)device,
		.function = (uint8_t)function,
	};
	return 1;
}

static bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		c == '-' || c == '_' || c == '.';
}

static bool is_name(const char *s, size_t n)
{
	if (n == 0 || s[0] == '.')
		return false;
	for (size_t i = 0; i < n; i++)
		if (!is_name_char(s[i]))
			return false;
	return true;
}

static bool is_kind_and_name(const char *s)
{
	const char *colon = strchr(s, ':');
	size_t kind = colon ? (size_t)(colon - s) : 0;

	/* A kind begins with a letter, so that "1:2" stays an error. */
	return kind > 0 && ((s[0] >= 'a' && s[0] <= 'z') || (s[0] >= 'A' && s[0] <= 'Z')) &&
		is_name(s, kind) && is_name(colon + 1, strlen(colon + 1));
}

int address_parse(const char *s, char *ret_normal, struct pci_address *ret_pci)
{
	struct pci_address pci;
	int r;

	if (strlen(s) >= ADDRESS_MAX)
		return -EINVAL;
	r = parse_pci(s, &pci);
	if (r < 0)
		return r;
	if (r > 0) {
		if (ret_normal)
			snprintf(ret_normal, ADDRESS_MAX, "%04x:%02x:%02x.%x", pci.domain, pci.bus,
				pci.device, pci.function);
		if (ret_pci)
			*ret_pci = pci;
		return ADDRESS_PCI;
	}
	if (!is_kind_and_name(s))
		return -EINVAL;
	if (ret_normal)
		strcpy(ret_normal, s);
	return ADDRESS_OTHER;
}
