/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Uevents: what a message of the kernel means, and that nobody else's is believed. */
#include <criterion/criterion.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/uevent.h"

#define PCI(action, address) action "@/devices/pci0000:00/0000:00:10.0/" address "\0" \
	"ACTION=" action "\0DEVPATH=/devices/pci0000:00/0000:00:10.0/" address "\0" \
	"SUBSYSTEM=pci\0PCI_SLOT_NAME=" address "\0SEQNUM=7"

Test(uevent, pci_device)
{
	static const char message[] = PCI("bind", "0000:01:00.0");
	struct host_uevent e;

	cr_assert(uevent_parse(message, sizeof(message), &e));
	cr_expect_str_eq(e.action, "bind");
	cr_expect_str_eq(e.subsystem, "pci");
	cr_expect_str_eq(e.address, "0000:01:00.0", "the device, not the bridge above it");
}

Test(uevent, vfio_cdev)
{
	static const char message[] = "add@x\0ACTION=add\0SUBSYSTEM=vfio-dev\0"
		"DEVPATH=/devices/pci0000:00/0000:00:18.0/0000:0c:00.0/vfio-dev/vfio0";
	struct host_uevent e;

	cr_assert(uevent_parse(message, sizeof(message), &e));
	cr_expect_str_eq(e.subsystem, "vfio-dev");
	cr_expect_str_eq(e.address, "0000:0c:00.0");
}

Test(uevent, group_has_no_address)
{
	static const char message[] = "add@x\0ACTION=add\0SUBSYSTEM=vfio\0"
		"DEVPATH=/devices/virtual/vfio/12";
	struct host_uevent e;

	cr_assert(uevent_parse(message, sizeof(message), &e));
	cr_expect_str_eq(e.address, "");
}

Test(uevent, irrelevant_and_malformed)
{
	static const char block[] = "add@x\0ACTION=add\0SUBSYSTEM=block\0DEVPATH=/x";
	static const char no_action[] = "add@x\0SUBSYSTEM=pci\0DEVPATH=/x";
	static const char no_path[] = "add@x\0ACTION=add\0SUBSYSTEM=pci";
	static const char udev[] = "libudev\0ACTION=add\0SUBSYSTEM=pci\0DEVPATH=/x";
	static const char good[] = PCI("add", "0000:01:00.0");
	struct host_uevent e = { .action = "untouched" };

	cr_expect_not(uevent_parse(block, sizeof(block), &e));
	cr_expect_not(uevent_parse(no_action, sizeof(no_action), &e));
	cr_expect_not(uevent_parse(no_path, sizeof(no_path), &e));
	cr_expect_not(uevent_parse(udev, sizeof(udev), &e));
	cr_expect_not(uevent_parse(good, sizeof(good) - 1, &e), "not ended by a NUL");
	cr_expect_not(uevent_parse(good, 0, &e));
	cr_expect_str_eq(e.action, "untouched");
}

Test(uevent, long_values_are_cut)
{
	char message[8192] = "add@x";
	struct host_uevent e;
	size_t n = 6;

	n += (size_t)sprintf(message + n, "ACTION=%0500d", 1) + 1;
	n += (size_t)sprintf(message + n, "SUBSYSTEM=pci") + 1;
	n += (size_t)sprintf(message + n, "DEVPATH=/%04000d/0000:01:00.0", 1) + 1;
	cr_assert(uevent_parse(message, n, &e));
	cr_expect_eq(strlen(e.action), sizeof(e.action) - 1);
	cr_expect_str_eq(e.address, "0000:01:00.0");
}

Test(uevent, a_message_of_a_process_is_dropped)
{
	static const char message[] = PCI("remove", "0000:01:00.0");
	struct sockaddr_nl to = { .nl_family = AF_NETLINK };
	socklen_t size = sizeof(to);
	int fd = host_uevent_open(), sender;
	struct host_uevent e;
	struct pollfd p = { .fd = fd, .events = POLLIN };

	cr_assert_geq(fd, 0);
	cr_assert_eq(getsockname(fd, (struct sockaddr *)&to, &size), 0);
	to.nl_groups = 0;
	sender = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
	cr_assert_geq(sender, 0);
	if (sendto(sender, message, sizeof(message), 0, (struct sockaddr *)&to, sizeof(to)) < 0)
		cr_skip_test("may not send uevents");
	cr_assert_eq(poll(&p, 1, 1000), 1, "the message did arrive");
	cr_expect_eq(host_uevent_read(fd, &e), 0);
	close(sender);
	close(fd);
}
