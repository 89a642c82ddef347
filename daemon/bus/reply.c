/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Replies, and the one place where an -errno or a refusal becomes a D-Bus error. A reply that
 * cannot be sent is dropped: whoever asked is gone.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/text.h"
#include "bus/bus-private.h"

struct bus_call *bus_call_new(sd_bus_message *m)
{
	struct bus_call *c = calloc(1, sizeof(*c));

	if (c)
		c->message = sd_bus_message_ref(m);
	return c;
}

void bus_call_free(struct bus_call *c)
{
	if (!c)
		return;
	sd_bus_message_unref(c->message);
	free(c);
}

const char *bus_refusal_name(enum refusal r)
{
	switch (r) {
	case REFUSAL_INVALID_ARGS:
		return SD_BUS_ERROR_INVALID_ARGS;
	case REFUSAL_NO_SUCH_DEVICE:
		return BUS_NAME ".Error.NoSuchDevice";
	case REFUSAL_QUARANTINED:
		return BUS_NAME ".Error.Quarantined";
	case REFUSAL_BUSY:
		return BUS_NAME ".Error.Busy";
	case REFUSAL_IN_USE:
		return BUS_NAME ".Error.InUse";
	case REFUSAL_NOT_ISOLATED:
		return BUS_NAME ".Error.NotIsolated";
	case REFUSAL_RESET_SET_SHARED:
		return BUS_NAME ".Error.ResetSetShared";
	case REFUSAL_NOT_SUPPORTED:
		return BUS_NAME ".Error.NotSupported";
	case REFUSAL_LIMITS_EXCEEDED:
		return BUS_NAME ".Error.LimitsExceeded";
	case REFUSAL_DENIED:
	case REFUSAL_NONE:
		break;
	}
	return BUS_NAME ".Error.Denied";
}

static const char *errno_error_name(int error)
{
	switch (-error) {
	case EINVAL:
		return SD_BUS_ERROR_INVALID_ARGS;
	case EACCES:
		return BUS_NAME ".Error.Denied";
	case EBUSY:
		return BUS_NAME ".Error.Busy";
	case EDQUOT:
		return BUS_NAME ".Error.LimitsExceeded";
	case ENODEV:
		return BUS_NAME ".Error.NoSuchDevice";
	case EOPNOTSUPP:
		return BUS_NAME ".Error.NotSupported";
	case EBADMSG:
		return "org.freedesktop.DBus.Error.InvalidFileContent";
	case ENOMEM:
		return SD_BUS_ERROR_NO_MEMORY;
	default:
		return BUS_NAME ".Error.Kernel";
	}
}

int bus_set_errno(sd_bus_error *e, int error, const char *message)
{
	return sd_bus_error_set(e, errno_error_name(error), message);
}

PRINTF_LIKE(3, 0)
static void reply_error(struct bus_call *call, const char *name, const char *format, va_list args)
{
	_cleanup_free_ char *message = NULL;

	if (vasprintf(&message, format, args) < 0)
		message = NULL;
	(void)sd_bus_reply_method_errorf(call->message, name, "%s",
		message ? message : "out of memory");
	bus_call_free(call);
}

void bus_reply_errno(struct bus_call *call, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	reply_error(call, errno_error_name(error), format, args);
	va_end(args);
}

void bus_reply_kernel(struct bus_call *call, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	reply_error(call, BUS_NAME ".Error.Kernel", format, args);
	va_end(args);
}

void bus_reply_in_use(struct bus_call *call, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	reply_error(call, BUS_NAME ".Error.InUse", format, args);
	va_end(args);
}

void bus_reply_journal(struct bus_call *call, int error)
{
	(void)sd_bus_reply_method_errorf(call->message, BUS_NAME ".Error.Journal",
		"The assignment journal cannot be written (%s), so no device is leased; "
		"look at the space below /var/log/devlease", errno_name(-error));
	bus_call_free(call);
}

void bus_reply_empty(struct bus_call *call)
{
	(void)sd_bus_reply_method_return(call->message, NULL);
	bus_call_free(call);
}

void bus_reply_refused(struct bus_call *call, const struct decision *d)
{
	_cleanup_free_ char *message = findings_to_message(&d->findings);

	(void)sd_bus_reply_method_errorf(call->message, bus_refusal_name(d->refusal), "%s",
		message ? message : "refused");
	bus_call_free(call);
}

static int append_finding(sd_bus_message *m, const struct finding *f)
{
	return sd_bus_message_append(m, "a{sv}", 5,
		"severity", "s", severity_to_string(f->severity),
		"code", "s", f->code,
		"device", "s", f->device,
		"text", "s", f->text,
		"help", "s", f->help);
}

static int build_explained(sd_bus_message *m, const struct decision *d)
{
	int r = sd_bus_message_append(m, "s", verdict_to_string(d->verdict));

	if (r >= 0)
		r = sd_bus_message_open_container(m, 'a', "a{sv}");
	for (size_t i = 0; r >= 0 && i < d->findings.n; i++)
		r = append_finding(m, &d->findings.items[i]);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

void bus_reply_built(struct bus_call *call, sd_bus_message *reply, int built)
{
	if (built < 0) {
		bus_reply_errno(call, built, "The reply could not be made: %s",
			errno_name(-built));
		return;
	}
	(void)sd_bus_send(NULL, reply, NULL);
	bus_call_free(call);
}

void bus_reply_explained(struct bus_call *call, const struct decision *d)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	int r = sd_bus_message_new_method_return(call->message, &reply);

	if (r >= 0)
		r = build_explained(reply, d);
	bus_reply_built(call, reply, r);
}

int bus_append_lease_device(sd_bus_message *m, const struct bus_lease_device *d)
{
	int r = sd_bus_message_open_container(m, 'a', "{sv}");

	if (r >= 0 && d->devid)
		r = sd_bus_message_append(m, "{sv}", "dev-id", "u", d->devid);
	if (r >= 0 && d->ioas)
		r = sd_bus_message_append(m, "{sv}", "ioas-id", "u", d->ioas);
	if (r >= 0)
		r = sd_bus_message_append(m, "{sv}{sv}", "iommu-group", "u", (uint32_t)d->group,
			"reset-set-owned", "b", d->reset_set_owned);
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'e', "sv");
	if (r >= 0)
		r = sd_bus_message_append(m, "s", "reset-set");
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'v', "as");
	if (r >= 0)
		r = sd_bus_message_append_strv(m, (char **)d->reset_set);
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_fd(sd_bus_message *m, const char *name, int fd)
{
	return fd < 0 ? 0 : sd_bus_message_append(m, "{sh}", name, fd);
}

static int append_fds(sd_bus_message *m, const struct bus_lease *l, int hold_fd)
{
	int r = sd_bus_message_open_container(m, 'a', "{sh}");

	if (r >= 0)
		r = append_fd(m, "hold", hold_fd);
	if (r >= 0)
		r = append_fd(m, "iommu", l->iommu_fd);
	/* More than fit come by Lease.OpenDevice, all of them. */
	for (size_t i = 0; r >= 0 && l->n_devices + 2 <= BUS_FDS_MAX && i < l->n_devices; i++)
		r = append_fd(m, l->devices[i].address, l->devices[i].fd);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_info_device(sd_bus_message *m, const struct bus_lease_device *d)
{
	int r = sd_bus_message_open_container(m, 'e', "sv");

	if (r >= 0)
		r = sd_bus_message_append(m, "s", d->address);
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'v', "a{sv}");
	if (r >= 0)
		r = bus_append_lease_device(m, d);
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_info(sd_bus_message *m, const struct bus_lease *l)
{
	int r = sd_bus_message_open_container(m, 'a', "{sv}");

	if (r >= 0)
		r = sd_bus_message_append(m, "{sv}{sv}", "backend", "s", l->backend, "handover",
			"s", l->handover);
	if (r >= 0 && l->ioas)
		r = sd_bus_message_append(m, "{sv}", "ioas-id", "u", l->ioas);
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'e', "sv");
	if (r >= 0)
		r = sd_bus_message_append(m, "s", "devices");
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'v', "a{sv}");
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'a', "{sv}");
	for (size_t i = 0; r >= 0 && i < l->n_devices; i++)
		r = append_info_device(m, &l->devices[i]);
	for (unsigned i = 0; r >= 0 && i < 4; i++)
		r = sd_bus_message_close_container(m);
	return r;
}

void bus_reply_acquired(struct bus_call *call, const struct bus_lease *l, int hold_fd)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	_cleanup_free_ char *path = bus_object_path(BUS_LEASE_PATH, l->id);
	int r = path ? sd_bus_message_new_method_return(call->message, &reply) : -ENOMEM;

	if (r >= 0)
		r = sd_bus_message_append(reply, "o", path);
	if (r >= 0)
		r = append_fds(reply, l, hold_fd);
	if (r >= 0)
		r = append_info(reply, l);
	bus_reply_built(call, reply, r);
}
