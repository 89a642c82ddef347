/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Addresses of devices: a PCI address "DDDD:BB:DD.F" in lower case hex, or "KIND:NAME" for other
 * kinds. Nothing that has not passed address_parse() may become part of a path.
 */
#pragma once

#include <stdint.h>

#define ADDRESS_MAX 128

enum address_kind {
	ADDRESS_PCI,
	ADDRESS_OTHER,
};

struct pci_address {
	uint32_t domain; /* up to 32 bits: VMD and Hyper-V use more than 16 */
	uint8_t bus, device, function;
};

/*
 * Checks and normalises: "01:00.0" gets domain 0000, upper case becomes lower. KIND and NAME are
 * letters, digits, '-', '_' and '.', not starting with '.', and KIND starts with a letter. ret_normal
 * needs ADDRESS_MAX bytes; either out-parameter may be NULL, and ret_pci is set for a PCI address
 * only. Returns an address_kind or -EINVAL.
 */
int address_parse(const char *s, char *ret_normal, struct pci_address *ret_pci);
