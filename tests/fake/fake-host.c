/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The fake host's table, its making and its end, and what a scan shows of the model. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "model.h"

struct fake_host *fake_enter(struct host *h)
{
	struct fake_host *f = (struct fake_host *)h;

	pthread_mutex_lock(&f->lock);
	fake_reap(f);
	return f;
}

void fake_leave(struct fake_host **f)
{
	fake_state_save(*f);
	pthread_mutex_unlock(&(*f)->lock);
}

static int list_virtual_functions(struct fake_host *f, const struct fake_device *d, char ***ret)
{
	int r = 0;

	for (size_t i = 0; i < f->n_devices && r >= 0; i++)
		if (streq(f->devices[i]->physical_function, d->address))
			r = strv_append(ret, f->devices[i]->address);
	return r;
}

/* Another model at the address, from a file that a test can write at any moment: "ADDRESS
 * VENDOR:DEVICE" a line. */
static void show_replaced(const struct fake_host *f, struct device *shown)
{
	FILE *file = f->models_file ? fopen(f->models_file, "re") : NULL;
	char line[256], where[ADDRESS_MAX];
	unsigned vendor, device;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%31s %4x:%4x", where, &vendor, &device) == 3 &&
			streq(where, shown->address)) {
			shown->vendor = (uint16_t)vendor;
			shown->device = (uint16_t)device;
		}
	if (file)
		fclose(file);
}

static int show(struct fake_host *f, const struct fake_device *d, struct device **ret)
{
	struct device *shown = calloc(1, sizeof(*shown));

	if (!shown)
		return -ENOMEM;
	shown->refs = 1;
	strcpy(shown->address, d->address);
	shown->pci = d->pci;
	shown->vendor = d->vendor;
	shown->device = d->device;
	show_replaced(f, shown);
	shown->class_code = d->class_code;
	shown->iommu_group = d->group;
	shown->numa_node = d->numa_node;
	shown->is_bridge = d->bridge;
	if (asprintf(&shown->modalias, "pci:v%08Xd%08Xsv%08Xsd%08Xbc%02Xsc%02Xi%02X", d->vendor,
		d->device, 0, 0, d->class_code >> 16, d->class_code >> 8 & 0xff,
		d->class_code & 0xff) < 0)
		shown->modalias = NULL;
	if (d->cdev >= 0 && f->facts.iommufd && !d->unbinding &&
		asprintf(&shown->cdev, "vfio%d", d->cdev) < 0)
		shown->cdev = NULL;
	if (!shown->modalias || strdup_to(&shown->driver, d->driver) < 0 ||
		strdup_to(&shown->reset_methods, d->reset_methods) < 0 ||
		strdup_to(&shown->parent, d->parent) < 0 ||
		strdup_to(&shown->root, d->root) < 0 ||
		strdup_to(&shown->physical_function, d->physical_function) < 0 ||
		list_virtual_functions(f, d, &shown->virtual_functions) < 0) {
		device_unref(shown);
		return -ENOMEM;
	}
	*ret = shown;
	return 0;
}

int fake_scan(struct host *h, struct host_facts *ret_facts, struct device ***ret_devices,
	size_t *ret_n)
{
	FAKE_ENTER(f, h);
	struct device **devices = calloc(f->n_devices + 1, sizeof(*devices));
	int r = devices ? 0 : -ENOMEM;
	size_t n = 0;

	while (r >= 0 && n < f->n_devices) {
		r = show(f, f->devices[n], &devices[n]);
		if (r >= 0)
			n++;
	}
	if (r < 0) {
		while (n > 0)
			device_unref(devices[--n]);
		free(devices);
		return r;
	}
	*ret_facts = f->facts;
	*ret_devices = devices;
	*ret_n = n;
	return 0;
}

int fake_scan_device(struct host *h, const char *address, struct device **ret)
{
	FAKE_ENTER(f, h);
	struct fake_device *d = fake_find(f, address);

	return d ? show(f, d, ret) : -ENODEV;
}

/* The built-in machine as QEMU makes it: its root ports have ACS, its switch has none. */
int fake_bridge_facts(struct host *h, const char *address, struct bridge_facts *ret)
{
	FAKE_ENTER(f, h);
	struct fake_device *d = fake_find(f, address);

	if (!d)
		return -ENODEV;
	*ret = (struct bridge_facts){ .kind = BRIDGE_OTHER };
	if (!d->parent)
		*ret = (struct bridge_facts){ .kind = BRIDGE_ROOT_PORT, .has_acs = true };
	else if (d->device == 0x000e)
		ret->kind = BRIDGE_CONVENTIONAL;
	else if (d->device == 0x8233)
		*ret = (struct bridge_facts){ .kind = BRIDGE_DOWNSTREAM_PORT,
			.acs_missing = ACS_ISOLATION };
	return 0;
}

void fake_switches(struct host *h, struct host_facts *facts)
{
	FAKE_ENTER(f, h);

	facts->unsafe_interrupts_type1 = f->facts.unsafe_interrupts_type1;
	facts->unsafe_interrupts_iommufd = f->facts.unsafe_interrupts_iommufd;
}

int fake_host_state(struct host *h, const char *address, struct fake_state *ret)
{
	FAKE_ENTER(f, h);
	struct fake_device *d = fake_find(f, address);

	if (!d)
		return -ENODEV;
	*ret = (struct fake_state){
		.driver = d->driver,
		.override = d->override,
		.resets = d->resets,
		.open_files = fake_open_files_of(f, d),
	};
	return 0;
}

int fake_verify_fd(struct host *h, int fd, const char *what, const char *address, int group)
{
	static const char *const names[] = { "iommufd", "cdev", "group", "container", "device" };
	FAKE_ENTER(f, h);

	for (size_t kind = 0; kind < ARRAY_SIZE(names); kind++) {
		struct fake_file *file;

		if (!streq(what, names[kind]))
			continue;
		file = fake_file_of(f, fd, (enum fake_kind)kind);
		if (!file || (kind == FAKE_GROUP && file->group != group) ||
			(kind == FAKE_CDEV && !streq(file->device->address, address)))
			return -ESTALE;
		return 0;
	}
	return -EINVAL;
}

static int fake_close(struct host *h, int fd)
{
	int r = close(fd) < 0 ? -errno : 0;
	struct fake_host *f = fake_enter(h);

	fake_leave(&f);
	return r;
}

static void fake_free(struct host *h)
{
	struct fake_host *f = (struct fake_host *)h;

	/* What is open outlives this process when the state does. */
	fake_files_done(f);
	for (size_t i = 0; i < f->n_devices; i++)
		fake_device_free(f->devices[i]);
	free(f->devices);
	free(f->hang_fifo);
	free(f->use_file);
	free(f->models_file);
	free(f->state_file);
	free(f->state_text);
	if (f->directory[0])
		rmdir(f->directory);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

static const struct host_ops fake_ops = {
	.scan = fake_scan,
	.scan_device = fake_scan_device,
	.bridge_facts = fake_bridge_facts,
	.switches = fake_switches,
	.host_use = fake_host_use,
	.block_claim = fake_block_claim,
	.driver_get = fake_driver_get,
	.override_get = fake_override_get,
	.override_set = fake_override_set,
	.driver_unbind = fake_driver_unbind,
	.driver_probe = fake_driver_probe,
	.function_reset = fake_function_reset,
	.iommufd_open = fake_iommufd_open,
	.iommufd_rlimit_mode = fake_iommufd_rlimit_mode,
	.ioas_alloc = fake_ioas_alloc,
	.ioas_unmap_all = fake_ioas_unmap_all,
	.ioas_destroy = fake_ioas_destroy,
	.cdev_open = fake_cdev_open,
	.cdev_bind = fake_cdev_bind,
	.cdev_attach = fake_cdev_attach,
	.cdev_detach = fake_cdev_detach,
	.group_open = fake_group_open,
	.container_open = fake_container_open,
	.group_attach = fake_group_attach,
	.group_device_open = fake_group_device_open,
	.container_unmap_all = fake_container_unmap_all,
	.device_reset = fake_device_reset,
	.hot_reset_info = fake_hot_reset_info,
	.hot_reset = fake_hot_reset,
	.close = fake_close,
	.verify_fd = fake_verify_fd,
	.free = fake_free,
};

static int read_environment(struct fake_host *f)
{
	const char *backend = getenv("DEVLEASE_FAKE_BACKEND"), *hang = getenv("DEVLEASE_FAKE_HANG");
	const char *equals = hang ? strchr(hang, '=') : NULL;

	if (backend) {
		f->facts.iommufd = streq(backend, "iommufd") || streq(backend, "both");
		f->facts.legacy = streq(backend, "legacy") || streq(backend, "both");
	}
	if ((backend && !f->facts.iommufd && !f->facts.legacy) || (hang && !equals))
		return -EINVAL;
	if (strdup_to(&f->use_file, getenv("DEVLEASE_FAKE_USE")) < 0 ||
		strdup_to(&f->models_file, getenv("DEVLEASE_FAKE_MODELS")) < 0)
		return -ENOMEM;
	if (!hang)
		return 0;
	snprintf(f->hang_address, sizeof(f->hang_address), "%.*s", (int)(equals - hang), hang);
	return strdup_to(&f->hang_fifo, equals + 1);
}

static int open_directory(struct fake_host *f)
{
	const char *state = getenv("DEVLEASE_FAKE_STATE");

	if (state)
		return fake_state_open(f, state);
	strcpy(f->directory, "/tmp/devlease-fake-XXXXXX");
	if (mkdtemp(f->directory))
		return 0;
	f->directory[0] = '\0';
	return -errno;
}

int fake_host_new(const char *description, struct host **ret)
{
	struct fake_host *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return -ENOMEM;
	f->host.ops = &fake_ops;
	pthread_mutex_init(&f->lock, NULL);
	r = description ? fake_load(f, description) : fake_load_builtin(f);
	if (r >= 0)
		r = open_directory(f);
	if (r >= 0)
		r = read_environment(f);
	if (r < 0) {
		fake_free(&f->host);
		return r;
	}
	*ret = &f->host;
	return 0;
}
