/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The survey of host use on synthetic trees: each class of use, each way that a disk can be used
 * through a stack, and what must not be taken for idle. /dev/null and the interface lo stand for a
 * node and an interface of the device, since a tree can have neither.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/text.h"
#include "tree.h"

#define NVME "0000:01:00.0"
#define NIC "0000:02:00.0"
#define ID "pci:v00001B36d00000010sv00001AF4sd00001100bc01sc08i02\n"

static struct tree tree;

/* A directory with a link `subsystem`, and its number, if any. */
static void add(const char *path, const char *kind, const char *numbers)
{
	char name[512], target[128];

	snprintf(target, sizeof(target), "../../somewhere/%s", kind);
	snprintf(name, sizeof(name), "%s/subsystem", path);
	tree_link(&tree, name, target);
	if (!numbers)
		return;
	snprintf(name, sizeof(name), "%s/dev", path);
	tree_write(&tree, name, numbers);
}

/* The same for a block device, which sysfs also lists by name. */
static void add_block(const char *path, const char *numbers, bool partition)
{
	char name[512], target[512];

	add(path, "block", numbers);
	snprintf(name, sizeof(name), "%s/holders", path);
	tree_write(&tree, name, NULL);
	if (partition) {
		snprintf(name, sizeof(name), "%s/partition", path);
		tree_write(&tree, name, "1\n");
	}
	snprintf(name, sizeof(name), "sys/class/block/%s", strrchr(path, '/') + 1);
	snprintf(target, sizeof(target), "../../../%s", path);
	tree_link(&tree, name, target);
}

#define BELOW(address, path) "sys/devices/pci0000:00/" address "/" path

static void add_device(const char *address, const char *driver, const char *class_code)
{
	tree_device(&tree, "", address, ID, 1);
	tree_attribute(&tree, address, "class", class_code);
	tree_device_link(&tree, address, "subsystem", "../../../bus/pci");
	if (driver)
		tree_device_link(&tree, address, "driver", driver);
}

static void setup(void)
{
	tree_new(&tree);
	tree_write(&tree, "proc/swaps", "Filename Type Size Used Priority\n");
	tree_write(&tree, "proc/self/mountinfo", "");
	tree_write(&tree, "proc/1/mountinfo", "");
	add_device(NVME, "../drivers/nvme", "0x010802\n");
	add(BELOW(NVME, "nvme/nvme0"), "nvme", "240:0\n");
	add_block(BELOW(NVME, "nvme/nvme0/nvme0n1"), "259:0\n", false);
	add_block(BELOW(NVME, "nvme/nvme0/nvme0n1/nvme0n1p1"), "259:1\n", true);
}

static void teardown(void)
{
	tree_done(&tree);
}

TestSuite(use, .init = setup, .fini = teardown);

/* "CLASS DETAIL, ..." of all that was found. */
static char *survey(const char *address)
{
	struct host_use_facts *f = NULL;
	struct text t = {0};

	if (!tree.host)
		tree_start(&tree);
	cr_assert_eq(tree.host->ops->host_use(tree.host, address, &f), 0, "%s", address);
	cr_expect_str_eq(f->address, address);
	text_append(&t, "");
	for (size_t i = 0; i < f->n; i++)
		text_appendf(&t, "%s%s %s", i ? ", " : "",
			host_use_class_to_string(f->items[i].class), f->items[i].detail);
	host_use_facts_free(f);
	return text_steal(&t);
}

static void expect(const char *address, const char *wanted)
{
	_cleanup_free_ char *found = survey(address);

	cr_expect_str_eq(found, wanted);
}

Test(use, an_idle_disk)
{
	expect(NVME, "");
}

Test(use, gone_and_malformed)
{
	struct host_use_facts *f = NULL;
	int *fds = NULL;
	size_t n = 0;

	tree_start(&tree);
	cr_expect_eq(tree.host->ops->host_use(tree.host, "0000:09:00.0", &f), -ENODEV);
	cr_expect_eq(tree.host->ops->host_use(tree.host, "../../../../etc", &f), -EINVAL);
	cr_expect_eq(tree.host->ops->block_claim(tree.host, "0000:09:00.0", &fds, &n), -ENODEV);
	cr_expect_null(f);
	cr_expect_null(fds);
}

Test(use, a_mounted_partition)
{
	tree_write(&tree, "proc/self/mountinfo",
		"21 1 0:20 / /proc rw - proc proc rw\n"
		"22 1 259:1 / /mnt/with\\040blank rw,relatime shared:1 - ext4 /dev/root rw\n");
	expect(NVME, "mounted /mnt/with blank from nvme0n1p1");
}

Test(use, a_mount_that_only_the_first_process_sees)
{
	tree_write(&tree, "proc/1/mountinfo", "22 1 259:0 / /srv rw - xfs /dev/nvme0n1 rw\n");
	expect(NVME, "mounted /srv from nvme0n1");
}

Test(use, mounts_of_other_disks_and_nonsense)
{
	tree_write(&tree, "proc/self/mountinfo",
		"22 1 259:2 / /srv rw - xfs /dev/nvme1n1 rw\nnonsense\n\n22 1\n - \n"
		"1 1 259:1\n1 1 259:1 - a\n23 1 0:40 / /b rw - btrfs /dev/absent rw\n");
	expect(NVME, "");
}

Test(use, what_stands_on_a_partition)
{
	tree_link(&tree, BELOW(NVME, "nvme/nvme0/nvme0n1/nvme0n1p1/holders/dm-0"), "../x");
	add_block("sys/devices/virtual/block/dm-0", "253:0\n", false);
	tree_write(&tree, "sys/devices/virtual/block/dm-0/dm/name", "vg-lv\n");
	expect(NVME, "holder dm-0 (vg-lv) on nvme0n1p1");
}

Test(use, a_mount_far_up_the_stack)
{
	tree_link(&tree, BELOW(NVME, "nvme/nvme0/nvme0n1/nvme0n1p1/holders/md0"), "../x");
	add_block("sys/devices/virtual/block/md0", "9:0\n", false);
	add_block("sys/devices/virtual/block/md0/md0p1", "259:7\n", true);
	tree_link(&tree, "sys/devices/virtual/block/md0/md0p1/holders/dm-0", "../x");
	add_block("sys/devices/virtual/block/dm-0", "253:0\n", false);
	tree_write(&tree, "proc/self/mountinfo", "22 1 253:0 / /srv rw - xfs /dev/dm-0 rw\n");
	expect(NVME, "holder md0 on nvme0n1p1, holder dm-0 on md0p1, mounted /srv from dm-0");
}

Test(use, holders_in_a_ring_end)
{
	tree_link(&tree, BELOW(NVME, "nvme/nvme0/nvme0n1/holders/dm-0"), "../x");
	add_block("sys/devices/virtual/block/dm-0", "253:0\n", false);
	tree_link(&tree, "sys/devices/virtual/block/dm-0/holders/nvme0n1", "../x");
	alarm(10);
	expect(NVME, "holder dm-0 on nvme0n1, holder nvme0n1 on dm-0");
}

/* The disk of an nvme controller with multipath is not below the controller. */
Test(use, a_disk_with_multipath)
{
	add_device(NIC, "../drivers/nvme", "0x010802\n");
	add(BELOW(NIC, "nvme/nvme1"), "nvme", "240:1\n");
	add(BELOW(NIC, "nvme/nvme1/nvme1c1n1"), "block", NULL);
	tree_link(&tree, "sys/class/nvme-subsystem/nvme-subsys0/nvme1", "../../../x");
	add_block("sys/class/nvme-subsystem/nvme-subsys0/nvme1n1", "259:8\n", false);
	add_block("sys/class/nvme-subsystem/nvme-subsys0/nvme1n1/nvme1n1p1", "259:9\n", true);
	tree_link(&tree, "sys/class/nvme-subsystem/nvme-subsys9/nvme9", "../../../x");
	add_block("sys/class/nvme-subsystem/nvme-subsys9/nvme9n1", "259:18\n", false);
	tree_write(&tree, "proc/self/mountinfo", "22 1 259:9 / /srv rw - xfs x rw\n"
		"23 1 259:18 / /other rw - xfs x rw\n");
	expect(NIC, "mounted /srv from nvme1n1p1");
}

Test(use, a_loop_device)
{
	const char *file = "sys/devices/virtual/block/loop0/loop/backing_file";

	add_block("sys/devices/virtual/block/loop0", "7:0\n", false);
	expect(NVME, "");
	tree_write(&tree, file, "/home/u/dev/nvme0n1\n");
	expect(NVME, "");
	tree_write(&tree, file, "/dev/nvme0n1\n");
	expect(NVME, "holder loop0 on nvme0n1");
}

/* Only where the file system has no number of its device, and then the source is nobody's choice. */
Test(use, a_source_is_not_believed)
{
	tree_link(&tree, "sys/class/block/nvme0n1/holders/dm-0", "../x");
	add_block("sys/devices/virtual/block/dm-0", "253:0\n", false);
	tree_write(&tree, "sys/devices/virtual/block/dm-0/dm/name", "vg-lv\n");
	tree_write(&tree, "proc/self/mountinfo",
		"22 1 0:40 / /a rw - fuse.x /dev/nvme0n1 rw\n"
		"23 1 0:41 / /b rw - btrfs /dev/../dev/nvme0n1 rw\n"
		"24 1 0:42 / /c rw - btrfs /dev/nvme0n1p1 rw\n"
		"25 1 0:43 / /d rw - bcachefs /dev/sda:/dev/mapper/vg-lv rw\n");
	expect(NVME, "holder dm-0 (vg-lv) on nvme0n1, mounted /c from nvme0n1p1, "
		     "mounted /d from dm-0");
}

Test(use, an_open_node)
{
	struct stat null;
	char numbers[32];

	cr_assert_eq(stat("/dev/null", &null), 0);
	snprintf(numbers, sizeof(numbers), "%u:%u\n", major(null.st_rdev), minor(null.st_rdev));
	add(BELOW(NVME, "nvme/nvme0/ng0n1"), "nvme-generic", numbers);
	tree_link(&tree, "proc/77/fd/0", "socket:[17]");
	tree_link(&tree, "proc/77/fd/1", "/dev/zero");
	expect(NVME, "");
	tree_link(&tree, "proc/77/fd/3", "/dev/null");
	tree_write(&tree, "proc/77/comm", "holder\n");
	expect(NVME, "open ng0n1 by holder (pid 77)");
}

static void add_nic(const char *interface, const char *flags)
{
	char path[256];

	add_device(NIC, "../drivers/e1000e", "0x020000\n");
	if (!interface)
		return;
	snprintf(path, sizeof(path), "%s/%s", BELOW(NIC, "net"), interface);
	add(path, "net", NULL);
	snprintf(path, sizeof(path), "sys/class/net/%s", interface);
	tree_link(&tree, path, "../../devices/pci0000:00/" NIC "/net/lo");
	snprintf(path, sizeof(path), "%s/%s/flags", BELOW(NIC, "net"), interface);
	tree_write(&tree, path, flags);
}

Test(use, interfaces)
{
	add_nic("lo", "0x1002\n");
	expect(NIC, "");
	tree_write(&tree, BELOW(NIC, "net/lo/flags"), "0x1003\n");
	expect(NIC, "interface lo");
}

Test(use, default_routes)
{
	add_nic("lo", "0x1002\n");
	tree_write(&tree, "proc/self/net/route", "Iface Destination Gateway ...\n"
		"eth9 00000000 0102A8C0 0003 0 0 0 00000000 0 0 0\n"
		"lo 00000000 00000000 0001 0 0 0 00000080 0 0 0\n"
		"lo 0002A8C0 00000000 0001 0 0 0 00FFFFFF 0 0 0\n");
	tree_write(&tree, "proc/self/net/ipv6_route",
		"00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
		"fe800000000000000000000000000001 00000400 00000001 00000000 00000003 eth9\n");
	expect(NIC, "");
	tree_write(&tree, "proc/self/net/route", "lo 00000000 0102A8C0 0003 0 0 0 00000000 0 0 0\n");
	expect(NIC, "route lo");
	tree_write(&tree, "proc/self/net/route", "");
	tree_write(&tree, "proc/self/net/ipv6_route",
		"00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
		"fe800000000000000000000000000001 00000400 00000001 00000000 00000003 lo\n");
	expect(NIC, "route lo");
}

/* A directory in a table's place can be opened, but not read. */
Test(use, tables_that_cannot_be_read)
{
	add_nic("lo", "0x1002\n");
	tree_write(&tree, "proc/self/net/route", NULL);
	tree_write(&tree, "proc/self/net/ipv6_route", NULL);
	expect(NIC, "unknown-users self/net/route, which cannot be read: EISDIR, "
		    "unknown-users self/net/ipv6_route, which cannot be read: EISDIR");
}

static void tree_remove_file(const char *name)
{
	_cleanup_free_ char *path = tree_path(&tree, name);

	cr_assert_eq(unlink(path), 0);
}

Test(use, mounts_that_cannot_be_read)
{
	tree_remove_file("proc/1/mountinfo");
	tree_remove_file("proc/swaps");
	tree_write(&tree, "proc/swaps", NULL);
	expect(NVME, "unknown-users 1/mountinfo, which cannot be read: ENOENT, "
		     "unknown-users swaps, which cannot be read: EISDIR");
}

Test(use, bridges_and_vlans)
{
	add_nic("lo", "0x1002\n");
	tree_link(&tree, BELOW(NIC, "net/lo/master"), "../../../virtual/net/br0");
	tree_link(&tree, BELOW(NIC, "net/lo/upper_br0"), "../../../virtual/net/br0");
	tree_link(&tree, BELOW(NIC, "net/lo/upper_vlan7"), "../../../virtual/net/vlan7");
	expect(NIC, "master lo in br0, master vlan7 on lo");
}

Test(use, a_card_without_an_interface)
{
	add_nic(NULL, NULL);
	add(BELOW(NIC, "ptp/ptp0"), "ptp", "248:0\n");
	expect(NIC, "unknown-users no network interface of e1000e is visible");
}

Test(use, an_interface_that_is_hidden)
{
	struct stat st;
	char *path = tree_path(&tree, BELOW(NIC, "net"));

	add_nic("lo", "0x1002\n");
	/* A name that the listing leaves out stands for one of another namespace. */
	tree_write(&tree, BELOW(NIC, "net/.hidden"), NULL);
	cr_assert_eq(stat(path, &st), 0);
	free(path);
	if (st.st_nlink < 2)
		cr_skip_test("this file system does not count subdirectories");
	expect(NIC, "unknown-users an interface in another network namespace");
}

Test(use, a_driver_that_shows_nothing)
{
	add_device(NIC, "../drivers/virtio-pci", "0x00ff00\n");
	add(BELOW(NIC, "virtio3"), "virtio", NULL);
	expect(NIC, "unknown-users of the driver virtio-pci");
}

Test(use, a_placeholder_is_no_user)
{
	add_device(NIC, "../drivers/pci-stub", "0x00ff00\n");
	expect(NIC, "");
}

Test(use, a_kind_that_nobody_knows)
{
	add(BELOW(NVME, "frob/frob0"), "frob", NULL);
	expect(NVME, "unknown-users frob0 (frob)");
}

Test(use, a_client_on_a_sensor_bus)
{
	add(BELOW(NVME, "i2c-3"), "i2c", NULL);
	expect(NVME, "");
	add(BELOW(NVME, "i2c-3/3-0050"), "i2c", NULL);
	tree_link(&tree, BELOW(NVME, "i2c-3/3-0050/driver"), "../../at24");
	expect(NVME, "unknown-users 3-0050 (i2c)");
}

Test(use, a_usb_controller)
{
	add_device(NIC, "../drivers/xhci_hcd", "0x0c0330\n");
	add(BELOW(NIC, "usb1"), "usb", "189:0\n");
	add(BELOW(NIC, "usb1/1-0:1.0"), "usb", NULL);
	expect(NIC, "");
	add(BELOW(NIC, "usb1/1-1/1-1:1.0/0003:1:2.1/input/input5"), "input", NULL);
	tree_write(&tree, BELOW(NIC, "usb1/1-1/1-1:1.0/0003:1:2.1/input/input5/capabilities/key"),
		"1f0000 0 0 0 0\n");
	expect(NIC, "");
	tree_write(&tree, BELOW(NIC, "usb1/1-1/1-1:1.0/0003:1:2.1/input/input5/capabilities/key"),
		"e080ffdf01cfffff fffffffffffffffe\n");
	expect(NIC, "console keyboard input5");
}

Test(use, a_disk_behind_usb)
{
	add_device(NIC, "../drivers/xhci_hcd", "0x0c0330\n");
	add_block(BELOW(NIC, "usb1/1-2/1-2:1.0/host2/target2:0:0/2:0:0:0/block/sdb"), "8:16\n", false);
	add_block(BELOW(NIC, "usb1/1-2/1-2:1.0/host2/target2:0:0/2:0:0:0/block/sdb/sdb1"), "8:17\n",
		true);
	tree_write(&tree, "proc/self/mountinfo", "22 1 8:17 / / rw - ext4 /dev/sdb1 rw\n");
	expect(NIC, "mounted / from sdb1");
}

Test(use, a_controller_without_disks)
{
	add_device(NIC, "../drivers/ahci", "0x010601\n");
	add(BELOW(NIC, "ata1/host0"), "scsi", NULL);
	add(BELOW(NIC, "ata1/host0/scsi_host/host0"), "scsi_host", NULL);
	expect(NIC, "");
}

Test(use, displays)
{
	add_device(NIC, NULL, "0x030000\n");
	tree_attribute(&tree, NIC, "boot_vga", "0\n");
	expect(NIC, "");
	tree_attribute(&tree, NIC, "boot_vga", "1\n");
	expect(NIC, "display the boot display");
	tree_device_link(&tree, NIC, "driver", "../drivers/bochs-drm");
	add(BELOW(NIC, "drm/card0"), "drm", "226:0\n");
	add(BELOW(NIC, "drm/card0/card0-Virtual-1"), "drm", NULL);
	add(BELOW(NIC, "graphics/fb0"), "graphics", "29:0\n");
	expect(NIC, "display the boot display, display fb0");
}

Test(use, a_serial_line_with_the_console)
{
	add_device(NIC, "../drivers/serial", "0x070002\n");
	add(BELOW(NIC, "tty/ttyS4"), "tty", "4:68\n");
	tree_write(&tree, "proc/consoles", "ttyS0 -W- (EC p a) 4:64\ntty0 -WU (E) 4:7\n");
	expect(NIC, "");
	tree_write(&tree, "proc/consoles", "ttyS4 -W- (EC p a)    4:68\n");
	expect(NIC, "console console ttyS4");
}

Test(use, a_claim_takes_only_the_disk_that_is_meant)
{
	int *fds = NULL;
	size_t n = 0;

	tree_start(&tree);
	cr_expect_eq(tree.host->ops->block_claim(tree.host, NVME, &fds, &n), -ENOENT);
	tree_write(&tree, "dev/nvme0n1", "");
	cr_expect_eq(tree.host->ops->block_claim(tree.host, NVME, &fds, &n), -ESTALE);
	cr_expect_null(fds);
}

Test(use, nothing_to_claim)
{
	int *fds = NULL;
	size_t n = 9;

	add_nic("lo", "0x1002\n");
	tree_start(&tree);
	cr_expect_eq(tree.host->ops->block_claim(tree.host, NIC, &fds, &n), 0);
	cr_expect_eq(n, 0);
	free(fds);
}
