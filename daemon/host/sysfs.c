/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Small readers of sysfs, and opening a device node that is really the one meant. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/text.h"
#include "host/linux.h"

#define NODE_WAIT_MSEC 1000
#define NODE_STEP_MSEC 20

int device_path(const char *address, const char *suffix, char path[HOST_PATH_MAX])
{
	char normal[ADDRESS_MAX];

	if (address_parse(address, normal, NULL) != ADDRESS_PCI || !streq(address, normal))
		return -EINVAL;
	if (snprintf(path, HOST_PATH_MAX, "bus/pci/devices/%s%s", normal, suffix) >= HOST_PATH_MAX)
		return -ENAMETOOLONG;
	return 0;
}

int sysfs_read_rdev(int sysfs, const char *path, dev_t *ret)
{
	_cleanup_free_ char *line = NULL;
	uint64_t numbers[2];
	char *colon;
	int r;

	r = read_line_at(sysfs, path, &line);
	if (r < 0)
		return r;
	colon = strchr(line, ':');
	if (!colon)
		return -EBADMSG;
	*colon = '\0';
	if (parse_u64(line, &numbers[0]) < 0 || parse_u64(colon + 1, &numbers[1]) < 0)
		return -EBADMSG;
	*ret = makedev((unsigned)numbers[0], (unsigned)numbers[1]);
	return 0;
}

int sysfs_cdev_name(int sysfs, const char *address, char **ret)
{
	char path[HOST_PATH_MAX], dev[HOST_PATH_MAX * 2];
	struct dirent *entry;
	int fd, r;
	DIR *dir;

	r = device_path(address, "/vfio-dev", path);
	if (r < 0)
		return r;
	fd = openat(sysfs, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (!dir) {
		r = -errno;
		close_fd(fd);
		return r;
	}
	r = -ENOENT;
	/* Without the file "dev" the kernel has no cdevs: Linux 6.1 to 6.5. */
	while ((entry = readdir(dir))) {
		if (strncmp(entry->d_name, "vfio", 4) != 0)
			continue;
		snprintf(dev, sizeof(dev), "%s/dev", entry->d_name);
		if (faccessat(fd, dev, F_OK, 0) == 0) {
			r = strdup_to(ret, entry->d_name);
			break;
		}
	}
	closedir(dir);
	return r;
}

/* udev may replace a node or set its mode a moment after the kernel made it. */
static int open_soon(int dev, const char *node)
{
	const struct timespec step = { .tv_nsec = NODE_STEP_MSEC * 1000000L };

	for (int waited = 0;; waited += NODE_STEP_MSEC) {
		int fd = openat(dev, node, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW);

		if (fd >= 0)
			return fd;
		if (errno != ENOENT || waited >= NODE_WAIT_MSEC)
			return -errno;
		nanosleep(&step, NULL);
	}
}

int open_node(struct linux_host *h, const char *node, dev_t expected)
{
	_cleanup_close_ int fd = open_soon(h->dev, node);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISCHR(st.st_mode) || st.st_rdev != expected)
		return -ESTALE;
	return TAKE_FD(fd);
}
