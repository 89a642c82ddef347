/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which driver a device is on, and changing it. Everything that takes the kernel's device lock
 * goes through the helper process. Addresses and names are checked here, on the daemon's side.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/text.h"
#include "host/linux.h"

/* A helper request about one device; value may be NULL. */
static int call(struct host *h, enum helper_operation operation, const char *address,
	const char *value, struct helper_reply *reply)
{
	struct helper_request request = { .operation = operation };
	char path[HOST_PATH_MAX];
	int r;

	r = device_path(address, "", path);
	if (r < 0)
		return r;
	if (value && strlen(value) >= sizeof(request.value))
		return -ENAMETOOLONG;
	strcpy(request.address, address);
	if (value)
		strcpy(request.value, value);
	return helper_call(linux_host(h)->helper, &request, reply);
}

/* A driver's name as a path component. Names with blanks exist, so little is forbidden. */
static bool is_driver_name(const char *name)
{
	return *name && *name != '.' && !strpbrk(name, "/\n");
}

/* Only such a name reaches modprobe's command line. */
static bool is_module_name(const char *name)
{
	return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == strlen(name) &&
		*name != '-';
}

int host_driver_get(struct host *h, const char *address, char **ret)
{
	char path[HOST_PATH_MAX];
	int r;

	r = device_path(address, "/driver", path);
	if (r < 0)
		return r;
	r = read_link_name_at(linux_host(h)->sysfs, path, ret);
	if (r != -ENOENT)
		return r;
	device_path(address, "", path);
	if (faccessat(linux_host(h)->sysfs, path, F_OK, 0) < 0)
		return -ENODEV;
	*ret = NULL;
	return 0;
}

int host_override_get(struct host *h, const char *address, char **ret)
{
	struct helper_reply reply;
	int r = call(h, HELPER_OVERRIDE_GET, address, NULL, &reply);

	if (r < 0)
		return r;
	return strdup_to(ret, reply.value[0] ? reply.value : NULL);
}

int host_override_set(struct host *h, const char *address, const char *driver)
{
	struct helper_reply reply;

	if (driver && !is_driver_name(driver))
		return -EINVAL;
	return call(h, HELPER_OVERRIDE_SET, address, driver, &reply);
}

int host_driver_unbind(struct host *h, const char *address)
{
	struct helper_reply reply;

	return call(h, HELPER_UNBIND, address, NULL, &reply);
}

/* A driver that is neither built in nor loaded has no directory; loading may fail quietly, since
 * the bind that follows has the better error. */
static int load_driver(struct linux_host *h, const char *driver)
{
	struct helper_request request = { .operation = HELPER_MODPROBE };
	struct helper_reply reply;
	char path[HOST_PATH_MAX];

	if (snprintf(path, sizeof(path), "bus/pci/drivers/%s", driver) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	if (faccessat(h->sysfs, path, F_OK, 0) == 0)
		return 0;
	if (!is_module_name(driver) || strlen(driver) >= sizeof(request.value))
		return -ENXIO;
	strcpy(request.value, driver);
	return helper_call(h->helper, &request, &reply);
}

int host_driver_probe(struct host *h, const char *address, const char *driver)
{
	struct helper_reply reply;
	int r;

	if (!driver)
		return call(h, HELPER_PROBE, address, NULL, &reply);
	if (!is_driver_name(driver))
		return -EINVAL;
	r = load_driver(linux_host(h), driver);
	if (r < 0 && r != -ENOENT)
		return r;
	/*
	 * The driver's own bind file and not drivers_probe: of several drivers that match, the
	 * wanted one gets the device, and the errno is that of its probe function.
	 */
	return call(h, HELPER_BIND, address, driver, &reply);
}

int host_function_reset(struct host *h, const char *address)
{
	struct helper_reply reply;

	return call(h, HELPER_RESET, address, NULL, &reply);
}
