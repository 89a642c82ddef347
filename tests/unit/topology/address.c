/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Addresses: what is accepted, what it becomes, and what never may become a path. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "core/address.h"

static void expect_pci(const char *text, const char *normal)
{
	char out[ADDRESS_MAX] = "";
	struct pci_address pci;

	cr_expect_eq(address_parse(text, out, &pci), ADDRESS_PCI, "'%s' is a PCI address", text);
	cr_expect_str_eq(out, normal, "'%s' becomes '%s', got '%s'", text, normal, out);
}

Test(address, pci_is_normalised)
{
	expect_pci("0000:01:00.0", "0000:01:00.0");
	expect_pci("01:00.0", "0000:01:00.0");
	expect_pci("0000:0A:1F.7", "0000:0a:1f.7");
	expect_pci("10000:e1:00.0", "10000:e1:00.0");
	expect_pci("0:01:00.0", "0000:01:00.0");
	expect_pci("ffffffff:ff:00.0", "ffffffff:ff:00.0");
}

Test(address, pci_numbers)
{
	struct pci_address pci = { 0 };

	cr_assert_eq(address_parse("00012345:a2:1c.5", NULL, &pci), ADDRESS_PCI);
	cr_expect_eq(pci.domain, 0x12345);
	cr_expect_eq(pci.bus, 0xa2);
	cr_expect_eq(pci.device, 0x1c);
	cr_expect_eq(pci.function, 5);
}

Test(address, other_kinds_stay_as_they_are)
{
	static const char *const good[] = { "mdev:83b8f4f2-509f-382f-3c1e-e6bfe0fa1001",
		"vdpa:vdpa0", "vfio-user:disk_1.sock" };

	for (size_t i = 0; i < 3; i++) {
		char out[ADDRESS_MAX] = "";

		cr_expect_eq(address_parse(good[i], out, NULL), ADDRESS_OTHER, "%s", good[i]);
		cr_expect_str_eq(out, good[i]);
	}
}

Test(address, malformed_is_refused_and_touches_nothing)
{
	static const char *const bad[] = { "", ":", "01", "0000:01:20.0", "0000:01:00.8", "01:20.0",
		"0000:01:00", "0000:01:00.0 ", " 0000:01:00.0", "0000:01:00.0/..", "0000:1:00.0",
		"123456789:01:00.0", "0000:01:00.00", "../../etc", "mdev:", "mdev:..", "mdev:.x",
		"mdev:a/b", ".:a", "mdev:a:b", "mdev:a b", "mdev:\xc3\xa9", "-1:00.0", "1:2",
		"0000:01:00.0\n", "g000:01:00.0" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char out[ADDRESS_MAX] = "untouched";

		cr_expect_eq(address_parse(bad[i], out, NULL), -EINVAL, "'%s'", bad[i]);
		cr_expect_str_eq(out, "untouched");
	}
}

Test(address, length_is_bounded)
{
	char text[ADDRESS_MAX + 1], out[ADDRESS_MAX];

	memset(text, 'a', sizeof(text));
	memcpy(text, "mdev:", 5);
	text[ADDRESS_MAX] = '\0';
	cr_expect_eq(address_parse(text, out, NULL), -EINVAL);
	text[ADDRESS_MAX - 1] = '\0';
	cr_expect_eq(address_parse(text, out, NULL), ADDRESS_OTHER);
	cr_expect_str_eq(out, text);
}
