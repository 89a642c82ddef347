/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The connection and the calls that several verbs make. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "bus.h"
#include "json.h"
#include "status.h"

int bus_connect(struct ctl *c)
{
	int r;

	if (c->bus)
		return STATUS_OK;
	r = sd_bus_open_system(&c->bus);
	if (r < 0)
		return fail(STATUS_UNREACHABLE, "cannot connect to the system bus: %s",
			strerror(-r));
	return STATUS_OK;
}

/* Somebody is there to answer polkit's dialogue. */
static bool is_interactive(const struct ctl *c)
{
	return !c->options.no_ask_password && isatty(STDIN_FILENO);
}

int bus_new_call(struct ctl *c, const char *path, const char *interface, const char *method,
	sd_bus_message **ret)
{
	_cleanup_message_ sd_bus_message *m = NULL;
	int r = bus_connect(c);

	if (r != STATUS_OK)
		return r;
	r = sd_bus_message_new_method_call(c->bus, &m, BUS_NAME, path, interface, method);
	if (r >= 0)
		r = sd_bus_message_set_allow_interactive_authorization(m, is_interactive(c));
	if (r < 0)
		return fail_call(NULL, r);
	*ret = TAKE_PTR(m);
	return STATUS_OK;
}

int bus_call(struct ctl *c, sd_bus_message *m, uint64_t timeout_usec, sd_bus_message **ret)
{
	sd_bus_error e = SD_BUS_ERROR_NULL;
	int r = sd_bus_call(c->bus, m, timeout_usec, &e, ret);
	int status = STATUS_OK;

	if (r < 0)
		status = fail_call(&e, r);
	sd_bus_error_free(&e);
	return status;
}

int bus_call_json(struct ctl *c, sd_bus_message *m, json_t **ret)
{
	_cleanup_message_ sd_bus_message *reply = NULL;
	int r = bus_call(c, m, BUS_DEFAULT_USEC, &reply);

	if (r != STATUS_OK)
		return r;
	r = json_from_message(reply, ret);
	return r < 0 ? fail_call(NULL, r) : STATUS_OK;
}

static int append_filter(sd_bus_message *m, const char *key, const char *value)
{
	return value ? sd_bus_message_append(m, "{sv}", key, "s", value) : 0;
}

static int append_filters(sd_bus_message *m, const char *state, const char *driver)
{
	int r = sd_bus_message_open_container(m, 'a', "{sv}");

	if (r >= 0)
		r = append_filter(m, "State", state);
	if (r >= 0)
		r = append_filter(m, "Driver", driver);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int compare_address(const void *a, const void *b)
{
	return strcmp(json_text(*(json_t *const *)a, "Address"),
		json_text(*(json_t *const *)b, "Address"));
}

static int sort_by_address(json_t *devices, json_t **ret)
{
	_cleanup_json_ json_t *sorted = json_array();
	size_t n = json_array_size(devices), i;
	_cleanup_free_ json_t **items = calloc(n + 1, sizeof(json_t *));
	json_t *device;

	if (!sorted || !items)
		return -ENOMEM;
	json_array_foreach(devices, i, device)
		items[i] = device;
	qsort(items, n, sizeof(json_t *), compare_address);
	for (i = 0; i < n; i++)
		if (json_array_append(sorted, items[i]) < 0)
			return -ENOMEM;
	*ret = TAKE_PTR(sorted);
	return 0;
}

int bus_list_devices(struct ctl *c, const char *state, const char *driver, json_t **ret)
{
	_cleanup_message_ sd_bus_message *m = NULL;
	_cleanup_json_ json_t *devices = NULL;
	int r = bus_new_call(c, BUS_PATH, BUS_MANAGER, "ListDevices", &m);

	if (r != STATUS_OK)
		return r;
	r = append_filters(m, state, driver);
	if (r < 0)
		return fail_call(NULL, r);
	r = bus_call_json(c, m, &devices);
	if (r != STATUS_OK)
		return r;
	return sort_by_address(devices, ret) < 0 ? fail_oom() : STATUS_OK;
}

char *bus_lease_path(const char *id)
{
	char *path;

	return sd_bus_path_encode(BUS_PATH "/lease", id, &path) < 0 ? NULL : path;
}
