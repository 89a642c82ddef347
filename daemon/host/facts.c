/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Facts about the host. They are read from /proc beside /sys; a fact that cannot be read is
 * unknown or absent, never a failure of the scan.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "host/linux.h"

/* Some kilobytes a line on a large machine, thousands of lines. */
#define INTERRUPTS_MAX (32 * 1024 * 1024)

/* A line "NUMBER NAME" of /proc/devices. */
static bool has_character_device(const char *devices, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = devices; (p = strstr(p, name)); p += n)
		if (p > devices && p[-1] == ' ' && (p[n] == '\n' || p[n] == '\0'))
			return true;
	return false;
}

/*
 * VFIO registers "vfio-dev" when it is built with CONFIG_VFIO_DEVICE_CDEV (Linux 6.6,
 * drivers/vfio/device_cdev.c: vfio_cdev_init), before any device is bound to it.
 */
static bool has_cdevs(int sysfs)
{
	_cleanup_free_ char *devices = NULL;

	if (read_file_at(sysfs, "../proc/devices", 1024 * 1024, &devices, NULL) < 0)
		return false;
	return has_character_device(devices, "vfio-dev");
}

/*
 * With interrupt remapping the chips' names begin with "IR-" (drivers/iommu/intel and amd). On
 * x86 their plain names mean that there is none; elsewhere names say nothing.
 */
static enum tristate interrupt_remapping(int sysfs)
{
	_cleanup_free_ char *interrupts = NULL;

	if (read_file_at(sysfs, "../proc/interrupts", INTERRUPTS_MAX, &interrupts, NULL) < 0)
		return UNKNOWN;
	if (strstr(interrupts, " IR-"))
		return YES;
	return strstr(interrupts, "IO-APIC") ? NO : UNKNOWN;
}

/* The parameter of the out-of-tree ACS override patch, as a word of the command line. */
static bool acs_override(int sysfs)
{
	static const char name[] = "pcie_acs_override";
	_cleanup_free_ char *line = NULL;

	if (read_line_at(sysfs, "../proc/cmdline", &line) < 0)
		return false;
	for (const char *p = line; (p = strstr(p, name)); p += strlen(name)) {
		char after = p[strlen(name)];

		if ((p == line || p[-1] == ' ') && (after == '=' || after == ' ' || !after))
			return true;
	}
	return false;
}

/* A parameter of a module that is not there is off. */
static bool is_switched_on(int sysfs, const char *path)
{
	_cleanup_free_ char *line = NULL;

	return read_line_at(sysfs, path, &line) >= 0 && (line[0] == 'Y' || line[0] == '1');
}

void host_switches(struct host *host, struct host_facts *facts)
{
	int sysfs = linux_host(host)->sysfs;

	facts->unsafe_interrupts_type1 = is_switched_on(sysfs,
		"module/vfio_iommu_type1/parameters/allow_unsafe_interrupts");
	facts->unsafe_interrupts_iommufd = is_switched_on(sysfs,
		"module/iommufd/parameters/allow_unsafe_interrupts");
}

void read_facts(struct linux_host *h, struct host_facts *ret)
{
	*ret = (struct host_facts){
		.iommufd = faccessat(h->dev, "iommu", F_OK, 0) == 0 && has_cdevs(h->sysfs),
		.legacy = faccessat(h->dev, "vfio/vfio", F_OK, 0) == 0,
		.interrupt_remapping = interrupt_remapping(h->sysfs),
		.acs_override = acs_override(h->sysfs),
	};
	host_switches(&h->host, ret);
}
