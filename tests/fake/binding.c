/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Drivers and overrides of the model. An unbind from vfio waits for the last fd, as in the kernel. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/text.h"
#include "model.h"

int fake_driver_get(struct host *h, const char *address, char **ret)
{
	FAKE_ENTER(f, h);
	struct fake_device *d = fake_find(f, address);

	return d ? strdup_to(ret, d->driver) : -ENODEV;
}

int fake_override_get(struct host *h, const char *address, char **ret)
{
	FAKE_ENTER(f, h);
	struct fake_device *d = fake_find(f, address);

	return d ? strdup_to(ret, d->override) : -ENODEV;
}

static int replace(char **field, const char *value)
{
	char *copy;

	if (strdup_to(&copy, value) < 0)
		return -ENOMEM;
	free(*field);
	*field = copy;
	return 0;
}

int fake_override_set(struct host *h, const char *address, const char *driver)
{
	FAKE_ENTER(f, h);
	struct fake_device *d = fake_find(f, address);

	return d ? replace(&d->override, driver) : -ENODEV;
}

/* Waits for a writer of the FIFO, if this is the device that hangs. */
static int hang(struct fake_host *f, const char *address)
{
	int fd;

	if (!f->hang_fifo || !streq(f->hang_address, address))
		return 0;
	do
		fd = open(f->hang_fifo, O_RDONLY | O_CLOEXEC);
	while (fd < 0 && errno == EINTR);
	if (fd < 0)
		return -errno;
	close_fd(fd);
	return 0;
}

static bool is_released(struct host *h, struct fake_device *d)
{
	FAKE_ENTER(f, h);

	if (fake_open_files_of(f, d) > 0)
		return false;
	free(TAKE_PTR(d->driver));
	d->cdev = -1;
	d->unbinding = false;
	return true;
}

static struct fake_device *begin_unbind(struct host *h, const char *address, int *ret)
{
	FAKE_ENTER(f, h);
	struct fake_device *d = fake_find(f, address);

	*ret = d ? 0 : -ENODEV;
	if (!d || !d->driver)
		return NULL;
	d->unbinding = true;
	return d;
}

int fake_driver_unbind(struct host *h, const char *address)
{
	const struct timespec step = { .tv_nsec = 2 * 1000000L };
	struct fake_device *d;
	int r;

	r = hang((struct fake_host *)h, address);
	if (r < 0)
		return r;
	d = begin_unbind(h, address, &r);
	while (d && !is_released(h, d))
		nanosleep(&step, NULL);
	return r;
}

static int free_cdev(const struct fake_host *f)
{
	for (int n = 0;; n++) {
		bool used = false;

		for (size_t i = 0; i < f->n_devices; i++)
			used = used || f->devices[i]->cdev == n;
		if (!used)
			return n;
	}
}

static int bind(struct fake_host *f, struct fake_device *d, const char *driver)
{
	int r = replace(&d->driver, driver);

	if (r < 0)
		return r;
	if (fake_on_vfio(d)) {
		d->cdev = free_cdev(f);
	} else if (fake_group_owner(f, d->group)) {
		/* A host driver finds the group owned by somebody else: really_probe() fails. */
		free(TAKE_PTR(d->driver));
		return -EBUSY;
	}
	return 0;
}

int fake_driver_probe(struct host *h, const char *address, const char *driver)
{
	FAKE_ENTER(f, h);
	struct fake_device *d = fake_find(f, address);
	const char *match;

	if (!d)
		return -ENODEV;
	if (d->driver)
		return !driver || streq(d->driver, driver) ? 0 : -ENXIO;
	match = d->override ? d->override : d->natural;
	if (driver && !streq(driver, match))
		return -ENXIO;
	/* Only drivers that are there bind: a device's own, and vfio-pci. */
	if (!match || (!streq(match, d->natural) && !streq(match, "vfio-pci")))
		return driver ? -ENXIO : 0;
	return bind(f, d, match);
}

int fake_function_reset(struct host *h, const char *address)
{
	FAKE_ENTER(f, h);
	struct fake_device *d = fake_find(f, address);

	if (!d)
		return -ENODEV;
	if (!*d->reset_methods)
		return -ENOTTY;
	d->resets++;
	return 0;
}
