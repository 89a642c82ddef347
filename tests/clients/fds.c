/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The two ways to get a lease's fds: inherited from `devleasectl exec`, or asked for on the bus. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>

#include "client.h"

/* Whether an fd's name, with '-' for ':', is this address. */
static bool is_address(const char *name, const char *address)
{
	for (; *name && *address; name++, address++)
		if (*name != *address && !(*name == '-' && *address == ':'))
			return false;
	return !*name && !*address;
}

static void take(struct client *c, const char *name, const char *address, int fd)
{
	if (strcmp(name, "iommu") == 0)
		c->iommu = fd;
	else if (strcmp(name, "hold") == 0)
		c->hold = fd;
	else if (address ? is_address(name, address) : c->device < 0)
		c->device = fd;
}

int client_from_environment(struct client *c, const char *address)
{
	const char *backend = getenv("DEVLEASE_BACKEND"), *ioas = getenv("DEVLEASE_IOAS_ID");
	char **names = NULL;
	int n = sd_listen_fds_with_names(false, &names);

	if (n < 0)
		return failed("LISTEN_FDS", -n);
	for (int i = 0; i < n; i++) {
		take(c, names[i], address, SD_LISTEN_FDS_START + i);
		free(names[i]);
	}
	free(names);
	if (c->device < 0 || c->iommu < 0)
		return failed("no fds in LISTEN_FDS: run under devleasectl exec", ENOENT);
	c->legacy = backend && strcmp(backend, "legacy") == 0;
	c->ioas = ioas ? strtoul(ioas, NULL, 10) : 0;
	return 0;
}

static int append_option(sd_bus_message *m, const char *key, const char *value)
{
	return value ? sd_bus_message_append(m, "{sv}", key, "s", value) : 0;
}

static int make_request(sd_bus *bus, const struct acquire *request, sd_bus_message **ret)
{
	int r = sd_bus_message_new_method_call(bus, ret, "org.devlease1", "/org/devlease1",
		"org.devlease1.Manager", "Acquire");

	if (r >= 0)
		r = sd_bus_message_append_strv(*ret, (char **)request->devices);
	if (r >= 0)
		r = sd_bus_message_open_container(*ret, 'a', "{sv}");
	if (r >= 0)
		r = append_option(*ret, "handover", request->handover);
	if (r >= 0)
		r = append_option(*ret, "backend", request->backend);
	if (r >= 0)
		r = append_option(*ret, "reset-set", request->reset_set);
	return r < 0 ? r : sd_bus_message_close_container(*ret);
}

static int read_fds(sd_bus_message *m, struct client *c, const char *address)
{
	const char *name;
	int fd, r = sd_bus_message_enter_container(m, 'a', "{sh}");

	if (r < 0)
		return r;
	while ((r = sd_bus_message_read(m, "{sh}", &name, &fd)) > 0) {
		/* The message's fd goes with it; other devices of the lease are not used here. */
		if (strchr(name, ':') && strcmp(name, address) != 0)
			continue;
		fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		if (fd < 0)
			return -errno;
		take(c, name, NULL, fd);
	}
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_info(sd_bus_message *m, struct client *c)
{
	const char *key, *text;
	int r = sd_bus_message_enter_container(m, 'a', "{sv}");

	while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
		r = sd_bus_message_read(m, "s", &key);
		if (r >= 0 && strcmp(key, "backend") == 0) {
			r = sd_bus_message_read(m, "v", "s", &text);
			c->legacy = r >= 0 && strcmp(text, "legacy") == 0;
		} else if (r >= 0 && strcmp(key, "ioas-id") == 0) {
			r = sd_bus_message_read(m, "v", "u", &c->ioas);
		} else if (r >= 0) {
			r = sd_bus_message_skip(m, "v");
		}
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
	}
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_reply(sd_bus_message *m, struct client *c, const struct acquire *request)
{
	const char *path;
	int r = sd_bus_message_read(m, "o", &path);

	if (r >= 0)
		r = read_fds(m, c, request->devices[0]);
	if (r >= 0)
		r = read_info(m, c);
	if (r < 0)
		return failed("the reply of Acquire", -r);
	if (c->device < 0 || c->iommu < 0 || c->hold < 0)
		return failed("the fds of Acquire", ENOENT);
	printf("lease: %s\n", path);
	fflush(stdout);
	return 0;
}

int client_acquire(struct client *c, const struct acquire *request)
{
	sd_bus_message *m = NULL, *reply = NULL;
	sd_bus_error e = SD_BUS_ERROR_NULL;
	sd_bus *bus = NULL;
	int r = sd_bus_open_system(&bus);

	if (r >= 0)
		r = make_request(bus, request, &m);
	if (r >= 0)
		r = sd_bus_call(bus, m, UINT64_C(120) * 1000 * 1000, &e, &reply);
	if (r < 0 && sd_bus_error_is_set(&e))
		fprintf(stderr, "edu-client: %s: %s\n", e.name, e.message);
	else if (r < 0)
		failed("Acquire", -r);
	else
		r = read_reply(reply, c, request);
	sd_bus_error_free(&e);
	sd_bus_message_unref(m);
	sd_bus_message_unref(reply);
	sd_bus_flush_close_unref(bus);
	return r < 0 ? r : 0;
}
