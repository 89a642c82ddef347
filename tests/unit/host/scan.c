/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The scan of sysfs: every fact of a device and of the host, on synthetic trees. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "tree.h"

#define NVME "pci:v00001B36d00000010sv00001AF4sd00001100bc01sc08i02\n"
#define EDU "pci:v00001234d000011E8sv00001AF4sd00001100bc00scFFi00\n"
#define PORT "pci:v00001B36d0000000Csv00000000sd00000000bc06sc04i00\n"

static struct tree tree;

static void setup(void)
{
	tree_new(&tree);
	tree_device(&tree, "", "0000:00:10.0", PORT, 2);
	tree_device(&tree, "0000:00:10.0/", "0000:01:00.0", NVME, 14);
}

static void teardown(void)
{
	tree_done(&tree);
}

TestSuite(scan, .init = setup, .fini = teardown);

static struct device *scan_one(const char *address)
{
	struct device *d = NULL;

	if (!tree.host)
		tree_start(&tree);
	cr_assert_eq(tree.host->ops->scan_device(tree.host, address, &d), 0, "%s", address);
	return d;
}

Test(scan, ids_come_from_modalias)
{
	struct device *d = scan_one("0000:01:00.0");

	cr_expect_eq(d->vendor, 0x1b36);
	cr_expect_eq(d->device, 0x0010);
	cr_expect_eq(d->subvendor, 0x1af4);
	cr_expect_eq(d->subdevice, 0x1100);
	cr_expect_eq(d->class_code, 0x010802);
	cr_expect_str_eq(d->modalias, "pci:v00001B36d00000010sv00001AF4sd00001100bc01sc08i02");
	cr_expect_eq(d->iommu_group, 14);
	cr_expect_eq(d->numa_node, -1);
	cr_expect_eq(d->pci.bus, 1);
	cr_expect_null(d->driver);
	cr_expect_null(d->cdev);
	cr_expect_str_eq(d->reset_methods, "");
	device_unref(d);
}

Test(scan, ids_come_from_attributes_where_modalias_is_missing)
{
	struct device *d;

	tree_device(&tree, "", "0000:00:16.0", "nonsense\n", -1);
	tree_attribute(&tree, "0000:00:16.0", "vendor", "0x1234\n");
	tree_attribute(&tree, "0000:00:16.0", "device", "0x11e8\n");
	tree_attribute(&tree, "0000:00:16.0", "class", "0x00ff00\n");
	d = scan_one("0000:00:16.0");
	cr_expect_eq(d->vendor, 0x1234);
	cr_expect_eq(d->device, 0x11e8);
	cr_expect_eq(d->class_code, 0x00ff00);
	cr_expect_eq(d->iommu_group, -1);
	device_unref(d);
}

Test(scan, parent_and_root_come_from_the_place_in_the_tree)
{
	struct device *below = scan_one("0000:01:00.0"), *port = scan_one("0000:00:10.0");

	cr_expect_str_eq(below->parent, "0000:00:10.0");
	cr_expect_str_eq(below->root, "pci0000:00");
	cr_expect_not(below->is_bridge);
	cr_expect_null(port->parent);
	cr_expect_str_eq(port->root, "pci0000:00");
	cr_expect(port->is_bridge);
	device_unref(below);
	device_unref(port);
}

Test(scan, a_root_below_a_device_has_no_parent)
{
	struct device *d;

	tree_device(&tree, "0000:00:0e.0/pci10000:e0/", "10000:e0:06.0", EDU, 1);
	d = scan_one("10000:e0:06.0");
	cr_expect_str_eq(d->root, "pci10000:e0");
	cr_expect_null(d->parent);
	device_unref(d);
}

Test(scan, a_host_bridge_is_no_bridge_unless_it_has_a_bus_below)
{
	struct device *d;

	tree_device(&tree, "", "0000:00:00.0", "pci:v00008086d000029C0sv00000000sd00000000bc06sc00i00\n", 0);
	d = scan_one("0000:00:00.0");
	cr_expect_not(d->is_bridge);
	device_unref(d);
	tree_attribute(&tree, "0000:00:00.0", "secondary_bus_number", "1\n");
	d = scan_one("0000:00:00.0");
	cr_expect(d->is_bridge);
	device_unref(d);
}

Test(scan, driver_reset_methods_and_cdev)
{
	struct device *d;

	tree_device_link(&tree, "0000:01:00.0", "driver", "../../../../bus/pci/drivers/vfio-pci");
	tree_attribute(&tree, "0000:01:00.0", "reset_method", "flr bus\n");
	tree_attribute(&tree, "0000:01:00.0", "numa_node", "1\n");
	tree_attribute(&tree, "0000:01:00.0", "vfio-dev/vfio7", NULL);
	d = scan_one("0000:01:00.0");
	cr_expect_str_eq(d->driver, "vfio-pci");
	cr_expect_str_eq(d->reset_methods, "flr bus");
	cr_expect_eq(d->numa_node, 1);
	cr_expect_null(d->cdev, "a kernel without cdevs has no dev attribute");
	device_unref(d);
	tree_attribute(&tree, "0000:01:00.0", "vfio-dev/vfio7/dev", "511:7\n");
	d = scan_one("0000:01:00.0");
	cr_expect_str_eq(d->cdev, "vfio7");
	device_unref(d);
}

Test(scan, sriov_links)
{
	struct device *pf, *vf;

	tree_device(&tree, "0000:00:10.0/", "0000:01:00.2", NVME, 16);
	tree_device(&tree, "0000:00:10.0/", "0000:01:00.1", NVME, 15);
	tree_attribute(&tree, "0000:01:00.0", "sriov_totalvfs", "4\n");
	tree_device_link(&tree, "0000:01:00.0", "virtfn1", "../0000:01:00.2");
	tree_device_link(&tree, "0000:01:00.0", "virtfn0", "../0000:01:00.1");
	tree_device_link(&tree, "0000:01:00.1", "physfn", "../0000:01:00.0");
	pf = scan_one("0000:01:00.0");
	vf = scan_one("0000:01:00.1");
	cr_assert_eq(strv_length(pf->virtual_functions), 2);
	cr_expect_str_eq(pf->virtual_functions[0], "0000:01:00.1");
	cr_expect_str_eq(pf->virtual_functions[1], "0000:01:00.2");
	cr_expect_null(pf->physical_function);
	cr_expect_str_eq(vf->physical_function, "0000:01:00.0");
	cr_expect_null(vf->virtual_functions);
	device_unref(pf);
	device_unref(vf);
}

Test(scan, attributes_that_take_the_device_lock_are_not_opened)
{
	struct device *d;

	/* As a reader would wait for ever behind a hung unbind, so on a FIFO without a writer. */
	tree_fifo(&tree, "sys/devices/pci0000:00/0000:00:10.0/0000:01:00.0/driver_override");
	tree_fifo(&tree, "sys/devices/pci0000:00/0000:00:10.0/0000:01:00.0/sriov_numvfs");
	alarm(5);
	d = scan_one("0000:01:00.0");
	device_unref(d);
}

Test(scan, gone_and_malformed)
{
	struct device *d = NULL;

	tree_start(&tree);
	cr_expect_eq(tree.host->ops->scan_device(tree.host, "0000:07:00.0", &d), -ENODEV);
	cr_expect_eq(tree.host->ops->scan_device(tree.host, "../../../etc", &d), -EINVAL);
	cr_expect_null(d);
}

static void scan_all(struct host_facts *facts, size_t expected)
{
	struct device **devices = NULL;
	size_t n = 0;

	if (!tree.host)
		tree_start(&tree);
	cr_assert_eq(tree.host->ops->scan(tree.host, facts, &devices, &n), 0);
	cr_expect_eq(n, expected);
	for (size_t i = 0; i < n; i++)
		device_unref(devices[i]);
	free(devices);
}

Test(scan, all_devices_and_nothing_else)
{
	struct host_facts facts;

	tree_write(&tree, "sys/bus/pci/devices/README", "no device");
	tree_link(&tree, "sys/bus/pci/devices/0000:09:00.0", "../../../devices/gone");
	scan_all(&facts, 2);
}

Test(scan, a_bare_host_has_nothing)
{
	struct host_facts facts;

	scan_all(&facts, 2);
	cr_expect_not(facts.iommufd);
	cr_expect_not(facts.legacy);
	cr_expect_not(facts.acs_override);
	cr_expect_eq(facts.interrupt_remapping, UNKNOWN);
}

Test(scan, facts_of_a_host_with_everything)
{
	struct host_facts facts;

	tree_write(&tree, "dev/iommu", "");
	tree_write(&tree, "dev/vfio/vfio", "");
	tree_write(&tree, "proc/devices", "Character devices:\n  1 mem\n243 vfio-dev\n");
	tree_write(&tree, "proc/interrupts", "  1: 9 0 IR-IO-APIC 1-edge i8042\n");
	tree_write(&tree, "proc/cmdline", "quiet pcie_acs_override=downstream\n");
	scan_all(&facts, 2);
	cr_expect(facts.iommufd);
	cr_expect(facts.legacy);
	cr_expect(facts.acs_override);
	cr_expect_eq(facts.interrupt_remapping, YES);
}

Test(scan, facts_are_not_taken_from_likenesses)
{
	struct host_facts facts;

	tree_write(&tree, "dev/iommu", "");
	tree_write(&tree, "proc/devices", "Character devices:\n242 vfio\n244 vfio-device\n");
	tree_write(&tree, "proc/interrupts", "  1: 9 0 IO-APIC 1-edge i8042\n");
	tree_write(&tree, "proc/cmdline", "root=/x.pcie_acs_override=1 no_pcie_acs_override\n");
	scan_all(&facts, 2);
	cr_expect_not(facts.iommufd);
	cr_expect_not(facts.acs_override);
	cr_expect_eq(facts.interrupt_remapping, NO);
}
