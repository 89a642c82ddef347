/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs every operation of the Linux host on real devices, as root in the test machine, and compares
 * each result with what it has to be. Arguments: addresses of devices that are alone in their IOMMU
 * group and reset set; "--refused" with one whose group has a member on a host driver; "--list"
 * only shows the scan. Exit status 1 when anything differed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "host/host.h"

static struct host *host;
static unsigned failures;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Prints one line; result is as it should be when it equals expected, 0 standing for any success. */
static int check(const char *what, double since, int result, int expected)
{
	bool good = expected < 0 ? result == expected : result >= 0;

	printf("%-4s %-44s %9.1f ms  %s\n", good ? "ok" : "FAIL", what, now() - since,
		result < 0 ? errno_name(-result) : "");
	failures += !good;
	return result;
}
#define CHECK(what, expected, call)                                                                \
	({                                                                                         \
		double since_ = now();                                                             \
		check(what, since_, (call), (expected));                                           \
	})

static unsigned count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

static void print_device(const struct device *d)
{
	printf("%s %04x:%04x %06x group %d%s%s driver %s reset [%s] parent %s cdev %s%s%s\n",
		d->address, d->vendor, d->device, d->class_code, d->iommu_group,
		d->is_bridge ? " bridge" : "", d->virtual_functions ? " has VFs" : "",
		d->driver ? d->driver : "-", d->reset_methods, d->parent ? d->parent : d->root,
		d->cdev ? d->cdev : "-", d->physical_function ? " VF of " : "",
		d->physical_function ? d->physical_function : "");
}

static int scan(struct host_facts *facts, bool list)
{
	struct device **devices;
	size_t n;
	int r = CHECK("scan", 0, HOST(host, scan, "", facts, &devices, &n));

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		if (list)
			print_device(devices[i]);
		device_unref(devices[i]);
	}
	free(devices);
	printf("     %zu devices; iommufd %d, legacy %d, interrupt remapping %d, ACS override %d\n", n,
		facts->iommufd, facts->legacy, facts->interrupt_remapping, facts->acs_override);
	return 0;
}

static void hot_reset_info(int device_fd)
{
	struct hot_reset_member *members = NULL;
	int n = CHECK("hot_reset_info", 0, host->ops->hot_reset_info(host, device_fd, &members));

	for (int i = 0; i < n; i++)
		printf("     %s devid %d\n", members[i].address, members[i].devid);
	free(members);
}

struct unbind {
	const char *address;
	double returned;
	int result;
};

static void *unbind_thread(void *arg)
{
	struct unbind *u = arg;

	u->result = host->ops->driver_unbind(host, u->address);
	u->returned = now();
	return NULL;
}

/* An unbind waits for device_fd, and a call about another device does not wait for the unbind. */
static void check_held_unbind(const char *address, const char *other, int device_fd)
{
	struct unbind u = { .address = address };
	pthread_t thread;
	char *override = NULL;
	double closed;

	if (pthread_create(&thread, NULL, unbind_thread, &u) != 0)
		return;
	usleep(300000);
	CHECK("override_get of another, unbind under way", 0,
		host->ops->override_get(host, other, &override));
	free(override);
	closed = now();
	host_close(host, device_fd);
	pthread_join(thread, NULL);
	check("driver_unbind while the fd was held", closed, u.result, 0);
	check("  ... returned after the close", closed, u.returned > closed ? 0 : -EPROTO, 0);
}

static void check_iommufd(const struct device *d, const char *other)
{
	const struct host_ops *ops = host->ops;
	uint32_t ioas = 0, devid = 0;
	int iommufd, fd, second;

	iommufd = CHECK("iommufd_open", 0, ops->iommufd_open(host));
	CHECK("iommufd_rlimit_mode", 0, ops->iommufd_rlimit_mode(host, iommufd));
	CHECK("ioas_alloc", 0, ops->ioas_alloc(host, iommufd, &ioas));
	CHECK("iommufd_rlimit_mode, not empty", -EBUSY, ops->iommufd_rlimit_mode(host, iommufd));
	CHECK("ioas_unmap_all", 0, ops->ioas_unmap_all(host, iommufd, ioas));
	fd = CHECK("cdev_open", 0, ops->cdev_open(host, d->address));
	CHECK("verify_fd cdev", 0, ops->verify_fd(host, fd, "cdev", d->address, -1));
	CHECK("verify_fd iommufd", 0, ops->verify_fd(host, iommufd, "iommufd", NULL, -1));
	CHECK("verify_fd iommufd as cdev", -ESTALE,
		ops->verify_fd(host, iommufd, "cdev", d->address, -1));
	CHECK("device_reset, unbound", -EINVAL, ops->device_reset(host, fd));
	CHECK("cdev_bind", 0, ops->cdev_bind(host, fd, iommufd, &devid));
	CHECK("cdev_bind, again", -EINVAL, ops->cdev_bind(host, fd, iommufd, &devid));
	second = CHECK("cdev_open, second", 0, ops->cdev_open(host, d->address));
	CHECK("cdev_bind, second", -EINVAL, ops->cdev_bind(host, second, iommufd, &devid));
	host_close(host, second);
	CHECK("group_open, cdev bound", -EBUSY, ops->group_open(host, d->iommu_group));
	CHECK("cdev_attach, no such IOAS", -ENOENT, ops->cdev_attach(host, fd, 77));
	CHECK("cdev_attach", 0, ops->cdev_attach(host, fd, ioas));
	hot_reset_info(fd);
	CHECK("device_reset", 0, ops->device_reset(host, fd));
	CHECK("hot_reset", 0, ops->hot_reset(host, fd, NULL, 0));
	CHECK("ioas_unmap_all", 0, ops->ioas_unmap_all(host, iommufd, ioas));
	CHECK("ioas_destroy, attached", -EBUSY, ops->ioas_destroy(host, iommufd, ioas));
	CHECK("cdev_detach", 0, ops->cdev_detach(host, fd));
	CHECK("ioas_destroy", 0, ops->ioas_destroy(host, iommufd, ioas));
	host_close(host, iommufd);
	check_held_unbind(d->address, other, fd);
}

static void check_legacy(const struct device *d, const char *other)
{
	const struct host_ops *ops = host->ops;
	int group, container, fd;

	group = CHECK("group_open", 0, ops->group_open(host, d->iommu_group));
	CHECK("group_open, again", -EBUSY, ops->group_open(host, d->iommu_group));
	container = CHECK("container_open", 0, ops->container_open(host));
	CHECK("group_device_open, no container", -EINVAL,
		ops->group_device_open(host, group, d->address));
	CHECK("group_attach", 0, ops->group_attach(host, group, container, true));
	CHECK("group_attach, again", -EINVAL, ops->group_attach(host, group, container, false));
	fd = CHECK("group_device_open", 0, ops->group_device_open(host, group, d->address));
	CHECK("verify_fd group", 0, ops->verify_fd(host, group, "group", NULL, d->iommu_group));
	CHECK("verify_fd container", 0, ops->verify_fd(host, container, "container", NULL, -1));
	CHECK("verify_fd device", 0, ops->verify_fd(host, fd, "device", d->address, -1));
	CHECK("verify_fd group as device", -ESTALE,
		ops->verify_fd(host, group, "device", d->address, -1));
	hot_reset_info(fd);
	CHECK("device_reset", 0, ops->device_reset(host, fd));
	CHECK("hot_reset", 0, ops->hot_reset(host, fd, &group, 1));
	CHECK("hot_reset, without group fds", -EINVAL, ops->hot_reset(host, fd, NULL, 0));
	CHECK("container_unmap_all", 0, ops->container_unmap_all(host, container));
	host_close(host, group);
	CHECK("group_open, device held", -EBUSY, ops->group_open(host, d->iommu_group));
	host_close(host, container);
	check_held_unbind(d->address, other, fd);
}

static void expect_same(const char *what, const char *before, const char *after)
{
	printf("%-4s %-44s %s\n", streq(before, after) ? "ok" : "FAIL", what, after ? after : "none");
	failures += !streq(before, after);
}

static void check_device(const char *address, bool iommufd)
{
	const struct host_ops *ops = host->ops;
	_cleanup_free_ char *driver = NULL, *override = NULL, *driver_after = NULL,
		*override_after = NULL;
	struct device *d = NULL;

	printf("\n%s by %s\n", address, iommufd ? "iommufd" : "group and container");
	CHECK("driver_get", 0, ops->driver_get(host, address, &driver));
	CHECK("override_get", 0, ops->override_get(host, address, &override));
	CHECK("override_set vfio-pci", 0, ops->override_set(host, address, "vfio-pci"));
	CHECK("driver_unbind", 0, ops->driver_unbind(host, address));
	CHECK("function_reset", 0, ops->function_reset(host, address));
	CHECK("driver_probe vfio-pci", 0, ops->driver_probe(host, address, "vfio-pci"));
	CHECK("driver_probe nosuchdriver", -ENXIO, ops->driver_probe(host, address, "nosuchdriver"));
	if (CHECK("scan_device", 0, ops->scan_device(host, address, &d)) >= 0) {
		expect_same("the device is on", "vfio-pci", d->driver);
		if (iommufd)
			check_iommufd(d, d->parent);
		else
			check_legacy(d, d->parent);
		device_unref(d);
	}
	CHECK("override_set back", 0, ops->override_set(host, address, override));
	CHECK("driver_probe back", 0, ops->driver_probe(host, address, driver));
	CHECK("driver_get", 0, ops->driver_get(host, address, &driver_after));
	CHECK("override_get", 0, ops->override_get(host, address, &override_after));
	expect_same("driver as before", driver, driver_after);
	expect_same("override as before", override, override_after);
}

/* Neither backend gives a device whose sibling belongs to a driver of the host. */
static void check_refused(const struct host_facts *facts, const char *address)
{
	const struct host_ops *ops = host->ops;
	int group, container, iommufd, fd;
	struct device *d = NULL;
	uint32_t devid;

	printf("\n%s, with a sibling on a host driver\n", address);
	CHECK("override_set vfio-pci", 0, ops->override_set(host, address, "vfio-pci"));
	CHECK("driver_unbind", 0, ops->driver_unbind(host, address));
	CHECK("driver_probe vfio-pci", 0, ops->driver_probe(host, address, "vfio-pci"));
	if (CHECK("scan_device", 0, ops->scan_device(host, address, &d)) < 0)
		return;
	if (facts->iommufd) {
		iommufd = ops->iommufd_open(host);
		fd = CHECK("cdev_open", 0, ops->cdev_open(host, address));
		CHECK("cdev_bind", -EPERM, ops->cdev_bind(host, fd, iommufd, &devid));
		host_close(host, fd);
		host_close(host, iommufd);
	}
	group = CHECK("group_open", 0, ops->group_open(host, d->iommu_group));
	container = ops->container_open(host);
	CHECK("group_attach", -EPERM, ops->group_attach(host, group, container, true));
	host_close(host, group);
	host_close(host, container);
	device_unref(d);
	CHECK("driver_unbind", 0, ops->driver_unbind(host, address));
	CHECK("override_set back", 0, ops->override_set(host, address, NULL));
}

static void check_uevents(int fd, const char *address)
{
	struct host_uevent e;
	unsigned n = 0, mine = 0;
	int r;

	while ((r = host_uevent_read(fd, &e)) > 0) {
		n++;
		if (!streq(e.address, address))
			continue;
		if (mine++ < 4)
			printf("     %s %s %s\n", e.action, e.subsystem, e.address);
	}
	check("uevents read", now(), r, 0);
	printf("%-4s %u uevents, %u of them of %s\n", mine ? "ok" : "FAIL", n, mine, address);
	failures += !mine;
}

int main(int argc, char **argv)
{
	struct host_facts facts;
	int uevents;
	unsigned fds;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (CHECK("host_linux_new", 0, host_linux_new_consume(
		open("/sys", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
		open("/dev", O_RDONLY | O_DIRECTORY | O_CLOEXEC), &host)) < 0)
		return 1;
	if (argc < 2 || streq(argv[1], "--list"))
		return scan(&facts, true) < 0;
	uevents = CHECK("host_uevent_open", 0, host_uevent_open());
	fds = count_fds();
	if (scan(&facts, false) < 0)
		return 1;
	for (int i = 1; i < argc; i++) {
		if (streq(argv[i], "--refused") && i + 1 < argc) {
			check_refused(&facts, argv[++i]);
			continue;
		}
		if (facts.iommufd)
			check_device(argv[i], true);
		if (facts.legacy)
			check_device(argv[i], false);
		check_uevents(uevents, argv[i]);
	}
	check("fds as before", now(), count_fds() == fds ? 0 : -EMFILE, 0);
	close(uevents);
	host_free(host);
	printf("\n%u failed\n", failures);
	return failures > 0;
}
