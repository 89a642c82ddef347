/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The Linux host: its table, its making and its end. */
#include <errno.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/io.h"
#include "host/linux.h"

static int host_fd_close(struct host *h, int fd)
{
	return close(fd) < 0 ? -errno : 0;
}

static void linux_host_free(struct host *host)
{
	struct linux_host *h = linux_host(host);

	if (h->helper)
		helper_free(h->helper);
	close_fd(h->sysfs);
	close_fd(h->dev);
	free(h);
}

static const struct host_ops linux_ops = {
	.scan = host_scan,
	.scan_device = host_scan_device,
	.bridge_facts = host_bridge_facts,
	.switches = host_switches,
	.host_use = host_host_use,
	.block_claim = host_block_claim,
	.driver_get = host_driver_get,
	.override_get = host_override_get,
	.override_set = host_override_set,
	.driver_unbind = host_driver_unbind,
	.driver_probe = host_driver_probe,
	.function_reset = host_function_reset,
	.iommufd_open = host_iommufd_open,
	.iommufd_rlimit_mode = host_iommufd_rlimit_mode,
	.ioas_alloc = host_ioas_alloc,
	.ioas_unmap_all = host_ioas_unmap_all,
	.ioas_destroy = host_ioas_destroy,
	.cdev_open = host_cdev_open,
	.cdev_bind = host_cdev_bind,
	.cdev_attach = host_cdev_attach,
	.cdev_detach = host_cdev_detach,
	.group_open = host_group_open,
	.container_open = host_container_open,
	.group_attach = host_group_attach,
	.group_device_open = host_group_device_open,
	.container_unmap_all = host_container_unmap_all,
	.device_reset = host_device_reset,
	.hot_reset_info = host_hot_reset_info,
	.hot_reset = host_hot_reset,
	.close = host_fd_close,
	.verify_fd = host_verify_fd,
	.free = linux_host_free,
};

/*
 * Makes vfio-pci, and with it the container and the TYPE1 driver, ready before the first scan asks
 * what there is. It binds nothing. A kernel without the modules has them built in or not at all,
 * so failures are left to show in the facts.
 */
static void load_modules(struct linux_host *h)
{
	static const char *const modules[] = { "vfio_iommu_type1", "vfio-pci" };
	struct statfs fs;

	if (fstatfs(h->sysfs, &fs) < 0 || fs.f_type != SYSFS_MAGIC ||
		faccessat(h->sysfs, "bus/pci/drivers/vfio-pci", F_OK, 0) == 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(modules); i++) {
		struct helper_request request = { .operation = HELPER_MODPROBE };
		struct helper_reply reply;

		strcpy(request.value, modules[i]);
		helper_call(h->helper, &request, &reply);
	}
}

int host_linux_new_consume(int sysfs_fd, int dev_fd, struct host **ret)
{
	struct linux_host *h = calloc(1, sizeof(*h));
	int r;

	if (!h) {
		close_fd(sysfs_fd);
		close_fd(dev_fd);
		return -ENOMEM;
	}
	h->host.ops = &linux_ops;
	h->sysfs = sysfs_fd;
	h->dev = dev_fd;
	r = helper_new(h->sysfs, &h->helper);
	if (r < 0) {
		linux_host_free(&h->host);
		return r;
	}
	load_modules(h);
	*ret = &h->host;
	return 0;
}
