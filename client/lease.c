/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Acquire and Release. Every fd of a reply is duplicated with CLOEXEC set and owned here. */
#include <errno.h>
#include <fcntl.h>

#include "base/array.h"
#include "base/io.h"
#include "base/text.h"
#include "bus.h"
#include "json.h"
#include "names.h"
#include "request.h"
#include "status.h"

/* Above the numbers that a command's fds get; the devices of a request are limited to 64. */
#define FD_FLOOR 128

void lease_close_fds(struct lease *l, bool keep_hold)
{
	for (size_t i = 0; i < l->n_fds; i++)
		if (!keep_hold || !streq(l->names[i], "hold"))
			l->fds[i] = close_fd(l->fds[i]);
}

void lease_done(struct lease *l)
{
	lease_close_fds(l, false);
	json_decref(l->info);
	strv_free(l->names);
	free(l->fds);
	free(l->path);
	free(l->id);
	*l = (struct lease){0};
}

static int add_fd(struct lease *l, const char *name, int borrowed_fd)
{
	_cleanup_close_ int fd = -1;
	int r;

	if (l->n_fds >= FD_FLOOR - FIRST_FD)
		return -E2BIG;
	if (!array_reserve(l->fds, l->n_fds))
		return -ENOMEM;
	fd = fcntl(borrowed_fd, F_DUPFD_CLOEXEC, FD_FLOOR);
	if (fd < 0)
		return -errno;
	r = strv_append(&l->names, name);
	if (r < 0)
		return r;
	l->fds[l->n_fds++] = TAKE_FD(fd);
	return 0;
}

/* The fds of the reply by name; they belong to the message. */
struct named_fd {
	const char *name;
	int fd;
};

static int read_fds(sd_bus_message *m, struct named_fd **ret, size_t *ret_n)
{
	_cleanup_free_ struct named_fd *fds = NULL;
	size_t n = 0;
	int r = sd_bus_message_enter_container(m, 'a', "{sh}");

	if (r < 0)
		return r;
	for (;;) {
		struct named_fd one;

		r = sd_bus_message_read(m, "{sh}", &one.name, &one.fd);
		if (r <= 0)
			break;
		if (!array_reserve(fds, n))
			return -ENOMEM;
		fds[n++] = one;
	}
	if (r < 0)
		return r;
	r = sd_bus_message_exit_container(m);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(fds);
	*ret_n = n;
	return 0;
}

static int find_fd(const struct named_fd *fds, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (streq(fds[i].name, name))
			return fds[i].fd;
	return -1;
}

/* For devices whose fds did not fit into the reply. */
static int open_device(struct ctl *c, struct lease *l, const char *address)
{
	_cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
	int r = bus_new_call(c, l->path, BUS_LEASE, "OpenDevice", &m), fd;

	if (r != STATUS_OK)
		return r;
	r = sd_bus_message_append(m, "s", address);
	if (r < 0)
		return fail_call(NULL, r);
	r = bus_call(c, m, BUS_DEFAULT_USEC, &reply);
	if (r != STATUS_OK)
		return r;
	r = sd_bus_message_read(reply, "h", &fd);
	if (r >= 0)
		r = add_fd(l, address, fd);
	return r < 0 ? fail_call(NULL, r) : STATUS_OK;
}

static int collect_fds(struct ctl *c, struct lease *l, const struct named_fd *fds, size_t n)
{
	static const char *const first[] = {"iommu", "hold"};
	json_t *devices = json_object_get(l->info, "devices"), *device;
	const char *address;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(first); i++) {
		int fd = find_fd(fds, n, first[i]);

		if (fd < 0)
			return fail(STATUS_FAILED, "the reply has no fd named %s", first[i]);
		r = add_fd(l, first[i], fd);
		if (r < 0)
			return fail_call(NULL, r);
	}
	json_object_foreach(devices, address, device) {
		int fd = find_fd(fds, n, address);

		if (fd < 0) {
			r = open_device(c, l, address);
			if (r != STATUS_OK)
				return r;
			continue;
		}
		r = add_fd(l, address, fd);
		if (r < 0)
			return fail_call(NULL, r);
	}
	return STATUS_OK;
}

static int read_lease(struct ctl *c, sd_bus_message *reply, struct lease *l)
{
	_cleanup_free_ struct named_fd *fds = NULL;
	const char *path;
	size_t n;
	int r = sd_bus_message_read(reply, "o", &path);

	if (r >= 0)
		r = strdup_to(&l->path, path);
	if (r >= 0)
		r = sd_bus_path_decode(path, BUS_PATH "/lease", &l->id);
	if (r == 0)
		r = -EBADMSG;
	if (r >= 0)
		r = read_fds(reply, &fds, &n);
	if (r >= 0)
		r = json_from_message(reply, &l->info);
	if (r < 0)
		return fail_call(NULL, r);
	return collect_fds(c, l, fds, n);
}

int lease_acquire(struct ctl *c, char *const *devices, struct lease *ret)
{
	_cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
	_cleanup_lease_ struct lease l = {0};
	int r = request_new(c, "Acquire", devices, &m);

	if (r != STATUS_OK)
		return r;
	r = bus_call(c, m, BUS_LONG_USEC, &reply);
	if (r != STATUS_OK)
		return r;
	r = read_lease(c, reply, &l);
	if (r != STATUS_OK)
		return r;
	*ret = l;
	l = (struct lease){0};
	return STATUS_OK;
}

int lease_call(struct ctl *c, const char *id, sd_bus_message *m, bool gone_is_fine)
{
	sd_bus_error e = SD_BUS_ERROR_NULL;
	int status = STATUS_OK, r = sd_bus_call(c->bus, m, BUS_LONG_USEC, &e, NULL);

	/* UnknownMethod is how some buses say that there is no such object. */
	if (r < 0 && (sd_bus_error_has_name(&e, SD_BUS_ERROR_UNKNOWN_OBJECT) ||
			     sd_bus_error_has_name(&e, SD_BUS_ERROR_UNKNOWN_METHOD)))
		status = gone_is_fine ? STATUS_OK :
			fail(STATUS_FAILED, "%s: no such lease, or it is another user's", id);
	else if (r < 0)
		status = fail_call(&e, r);
	sd_bus_error_free(&e);
	return status;
}

int lease_release(struct ctl *c, const char *id, bool gone_is_fine)
{
	_cleanup_free_ char *path = bus_lease_path(id);
	_cleanup_message_ sd_bus_message *m = NULL;
	int r = path ? bus_new_call(c, path, BUS_LEASE, "Release", &m) : fail_oom();

	if (r != STATUS_OK)
		return r;
	/* Our own, or it has ended: no password is asked for what is not there. */
	if (gone_is_fine)
		(void)sd_bus_message_set_allow_interactive_authorization(m, false);
	return lease_call(c, id, m, gone_is_fine);
}
