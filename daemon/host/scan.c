/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The PCI scan. Reads nothing that takes the kernel's device lock (driver_override, sriov_numvfs)
 * or touches the hardware (config), so that it never waits behind an unbind that hangs and wakes
 * no sleeping device. Few system calls a device: the machine may have ten thousand.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/io.h"
#include "base/text.h"
#include "host/linux.h"

DEFINE_CLEANUP(struct device *, device_unref);
#define _cleanup_device_unref_ _cleanup_(device_unref_cleanup)

/* An absent attribute or link is not an error: *ret stays. */
static int optional(int r)
{
	return r == -ENOENT || r == -ENODEV ? 0 : r;
}

static int read_hex(int dir, const char *name, uint64_t max, uint64_t *ret)
{
	_cleanup_free_ char *line = NULL;
	int r = read_line_at(dir, name, &line);

	return r < 0 ? r : parse_hex(line, max, ret);
}

/*
 * The ids, all in one attribute: "pci:v00001B36d00000010sv00001AF4sd00001100bc01sc08i02"
 * (drivers/pci/pci-sysfs.c: modalias_show).
 */
static bool ids_from_modalias(struct device *d)
{
	unsigned vendor, device, subvendor, subdevice, base, sub, interface;

	if (!d->modalias || sscanf(d->modalias, "pci:v%8Xd%8Xsv%8Xsd%8Xbc%2Xsc%2Xi%2X", &vendor,
		&device, &subvendor, &subdevice, &base, &sub, &interface) != 7)
		return false;
	d->vendor = (uint16_t)vendor;
	d->device = (uint16_t)device;
	d->subvendor = (uint16_t)subvendor;
	d->subdevice = (uint16_t)subdevice;
	d->class_code = base << 16 | sub << 8 | interface;
	return true;
}

static int ids_from_attributes(int dir, struct device *d)
{
	uint64_t vendor, device, subvendor = 0, subdevice = 0, class_code;
	int r;

	r = read_hex(dir, "vendor", 0xffff, &vendor);
	if (r >= 0)
		r = read_hex(dir, "device", 0xffff, &device);
	if (r >= 0)
		r = read_hex(dir, "class", 0xffffff, &class_code);
	if (r >= 0)
		r = optional(read_hex(dir, "subsystem_vendor", 0xffff, &subvendor));
	if (r >= 0)
		r = optional(read_hex(dir, "subsystem_device", 0xffff, &subdevice));
	if (r < 0)
		return r;
	d->vendor = (uint16_t)vendor;
	d->device = (uint16_t)device;
	d->subvendor = (uint16_t)subvendor;
	d->subdevice = (uint16_t)subdevice;
	d->class_code = (uint32_t)class_code;
	return 0;
}

/*
 * Header type 1 or 2. The kernel shows secondary_bus_number for exactly these (pci_is_bridge());
 * the classes are for trees without it.
 */
static bool is_bridge(int dir, uint32_t class_code)
{
	uint32_t class = class_code >> 8;

	if (class >> 8 != 0x06)
		return false;
	return class == 0x0604 || class == 0x0607 || class == 0x0609 ||
		faccessat(dir, "secondary_bus_number", F_OK, 0) == 0;
}

/*
 * Parent and root from the link's target, ".../pci0000:00/0000:00:10.0/0000:01:00.0": the parent
 * is the component before the last if that is a device, and the root the last "pciDDDD:BB" (a VMD
 * has a root of its own below a device).
 */
static int read_place(int devices, struct device *d)
{
	char target[4096], normal[ADDRESS_MAX], *rest = target, *part;
	const char *before = NULL, *root = NULL;
	ssize_t n = readlinkat(devices, d->address, target, sizeof(target) - 1);
	int r;

	if (n < 0)
		return errno == ENOENT ? -ENODEV : errno == EINVAL ? 0 : -errno;
	target[n] = '\0';
	while ((part = strsep(&rest, "/"))) {
		if (rest)
			before = part;
		if (strncmp(part, "pci", 3) == 0 && strchr(part, ':'))
			root = part;
	}
	r = strdup_to(&d->root, root);
	if (r >= 0 && before && address_parse(before, normal, NULL) == ADDRESS_PCI)
		r = strdup_to(&d->parent, normal);
	return r;
}

static int compare_strings(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Only a device that can have VFs is worth reading its directory. */
static int read_virtual_functions(int dir, struct device *d)
{
	struct dirent *entry;
	int fd, r = 0;
	DIR *stream;

	if (faccessat(dir, "sriov_totalvfs", F_OK, 0) < 0)
		return 0;
	fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	stream = fd < 0 ? NULL : fdopendir(fd);
	if (!stream) {
		r = -errno;
		close_fd(fd);
		return r;
	}
	while (r >= 0 && (entry = readdir(stream))) {
		_cleanup_free_ char *address = NULL;

		if (strncmp(entry->d_name, "virtfn", 6) != 0)
			continue;
		r = optional(read_link_name_at(dir, entry->d_name, &address));
		if (r >= 0 && address)
			r = strv_append(&d->virtual_functions, address);
	}
	closedir(stream);
	if (d->virtual_functions)
		qsort(d->virtual_functions, strv_length(d->virtual_functions), sizeof(char *),
			compare_strings);
	return r < 0 ? r : 0;
}

static int read_numbers(int dir, struct device *d)
{
	_cleanup_free_ char *group = NULL, *node = NULL;
	uint64_t value;
	int r;

	d->iommu_group = -1;
	d->numa_node = -1;
	r = optional(read_link_name_at(dir, "iommu_group", &group));
	if (r >= 0 && group && parse_u64(group, &value) >= 0 && value <= INT32_MAX)
		d->iommu_group = (int)value;
	if (r >= 0)
		r = optional(read_line_at(dir, "numa_node", &node));
	if (r >= 0 && node && parse_u64(node, &value) >= 0 && value <= INT32_MAX)
		d->numa_node = (int)value;
	return r;
}

/*
 * The type of the group's default domain. A group that VFIO made for no-IOMMU mode has none, and a
 * name of its own (drivers/vfio/group.c: vfio_noiommu_group_alloc()): it isolates nothing, so the
 * device counts as one without a group.
 */
static void read_group_type(int sysfs, struct device *d)
{
	_cleanup_free_ char *type = NULL, *name = NULL;
	char path[HOST_PATH_MAX];

	if (d->iommu_group < 0)
		return;
	snprintf(path, sizeof(path), "kernel/iommu_groups/%d/type", d->iommu_group);
	if (read_line_at(sysfs, path, &type) >= 0)
		d->identity_domain = streq(type, "identity");
	if (!streq(type, "unknown"))
		return;
	snprintf(path, sizeof(path), "kernel/iommu_groups/%d/name", d->iommu_group);
	if (read_line_at(sysfs, path, &name) >= 0 && streq(name, "vfio-noiommu"))
		d->iommu_group = -1;
}

static int read_texts(int sysfs, int dir, struct device *d)
{
	int r;

	r = optional(read_link_name_at(dir, "driver", &d->driver));
	if (r >= 0)
		r = optional(read_link_name_at(dir, "physfn", &d->physical_function));
	if (r >= 0)
		r = optional(read_line_at(dir, "reset_method", &d->reset_methods));
	if (r >= 0 && !d->reset_methods)
		r = strdup_to(&d->reset_methods, "");
	if (r >= 0 && d->driver)
		r = optional(sysfs_cdev_name(sysfs, d->address, &d->cdev));
	return r;
}

static int read_device(int sysfs, int devices, const char *address, struct device **ret)
{
	_cleanup_device_unref_ struct device *d = calloc(1, sizeof(*d));
	_cleanup_close_ int dir = -1;
	int r;

	if (!d)
		return -ENOMEM;
	d->refs = 1;
	if (address_parse(address, d->address, &d->pci) != ADDRESS_PCI ||
		!streq(address, d->address))
		return -EINVAL;
	dir = openat(devices, address, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return errno == ENOENT ? -ENODEV : -errno;
	r = optional(read_line_at(dir, "modalias", &d->modalias));
	if (r >= 0 && !ids_from_modalias(d))
		r = ids_from_attributes(dir, d);
	if (r >= 0)
		r = read_place(devices, d);
	if (r >= 0)
		r = read_numbers(dir, d);
	if (r >= 0)
		r = read_texts(sysfs, dir, d);
	if (r >= 0)
		r = read_virtual_functions(dir, d);
	if (r < 0)
		return r == -ENOENT ? -ENODEV : r;
	d->is_bridge = is_bridge(dir, d->class_code);
	read_group_type(sysfs, d);
	*ret = TAKE_PTR(d);
	return 0;
}

static int open_devices(int sysfs)
{
	int fd = openat(sysfs, "bus/pci/devices", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int host_scan_device(struct host *h, const char *address, struct device **ret)
{
	_cleanup_close_ int devices = open_devices(linux_host(h)->sysfs);

	if (devices < 0)
		return devices == -ENOENT ? -ENODEV : devices;
	return read_device(linux_host(h)->sysfs, devices, address, ret);
}

struct device_list {
	struct device **items;
	size_t n;
};

static void device_list_done(struct device_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		device_unref(l->items[i]);
	free(l->items);
}

static int device_list_add(struct device_list *l, struct device *d)
{
	if (!array_reserve(l->items, l->n))
		return -ENOMEM;
	l->items[l->n++] = d;
	return 0;
}

/* Devices that go away during the scan, and names that are none, are passed over. */
static int read_all(int sysfs, DIR *stream, struct device_list *list)
{
	struct dirent *entry;

	while ((errno = 0, entry = readdir(stream))) {
		_cleanup_device_unref_ struct device *d = NULL;
		int r = read_device(sysfs, dirfd(stream), entry->d_name, &d);

		if (r == -ENODEV || r == -EINVAL)
			continue;
		if (r >= 0)
			r = device_list_add(list, d);
		if (r < 0)
			return r;
		TAKE_PTR(d);
	}
	return -errno;
}

int host_scan(struct host *h, struct host_facts *ret_facts, struct device ***ret_devices,
	size_t *ret_n)
{
	_cleanup_(device_list_done) struct device_list list = { 0 };
	int sysfs = linux_host(h)->sysfs, fd = open_devices(sysfs), r;

	/* A machine without PCI has no devices. */
	if (fd != -ENOENT) {
		DIR *stream = fd < 0 ? NULL : fdopendir(fd);

		if (!stream) {
			r = fd < 0 ? fd : -errno;
			close_fd(fd);
			return r;
		}
		r = read_all(sysfs, stream, &list);
		closedir(stream);
		if (r < 0)
			return r;
	}
	read_facts(linux_host(h), ret_facts);
	*ret_devices = TAKE_PTR(list.items);
	*ret_n = list.n;
	list.n = 0;
	return 0;
}
