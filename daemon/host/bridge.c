/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a bridge's configuration space says of isolation: its kind and its ACS controls, read by
 * libpci through the sysfs directory of the host. A bridge in runtime suspend is not touched, since
 * a read would wake what is above it.
 */
#include <errno.h>
#include <pci/pci.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include "base/io.h"
#include "base/text.h"
#include "host/linux.h"

/* libpci ends the process on an error unless its handler does not return. */
static _Thread_local jmp_buf on_error;

static void __attribute__((noreturn, format(printf, 1, 2))) fail(char *format, ...)
{
	longjmp(on_error, 1);
}

static void __attribute__((format(printf, 1, 2))) say_nothing(char *format, ...)
{
}

static enum bridge_kind kind_of(struct pci_dev *d)
{
	struct pci_cap *express = pci_find_cap(d, PCI_CAP_ID_EXP, PCI_CAP_NORMAL);

	if (!express)
		return BRIDGE_CONVENTIONAL;
	switch ((pci_read_word(d, express->addr + PCI_EXP_FLAGS) & PCI_EXP_FLAGS_TYPE) >> 4) {
	case PCI_EXP_TYPE_ROOT_PORT:
		return BRIDGE_ROOT_PORT;
	case PCI_EXP_TYPE_UPSTREAM:
		return BRIDGE_UPSTREAM_PORT;
	case PCI_EXP_TYPE_DOWNSTREAM:
		return BRIDGE_DOWNSTREAM_PORT;
	case PCI_EXP_TYPE_PCI_BRIDGE:
		return BRIDGE_CONVENTIONAL;
	}
	return BRIDGE_OTHER;
}

static void read_acs(struct pci_dev *d, struct bridge_facts *ret)
{
	struct pci_cap *acs = pci_find_cap(d, PCI_EXT_CAP_ID_ACS, PCI_CAP_EXTENDED);

	ret->has_acs = acs != NULL;
	ret->acs_missing = ACS_ISOLATION;
	if (acs)
		ret->acs_missing &= pci_read_word(d, acs->addr + PCI_ACS_CAP) &
			~pci_read_word(d, acs->addr + PCI_ACS_CTRL);
}

/* An upstream port isolates nothing itself: what is below it its downstream ports do. */
static void read_bridge(struct pci_dev *d, struct bridge_facts *ret)
{
	*ret = (struct bridge_facts){.kind = kind_of(d)};
	if (ret->kind == BRIDGE_ROOT_PORT || ret->kind == BRIDGE_DOWNSTREAM_PORT)
		read_acs(d, ret);
}

static int read_by_libpci(int sysfs, const struct pci_address *a, struct bridge_facts *ret)
{
	char path[64];
	struct pci_access *access = pci_alloc();
	struct pci_dev *volatile d = NULL;
	volatile int r = -EIO;

	snprintf(path, sizeof(path), "/proc/self/fd/%d/bus/pci", sysfs);
	access->method = PCI_ACCESS_SYS_BUS_PCI;
	access->error = fail;
	access->warning = access->debug = say_nothing;
	if (setjmp(on_error) == 0) {
		pci_set_param(access, "sysfs.path", path);
		pci_init(access);
		d = pci_get_dev(access, (int)a->domain, a->bus, a->device, a->function);
		/* All ones: no such device, or one that does not answer. */
		if (pci_read_word(d, PCI_VENDOR_ID) != 0xffff) {
			read_bridge(d, ret);
			r = 0;
		}
	}
	if (d)
		pci_free_dev(d);
	pci_cleanup(access);
	return r;
}

int host_bridge_facts(struct host *h, const char *address, struct bridge_facts *ret)
{
	int sysfs = linux_host(h)->sysfs, r;
	_cleanup_free_ char *status = NULL;
	char path[HOST_PATH_MAX];
	struct pci_address a;

	r = device_path(address, "/power/runtime_status", path);
	if (r < 0)
		return r;
	/* Without runtime power management there is no such attribute. */
	if (read_line_at(sysfs, path, &status) >= 0 && status[0] == 's')
		return -EAGAIN;
	if (address_parse(address, NULL, &a) != ADDRESS_PCI)
		return -EINVAL;
	return read_by_libpci(sysfs, &a, ret);
}
