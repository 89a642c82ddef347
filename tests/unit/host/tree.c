/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Builds synthetic trees; every step is checked, so that a test never runs on half a tree. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/macro.h"
#include "tree.h"

char *tree_path(const struct tree *t, const char *path)
{
	char *full;

	cr_assert_geq(asprintf(&full, "%s/%s", t->path, path), 0);
	return full;
}

static void make_directories(char *full)
{
	for (char *p = full + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		cr_assert(mkdir(full, 0755) == 0 || errno == EEXIST, "%s: %m", full);
		*p = '/';
	}
}

static char *prepare(const struct tree *t, const char *path)
{
	char *full = tree_path(t, path);

	make_directories(full);
	return full;
}

void tree_write(const struct tree *t, const char *path, const char *text)
{
	_cleanup_free_ char *full = prepare(t, path);
	_cleanup_close_ int fd = -1;

	if (!text) {
		cr_assert(mkdir(full, 0755) == 0 || errno == EEXIST, "%s: %m", full);
		return;
	}
	fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	cr_assert_geq(fd, 0, "%s: %m", full);
	cr_assert_geq(write_all(fd, text, strlen(text)), 0);
}

void tree_link(const struct tree *t, const char *path, const char *target)
{
	_cleanup_free_ char *full = prepare(t, path);

	cr_assert_eq(symlink(target, full), 0, "%s: %m", full);
}

void tree_fifo(const struct tree *t, const char *path)
{
	_cleanup_free_ char *full = prepare(t, path);

	unlink(full);
	cr_assert_eq(mkfifo(full, 0600), 0, "%s: %m", full);
}

void tree_attribute(const struct tree *t, const char *address, const char *name, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/%s", address, name);
	tree_write(t, path, text);
}

void tree_device_link(const struct tree *t, const char *address, const char *name,
	const char *target)
{
	char path[256];

	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/%s", address, name);
	tree_link(t, path, target);
}

void tree_device(const struct tree *t, const char *parent, const char *address,
	const char *modalias, int group)
{
	char path[256], target[512];

	snprintf(path, sizeof(path), "sys/devices/pci0000:00/%s%s/modalias", parent, address);
	tree_write(t, path, modalias);
	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s", address);
	snprintf(target, sizeof(target), "../../../devices/pci0000:00/%s%s", parent, address);
	tree_link(t, path, target);
	tree_attribute(t, address, "numa_node", "-1\n");
	tree_attribute(t, address, "driver_override", "(null)\n");
	if (group < 0)
		return;
	snprintf(target, sizeof(target), "../../../kernel/iommu_groups/%d", group);
	tree_device_link(t, address, "iommu_group", target);
}

void tree_new(struct tree *t)
{
	*t = (struct tree){ .path = "/tmp/devlease-tree-XXXXXX" };
	cr_assert(mkdtemp(t->path));
	tree_write(t, "sys/bus/pci/devices", NULL);
	tree_write(t, "sys/bus/pci/drivers_probe", "");
	tree_write(t, "dev/null", NULL);
}

void tree_start(struct tree *t)
{
	_cleanup_free_ char *sys = tree_path(t, "sys"), *dev = tree_path(t, "dev");
	int sys_fd = open(sys, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int dev_fd = open(dev, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	cr_assert_geq(host_linux_new_consume(sys_fd, dev_fd, &t->host), 0);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

void tree_done(struct tree *t)
{
	host_free(t->host);
	nftw(t->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
