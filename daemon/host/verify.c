/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether an fd that came from outside the process (the fd store) is what its name says. Device
 * numbers are compared with sysfs, since vfioN and group numbers are used again.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "host/linux.h"

static int same_node(int sysfs, int fd, const char *dev_attribute)
{
	struct stat st;
	dev_t rdev;
	int r;

	r = sysfs_read_rdev(sysfs, dev_attribute, &rdev);
	if (r < 0)
		return r == -ENOENT ? -ESTALE : r;
	if (fstat(fd, &st) < 0)
		return -errno;
	return S_ISCHR(st.st_mode) && st.st_rdev == rdev ? 0 : -ESTALE;
}

static int verify_cdev(int sysfs, int fd, const char *address)
{
	_cleanup_free_ char *name = NULL;
	char suffix[HOST_PATH_MAX / 2], path[HOST_PATH_MAX];
	int r;

	r = sysfs_cdev_name(sysfs, address, &name);
	if (r < 0)
		return r == -ENOENT ? -ESTALE : r;
	if (snprintf(suffix, sizeof(suffix), "/vfio-dev/%s/dev", name) >= (int)sizeof(suffix))
		return -ENAMETOOLONG;
	r = device_path(address, suffix, path);
	return r < 0 ? r : same_node(sysfs, fd, path);
}

static int verify_group(int sysfs, int fd, int group)
{
	char path[HOST_PATH_MAX];

	if (group < 0)
		return -EINVAL;
	snprintf(path, sizeof(path), "class/vfio/%d/dev", group);
	return same_node(sysfs, fd, path);
}

/*
 * A device fd of a group is an anonymous inode; the kernel gives no way from it to the device's
 * address (drivers/vfio/group.c: vfio_device_open_file()), so only its kind is checked.
 */
static int verify_group_device(int fd)
{
	char path[64], target[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return errno == ENOENT ? -EBADF : -errno;
	target[n] = '\0';
	return streq(target, "anon_inode:[vfio-device]") ? 0 : -ESTALE;
}

int host_verify_fd(struct host *h, int fd, const char *what, const char *address, int group)
{
	int sysfs = linux_host(h)->sysfs;

	if (fcntl(fd, F_GETFD) < 0)
		return -errno;
	if (streq(what, "cdev"))
		return verify_cdev(sysfs, fd, address);
	if (streq(what, "group"))
		return verify_group(sysfs, fd, group);
	if (streq(what, "container"))
		return same_node(sysfs, fd, "class/misc/vfio/dev");
	if (streq(what, "iommufd"))
		return same_node(sysfs, fd, "class/misc/iommu/dev");
	if (streq(what, "device"))
		return verify_group_device(fd);
	return -EINVAL;
}
