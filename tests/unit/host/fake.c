/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The fake host keeps the kernel's rules: tests above it are worth no more than these. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/text.h"
#include "fake-host.h"

#define NVME "0000:01:00.0"
#define SLOT0 "0000:02:00.0"
#define SLOT1 "0000:02:00.1"
#define SLOT2 "0000:02:00.2"
#define CONVENTIONAL "0000:04:01.0"
#define NO_RESET "0000:00:16.0"
#define SPLIT0 "0000:0e:00.0"
#define SPLIT1 "0000:0e:00.1"

static struct host *h;
static const struct host_ops *ops;

static void setup(void)
{
	cr_assert_eq(fake_host_new(NULL, &h), 0);
	ops = h->ops;
	alarm(20);
}

static void teardown(void)
{
	host_free(h);
}

TestSuite(fake, .init = setup, .fini = teardown);

static void take(const char *address)
{
	cr_assert_eq(ops->override_set(h, address, "vfio-pci"), 0);
	cr_assert_eq(ops->driver_unbind(h, address), 0);
	cr_assert_eq(ops->driver_probe(h, address, "vfio-pci"), 0);
}

/* Opens address and binds it to iommufd. */
static int take_and_bind(const char *address, int iommufd)
{
	uint32_t devid = 0;
	int fd;

	take(address);
	fd = ops->cdev_open(h, address);
	cr_assert_geq(fd, 0);
	cr_assert_eq(ops->cdev_bind(h, fd, iommufd, &devid), 0, "%s", address);
	cr_assert_gt(devid, 0);
	return fd;
}

static int devid_of(int device_fd, const char *address)
{
	struct hot_reset_member *members = NULL;
	int n = ops->hot_reset_info(h, device_fd, &members), devid = -99;

	cr_assert_gt(n, 0);
	for (int i = 0; i < n; i++)
		if (streq(members[i].address, address))
			devid = members[i].devid;
	free(members);
	return devid;
}

static int group_of(const char *address)
{
	struct device *d = NULL;
	int group;

	cr_assert_eq(ops->scan_device(h, address, &d), 0);
	group = d->iommu_group;
	device_unref(d);
	return group;
}

Test(fake, drivers_and_overrides)
{
	struct fake_state s;

	cr_expect_eq(ops->driver_probe(h, NVME, "vfio-pci"), -ENXIO, "is on nvme");
	cr_expect_eq(ops->driver_unbind(h, NVME), 0);
	cr_expect_eq(ops->driver_unbind(h, NVME), 0, "no driver is success");
	cr_expect_eq(ops->driver_probe(h, NVME, "vfio-pci"), -ENXIO, "no override");
	take(NVME);
	fake_host_state(h, NVME, &s);
	cr_expect_str_eq(s.driver, "vfio-pci");
	cr_expect_str_eq(s.override, "vfio-pci");
	cr_expect_eq(ops->override_set(h, NVME, NULL), 0);
	cr_expect_eq(ops->driver_unbind(h, NVME), 0);
	cr_expect_eq(ops->driver_probe(h, NVME, NULL), 0);
	fake_host_state(h, NVME, &s);
	cr_expect_str_eq(s.driver, "nvme");
	cr_expect_null(s.override);
	cr_expect_eq(ops->override_set(h, "0000:77:00.0", NULL), -ENODEV);
}

Test(fake, cdev_life)
{
	uint32_t ioas, devid;
	int iommufd = ops->iommufd_open(h), fd, second;

	cr_assert_eq(ops->iommufd_rlimit_mode(h, iommufd), 0);
	cr_assert_eq(ops->ioas_alloc(h, iommufd, &ioas), 0);
	cr_expect_eq(ops->iommufd_rlimit_mode(h, iommufd), -EBUSY);
	cr_expect_eq(ops->cdev_open(h, NVME), -ENOENT, "not on vfio");
	take(NVME);
	fd = ops->cdev_open(h, NVME);
	cr_expect_eq(ops->device_reset(h, fd), -EINVAL, "unbound");
	cr_expect_eq(ops->cdev_attach(h, fd, ioas), -EINVAL, "unbound");
	cr_assert_eq(ops->cdev_bind(h, fd, iommufd, &devid), 0);
	cr_expect_eq(ops->cdev_bind(h, fd, iommufd, &devid), -EINVAL, "bound");
	second = ops->cdev_open(h, NVME);
	cr_expect_eq(ops->cdev_bind(h, second, iommufd, &devid), -EINVAL, "another is bound");
	cr_expect_eq(ops->group_open(h, group_of(NVME)), -EBUSY);
	cr_expect_eq(ops->cdev_attach(h, fd, 44), -ENOENT);
	cr_assert_eq(ops->cdev_attach(h, fd, ioas), 0);
	cr_expect_eq(ops->ioas_destroy(h, iommufd, ioas), -EBUSY);
	cr_expect_eq(ops->device_reset(h, fd), 0);
	cr_expect_eq(ops->hot_reset(h, fd, NULL, 0), 0);
	cr_expect_eq(ops->cdev_detach(h, fd), 0);
	cr_expect_eq(ops->ioas_destroy(h, iommufd, ioas), 0);
	cr_expect_eq(ops->verify_fd(h, fd, "cdev", NVME, -1), 0);
	cr_expect_eq(ops->verify_fd(h, fd, "cdev", NO_RESET, -1), -ESTALE);
	cr_expect_eq(ops->verify_fd(h, fd, "iommufd", NULL, -1), -ESTALE);
	host_close(h, iommufd);
	host_close(h, second);
	cr_expect_eq(fake_host_open_files(h), 2, "a bound device pins its iommufd");
	host_close(h, fd);
	cr_expect_eq(fake_host_open_files(h), 0);
}

Test(fake, a_group_with_a_host_driver_is_not_viable)
{
	int iommufd = ops->iommufd_open(h), container = ops->container_open(h), fd, group;
	uint32_t devid;

	take(CONVENTIONAL); /* its sibling 04:02.0 stays on e1000 */
	fd = ops->cdev_open(h, CONVENTIONAL);
	cr_expect_eq(ops->cdev_bind(h, fd, iommufd, &devid), -EPERM);
	group = ops->group_open(h, group_of(CONVENTIONAL));
	cr_assert_geq(group, 0);
	cr_expect_eq(ops->group_attach(h, group, container, true), -EPERM);
}

Test(fake, a_group_belongs_to_one_context)
{
	int first = ops->iommufd_open(h), second = ops->iommufd_open(h), fd;
	uint32_t devid;

	take(SLOT1);
	take(SLOT2);
	take_and_bind(SLOT0, first);
	fd = ops->cdev_open(h, SLOT1);
	cr_expect_eq(ops->cdev_bind(h, fd, second, &devid), -EPERM);
	cr_expect_eq(ops->cdev_bind(h, fd, first, &devid), 0);
	cr_expect_eq(ops->driver_unbind(h, NVME), 0);
}

Test(fake, no_host_driver_in_an_owned_group)
{
	int iommufd = ops->iommufd_open(h);

	take(SLOT1);
	cr_assert_eq(ops->driver_unbind(h, SLOT2), 0);
	take_and_bind(SLOT0, iommufd);
	cr_expect_eq(ops->driver_probe(h, SLOT2, NULL), -EBUSY);
}

Test(fake, siblings_share_an_address_space)
{
	int iommufd = ops->iommufd_open(h), a, b;
	uint32_t one, two;

	take(SLOT2);
	take(SLOT1);
	a = take_and_bind(SLOT0, iommufd);
	b = take_and_bind(SLOT1, iommufd);
	ops->ioas_alloc(h, iommufd, &one);
	ops->ioas_alloc(h, iommufd, &two);
	cr_assert_eq(ops->cdev_attach(h, a, one), 0);
	cr_expect_eq(ops->cdev_attach(h, b, two), -EINVAL);
	cr_expect_eq(ops->cdev_attach(h, b, one), 0);
}

Test(fake, devids_of_a_reset_set)
{
	int iommufd = ops->iommufd_open(h), fd, peer;

	take(SLOT1);
	cr_assert_eq(ops->driver_unbind(h, SLOT2), 0);
	fd = take_and_bind(SLOT0, iommufd);
	cr_expect_gt(devid_of(fd, SLOT0), 0, "bound here");
	cr_expect_eq(devid_of(fd, SLOT1), 0, "owned through the group");
	cr_expect_eq(devid_of(fd, SLOT2), -1, "no driver");
	cr_expect_eq(ops->hot_reset(h, fd, NULL, 0), -EINVAL);
	take(SLOT2);
	cr_expect_eq(devid_of(fd, SLOT2), 0);
	cr_expect_eq(ops->hot_reset(h, fd, NULL, 0), 0);

	fd = take_and_bind(SPLIT0, iommufd);
	take(SPLIT1);
	cr_expect_eq(devid_of(fd, SPLIT1), -1, "another group, nobody's");
	peer = ops->cdev_open(h, SPLIT1);
	cr_expect_eq(devid_of(fd, SPLIT1), -1, "open is not enough");
	cr_assert_eq(ops->cdev_bind(h, peer, ops->iommufd_open(h), &(uint32_t){ 0 }), 0);
	cr_expect_eq(devid_of(fd, SPLIT1), -1, "bound to another context");
	host_close(h, peer);
	peer = ops->cdev_open(h, SPLIT1);
	cr_assert_eq(ops->cdev_bind(h, peer, iommufd, &(uint32_t){ 0 }), 0);
	cr_expect_gt(devid_of(fd, SPLIT1), 0);
	cr_expect_eq(ops->hot_reset(h, fd, NULL, 0), 0);
}

Test(fake, no_reset_at_all)
{
	int iommufd = ops->iommufd_open(h), fd = take_and_bind(NO_RESET, iommufd);
	struct hot_reset_member *members = NULL;

	cr_expect_eq(ops->function_reset(h, NO_RESET), -ENOTTY);
	cr_expect_eq(ops->device_reset(h, fd), -EINVAL);
	cr_expect_eq(ops->hot_reset_info(h, fd, &members), -ENODEV);
	cr_expect_eq(ops->hot_reset(h, fd, NULL, 0), -ENODEV);
	cr_expect_null(members);
}

Test(fake, legacy_life)
{
	int group_number = group_of(NVME), group, container = ops->container_open(h), fd, cdev;
	uint32_t devid;

	cr_expect_eq(ops->group_open(h, group_number), -ENODEV, "nothing on vfio in it");
	take(NVME);
	group = ops->group_open(h, group_number);
	cr_assert_geq(group, 0);
	cr_expect_eq(ops->group_open(h, group_number), -EBUSY);
	cr_expect_eq(ops->group_device_open(h, group, NVME), -EINVAL, "no container");
	cr_expect_eq(ops->group_attach(h, group, container, true), 0);
	cr_expect_eq(ops->group_attach(h, group, container, false), -EINVAL);
	cr_expect_eq(ops->group_device_open(h, group, NO_RESET), -ENODEV);
	fd = ops->group_device_open(h, group, NVME);
	cr_assert_geq(fd, 0);
	cdev = ops->cdev_open(h, NVME);
	cr_expect_eq(ops->cdev_bind(h, cdev, ops->iommufd_open(h), &devid), -EBUSY);
	cr_expect_eq(ops->container_unmap_all(h, container), 0);
	cr_expect_eq(ops->hot_reset(h, fd, &group, 1), 0);
	cr_expect_eq(ops->hot_reset(h, fd, NULL, 0), -EINVAL);
	cr_expect_eq(ops->hot_reset(h, fd, &container, 1), -EINVAL, "not the group");
	host_close(h, group);
	host_close(h, container);
	cr_expect_eq(ops->group_open(h, group_number), -EBUSY, "a device of it is held");
	host_close(h, fd);
	cr_expect_geq(ops->group_open(h, group_number), 0);
}

static void *unbind_thread(void *arg)
{
	int *end = arg;

	ops->driver_unbind(h, NVME);
	close(*end);
	return NULL;
}

static bool has_ended(int fd, int msec)
{
	struct pollfd p = { .fd = fd };

	return poll(&p, 1, msec) == 1;
}

Test(fake, an_unbind_waits_for_the_last_copy_of_an_fd)
{
	int fd, end[2], copy;
	pthread_t thread;

	take(NVME);
	fd = ops->cdev_open(h, NVME);
	copy = dup(fd);
	cr_assert_eq(pipe2(end, O_CLOEXEC), 0);
	pthread_create(&thread, NULL, unbind_thread, &end[1]);
	cr_expect_not(has_ended(end[0], 100));
	cr_expect_eq(ops->cdev_open(h, NVME), -ENOENT, "the node is gone at once");
	cr_expect_eq(ops->override_set(h, NO_RESET, "vfio-pci"), 0, "others are served");
	host_close(h, fd);
	cr_expect_not(has_ended(end[0], 100));
	close(copy);
	cr_expect(has_ended(end[0], 5000));
	pthread_join(thread, NULL);
}

static unsigned count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

Test(fake, has_no_fds_of_its_own)
{
	unsigned before = count_fds();
	int iommufd = ops->iommufd_open(h), fd = take_and_bind(NVME, iommufd);

	cr_expect_eq(count_fds(), before + 2);
	cr_expect_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	host_close(h, fd);
	host_close(h, iommufd);
	cr_expect_eq(count_fds(), before);
}

Test(fake, scan_shows_the_model)
{
	struct host_facts facts;
	struct device **devices;
	struct topology *t;
	const struct device *d;
	size_t n;

	take(NVME);
	cr_assert_eq(ops->scan(h, &facts, &devices, &n), 0);
	cr_assert_eq(topology_new_consume(&facts, devices, n, &t), 0);
	d = topology_find(t, NVME);
	cr_assert(d);
	cr_expect_str_eq(d->driver, "vfio-pci");
	cr_expect_str_eq(d->cdev, "vfio0");
	cr_expect_str_eq(d->parent, "0000:00:10.0");
	cr_expect_eq(strv_length(topology_find(t, "0000:0b:00.0")->virtual_functions), 2);
	cr_expect(facts.iommufd && facts.legacy);
	topology_unref(t);
}

static void environment_new(const char *name, const char *value, int expected)
{
	struct host *other = NULL;

	setenv(name, value, 1);
	cr_expect_eq(fake_host_new(NULL, &other), expected, "%s=%s", name, value);
	unsetenv(name);
	if (expected == 0) {
		cr_expect_eq(other->ops->iommufd_open(other), -ENOENT);
		cr_expect_geq(other->ops->container_open(other), 0);
		host_free(other);
	}
}

Test(fake, backends_from_the_environment)
{
	environment_new("DEVLEASE_FAKE_BACKEND", "legacy", 0);
	environment_new("DEVLEASE_FAKE_BACKEND", "nonsense", -EINVAL);
	environment_new("DEVLEASE_FAKE_HANG", "nonsense", -EINVAL);
}

Test(fake, hangs_on_demand)
{
	char directory[] = "/tmp/devlease-hang-XXXXXX", fifo[64], setting[128];
	int end[2], fd;
	pthread_t thread;

	cr_assert(mkdtemp(directory));
	snprintf(fifo, sizeof(fifo), "%s/fifo", directory);
	snprintf(setting, sizeof(setting), NVME "=%s", fifo);
	cr_assert_eq(mkfifo(fifo, 0600), 0);
	setenv("DEVLEASE_FAKE_HANG", setting, 1);
	host_free(h);
	cr_assert_eq(fake_host_new(NULL, &h), 0);
	cr_assert_eq(pipe2(end, O_CLOEXEC), 0);
	pthread_create(&thread, NULL, unbind_thread, &end[1]);
	cr_expect_not(has_ended(end[0], 100));
	cr_expect_eq(ops->driver_unbind(h, NO_RESET), 0, "others do not hang");
	fd = open(fifo, O_WRONLY | O_CLOEXEC);
	cr_expect(has_ended(end[0], 5000));
	pthread_join(thread, NULL);
	close(fd);
	unlink(fifo);
	rmdir(directory);
}

static int load(const char *text)
{
	char path[] = "/tmp/devlease-description-XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC), r;
	struct host *other = NULL;

	cr_assert_geq(write_all(fd, text, strlen(text)), 0);
	close(fd);
	r = fake_host_new(path, &other);
	unlink(path);
	if (r >= 0) {
		struct device *d = NULL;

		cr_expect_eq(other->ops->scan_device(other, NVME, &d), 0);
		cr_expect_eq(d->numa_node, 1);
		cr_expect_eq(d->vendor, 0x8086);
		device_unref(d);
		host_free(other);
	}
	return r;
}

Test(fake, descriptions)
{
	cr_expect_eq(load("{ \"devices\": [ { \"address\": \"0000:01:00.0\", \"id\": \"8086:0a54\","
		" \"numa-node\": 1, \"group\": 3 } ] }"), 0);
	cr_expect_eq(load("{ \"devices\": [ { \"id\": \"8086:0a54\" } ] }"), -EINVAL);
	cr_expect_eq(load("{ \"devices\": [ { \"address\": \"01:00.9\" } ] }"), -EINVAL);
	cr_expect_eq(load("{ \"devices\": [], \"iommu\": true }"), -EINVAL);
	cr_expect_eq(load("{"), -EINVAL);
}
