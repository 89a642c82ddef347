/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The facts of bridges from synthetic configuration space, and what is not isolated by a group. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/macro.h"
#include "tree.h"

#define PORT "pci:v00001B36d0000000Csv00000000sd00000000bc06sc04i00\n"
#define NVME "pci:v00001B36d00000010sv00001AF4sd00001100bc01sc08i02\n"
#define BRIDGE "0000:00:10.0"
#define ALL ACS_ISOLATION

static struct tree tree;

static void setup(void)
{
	tree_new(&tree);
	tree_device(&tree, "", BRIDGE, PORT, 2);
	tree_device(&tree, BRIDGE "/", "0000:01:00.0", NVME, 14);
}

static void teardown(void)
{
	tree_done(&tree);
}

TestSuite(bridge, .init = setup, .fini = teardown);

static void put16(unsigned char *at, unsigned value)
{
	at[0] = value & 0xff;
	at[1] = value >> 8;
}

/* type is the PCI Express port type, -1 without that capability; acs_cap -1 without ACS. */
static void write_config(int type, int acs_cap, unsigned acs_control)
{
	_cleanup_free_ char *path = tree_path(&tree, "sys/bus/pci/devices/" BRIDGE "/config");
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	unsigned char config[4096] = {0x36, 0x1b, 0x0c, 0x00};

	cr_assert_geq(fd, 0);
	config[0x0e] = 1;
	if (type >= 0) {
		config[0x06] = 0x10;
		config[0x34] = 0x40;
		config[0x40] = 0x10;
		put16(config + 0x42, 2 | type << 4);
	}
	if (acs_cap >= 0) {
		put16(config + 0x100, 0x0d);
		put16(config + 0x102, 1);
		put16(config + 0x104, acs_cap);
		put16(config + 0x106, acs_control);
	}
	cr_assert_geq(write_all(fd, config, sizeof(config)), 0);
}

static int look(struct bridge_facts *ret)
{
	if (!tree.host)
		tree_start(&tree);
	return tree.host->ops->bridge_facts(tree.host, BRIDGE, ret);
}

Test(bridge, kinds_and_acs)
{
	static const struct {
		int type, cap;
		unsigned control;
		struct bridge_facts facts;
	} cases[] = {
		{4, 0x1d, 0x1d, {BRIDGE_ROOT_PORT, true, 0}},
		{4, 0x5f, 0x1d, {BRIDGE_ROOT_PORT, true, 0}},
		{4, 0x1d, 0x1c, {BRIDGE_ROOT_PORT, true, ACS_SOURCE_VALIDATION}},
		/* A control that is not there is hard-wired. */
		{4, 0x01, 0x01, {BRIDGE_ROOT_PORT, true, 0}},
		{4, -1, 0, {BRIDGE_ROOT_PORT, false, ALL}},
		{6, 0x1d, 0x00, {BRIDGE_DOWNSTREAM_PORT, true, ALL}},
		{5, -1, 0, {BRIDGE_UPSTREAM_PORT, false, 0}},
		{7, -1, 0, {BRIDGE_CONVENTIONAL, false, 0}},
		{8, -1, 0, {BRIDGE_OTHER, false, 0}},
		{-1, -1, 0, {BRIDGE_CONVENTIONAL, false, 0}},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct bridge_facts facts;

		write_config(cases[i].type, cases[i].cap, cases[i].control);
		cr_assert_eq(look(&facts), 0);
		cr_expect_eq(facts.kind, cases[i].facts.kind, "%zu: %d", i, facts.kind);
		cr_expect_eq(facts.has_acs, cases[i].facts.has_acs, "%zu", i);
		cr_expect_eq(facts.acs_missing, cases[i].facts.acs_missing, "%zu: %x", i,
			facts.acs_missing);
	}
}

Test(bridge, without_configuration_space)
{
	struct bridge_facts facts;

	cr_expect_eq(look(&facts), -EIO);
	tree_attribute(&tree, BRIDGE, "config", "");
	cr_expect_eq(look(&facts), -EIO);
}

Test(bridge, one_that_sleeps_is_left_alone)
{
	struct bridge_facts facts;

	write_config(4, -1, 0);
	tree_attribute(&tree, BRIDGE, "power/runtime_status", "suspended\n");
	cr_expect_eq(look(&facts), -EAGAIN);
	tree_attribute(&tree, BRIDGE, "power/runtime_status", "active\n");
	cr_expect_eq(look(&facts), 0);
}

Test(bridge, no_file_is_left_open)
{
	struct bridge_facts facts;
	int before, after;

	write_config(4, 0x1d, 0x1d);
	cr_assert_eq(look(&facts), 0);
	before = dup(0);
	close(before);
	for (unsigned i = 0; i < 10; i++)
		cr_assert_eq(look(&facts), 0);
	after = dup(0);
	close(after);
	cr_expect_eq(before, after);
}

static struct device *scan_nvme(void)
{
	struct device *d = NULL;

	if (!tree.host)
		tree_start(&tree);
	cr_assert_eq(tree.host->ops->scan_device(tree.host, "0000:01:00.0", &d), 0);
	return d;
}

Test(bridge, type_of_the_group)
{
	struct device *d;

	tree_write(&tree, "sys/kernel/iommu_groups/14/type", "DMA-FQ\n");
	d = scan_nvme();
	cr_expect_not(d->identity_domain);
	device_unref(d);
	tree_write(&tree, "sys/kernel/iommu_groups/14/type", "identity\n");
	d = scan_nvme();
	cr_expect(d->identity_domain);
	cr_expect_eq(d->iommu_group, 14);
	device_unref(d);
}

/* As a kernel with CONFIG_VFIO_NOIOMMU shows a device on vfio-pci that no IOMMU is in front of. */
Test(bridge, a_group_without_iommu_is_none)
{
	struct device *d;

	tree_write(&tree, "sys/kernel/iommu_groups/14/type", "unknown\n");
	tree_write(&tree, "sys/kernel/iommu_groups/14/name", "vfio-noiommu\n");
	d = scan_nvme();
	cr_expect_eq(d->iommu_group, -1);
	device_unref(d);
	tree_write(&tree, "sys/kernel/iommu_groups/14/name", "another\n");
	d = scan_nvme();
	cr_expect_eq(d->iommu_group, 14);
	device_unref(d);
}

Test(bridge, switches)
{
	struct host_facts facts = {.legacy = true};

	tree_start(&tree);
	tree.host->ops->switches(tree.host, &facts);
	cr_expect_not(facts.unsafe_interrupts_type1 || facts.unsafe_interrupts_iommufd);
	tree_write(&tree, "sys/module/iommufd/parameters/allow_unsafe_interrupts", "Y\n");
	tree_write(&tree, "sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts", "N\n");
	tree.host->ops->switches(tree.host, &facts);
	cr_expect(facts.unsafe_interrupts_iommufd && !facts.unsafe_interrupts_type1);
	tree_write(&tree, "sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts", "Y\n");
	tree.host->ops->switches(tree.host, &facts);
	cr_expect(facts.unsafe_interrupts_type1 && facts.legacy);
}
