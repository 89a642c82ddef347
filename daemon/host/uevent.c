/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Uevents straight from the kernel: a machine may have no udev. Whatever did not come from the
 * kernel itself is dropped, since any process may send to the group's members.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"
#include "base/text.h"
#include "host/uevent.h"

#define KERNEL_GROUP 1
#define RECEIVE_BUFFER (4 * 1024 * 1024)
/* The kernel's own buffer is UEVENT_BUFFER_SIZE, 2048 bytes, behind a header with the path. */
#define MESSAGE_MAX 16384

int host_uevent_open(void)
{
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
		NETLINK_KOBJECT_UEVENT);
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = KERNEL_GROUP };
	int size = RECEIVE_BUFFER, on = 1;

	if (fd < 0)
		return -errno;
	/* Without the right to force it the default size has to do; losses are reported. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static void set(char *field, size_t size, const char *value)
{
	snprintf(field, size, "%s", value);
}

/* The last component of a path that is a PCI address, so that of the device and not of a bridge. */
static void address_from_path(const char *path, char ret[ADDRESS_MAX])
{
	char copy[MESSAGE_MAX], normal[ADDRESS_MAX], *rest = copy, *part;

	set(copy, sizeof(copy), path);
	while ((part = strsep(&rest, "/")))
		if (address_parse(part, normal, NULL) == ADDRESS_PCI && streq(part, normal))
			memcpy(ret, normal, sizeof(normal));
}

static bool is_relevant(const char *subsystem)
{
	static const char *const subsystems[] = { "pci", "vfio-dev", "vfio", "iommu",
		"iommu_groups" };

	for (size_t i = 0; i < ARRAY_SIZE(subsystems); i++)
		if (streq(subsystem, subsystems[i]))
			return true;
	return false;
}

bool uevent_parse(const char *message, size_t size, struct host_uevent *ret)
{
	struct host_uevent event = { .address = "" };
	const char *path = NULL;

	/* Only whole strings: a message that does not end in a NUL is cut or no uevent. */
	if (size == 0 || message[size - 1] != '\0' || !strchr(message, '@'))
		return false;
	for (const char *p = message, *end = message + size; p < end; p += strlen(p) + 1) {
		if (strncmp(p, "ACTION=", 7) == 0)
			set(event.action, sizeof(event.action), p + 7);
		else if (strncmp(p, "SUBSYSTEM=", 10) == 0)
			set(event.subsystem, sizeof(event.subsystem), p + 10);
		else if (strncmp(p, "DEVPATH=", 8) == 0)
			path = p + 8;
	}
	if (!event.action[0] || !path || !is_relevant(event.subsystem))
		return false;
	address_from_path(path, event.address);
	*ret = event;
	return true;
}

static bool is_from_kernel(struct msghdr *message)
{
	const struct sockaddr_nl *sender = message->msg_name;

	if (message->msg_namelen < sizeof(*sender) || sender->nl_pid != 0 ||
		sender->nl_groups != KERNEL_GROUP)
		return false;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		struct ucred credentials;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_CREDENTIALS)
			continue;
		memcpy(&credentials, CMSG_DATA(c), sizeof(credentials));
		return credentials.pid == 0;
	}
	return false;
}

int host_uevent_read(int fd, struct host_uevent *ret)
{
	for (;;) {
		char buffer[MESSAGE_MAX];
		union {
			struct cmsghdr header;
			char space[CMSG_SPACE(sizeof(struct ucred))];
		} control;
		struct sockaddr_nl sender;
		struct iovec iov = { buffer, sizeof(buffer) };
		struct msghdr message = {
			.msg_name = &sender,
			.msg_namelen = sizeof(sender),
			.msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = &control,
			.msg_controllen = sizeof(control),
		};
		ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		if (!(message.msg_flags & MSG_TRUNC) && is_from_kernel(&message) &&
			uevent_parse(buffer, (size_t)n, ret))
			return 1;
	}
}
