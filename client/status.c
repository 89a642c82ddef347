/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Errors to exit statuses. Nothing that came over the bus reaches the terminal unescaped. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "ctl.h"
#include "status.h"

static const struct {
	const char *name;
	int status;
} statuses[] = {
	{"org.devlease1.Error.Denied", STATUS_REFUSED},
	{"org.devlease1.Error.NotIsolated", STATUS_REFUSED},
	{"org.devlease1.Error.ResetSetShared", STATUS_REFUSED},
	{"org.devlease1.Error.InUse", STATUS_REFUSED},
	{"org.devlease1.Error.Quarantined", STATUS_REFUSED},
	{"org.devlease1.Error.LimitsExceeded", STATUS_REFUSED},
	{SD_BUS_ERROR_ACCESS_DENIED, STATUS_REFUSED},
	{"org.devlease1.Error.Busy", STATUS_BUSY},
	{SD_BUS_ERROR_SERVICE_UNKNOWN, STATUS_UNREACHABLE},
	{SD_BUS_ERROR_NAME_HAS_NO_OWNER, STATUS_UNREACHABLE},
	{SD_BUS_ERROR_NO_REPLY, STATUS_UNREACHABLE},
	{SD_BUS_ERROR_TIMEOUT, STATUS_UNREACHABLE},
	{SD_BUS_ERROR_DISCONNECTED, STATUS_UNREACHABLE},
	{SD_BUS_ERROR_NO_SERVER, STATUS_UNREACHABLE},
	{"org.freedesktop.DBus.Error.TimedOut", STATUS_UNREACHABLE},
	{"org.freedesktop.systemd1.NoSuchUnit", STATUS_UNREACHABLE},
	{"org.freedesktop.systemd1.UnitMasked", STATUS_UNREACHABLE},
	{"System.Error.ECONNREFUSED", STATUS_UNREACHABLE},
	{"System.Error.ECONNRESET", STATUS_UNREACHABLE},
	{"System.Error.ENOTCONN", STATUS_UNREACHABLE},
	{"System.Error.EHOSTDOWN", STATUS_UNREACHABLE},
	{"System.Error.ETIMEDOUT", STATUS_UNREACHABLE},
};

int status_from_error_name(const char *name)
{
	static const char spawn[] = "org.freedesktop.DBus.Error.Spawn.";

	if (!name)
		return STATUS_FAILED;
	if (strncmp(name, spawn, strlen(spawn)) == 0)
		return STATUS_UNREACHABLE;
	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++)
		if (streq(statuses[i].name, name))
			return statuses[i].status;
	return STATUS_FAILED;
}

static void say_lines(const char *message)
{
	for (const char *line = message; *line;) {
		size_t n = strcspn(line, "\n");
		_cleanup_free_ char *safe = escape_text(line, n);

		if (n > 0)
			fprintf(stderr, "devleasectl: %s\n", safe ? safe : "out of memory");
		line += n + (line[n] == '\n');
	}
}

int fail(int status, const char *format, ...)
{
	_cleanup_free_ char *message = NULL;
	va_list args;
	int n;

	fflush(stdout);
	va_start(args, format);
	n = vasprintf(&message, format, args);
	va_end(args);
	if (n < 0)
		message = NULL;
	say_lines(message ? message : "out of memory");
	return status;
}

int fail_oom(void)
{
	return fail(STATUS_FAILED, "out of memory");
}

int fail_call(const sd_bus_error *e, int r)
{
	const char *name = NULL, *message = NULL;
	char from_errno[64];
	int status;

	if (e && sd_bus_error_is_set(e)) {
		name = e->name;
		message = e->message;
	} else {
		snprintf(from_errno, sizeof(from_errno), "System.Error.%s", errno_name(-r));
		name = from_errno;
	}
	status = status_from_error_name(name);
	if (!message || !*message)
		message = r < 0 ? strerror(-r) : name;
	if (status == STATUS_UNREACHABLE)
		return fail(status, "cannot reach devleased: %s\n"
			"see systemctl status devleased", message);
	return fail(status, "%s", message);
}
