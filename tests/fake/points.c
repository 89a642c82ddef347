/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The steps other than kernel operations are caught where the daemon calls the C library or
 * libsystemd: the linker's --wrap sends those calls here.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "base/io.h"
#include "base/text.h"
#include "points.h"

#define POINT_MAX 256
#define EVENTS_MAX 16
/* As on a slow disk: whoever does not wait for a step to be done is past it when the kill comes. */
#define SLOW_USEC 20000
#define LEASE_SUFFIX ".json"

static struct {
	pthread_mutex_t lock;
	int trace; /* -1: none */
	const char *kill_file;
	char armed[POINT_MAX]; /* "" when nothing is */
	uint64_t left;
	int (*next)(void *userdata, const char *operation, const char *subject);
	void *next_userdata;
} points = {.lock = PTHREAD_MUTEX_INITIALIZER, .trace = -1};

/* The events of the journal's last write, until they are synced. Its writer is one thread. */
static char events[EVENTS_MAX][64];
static size_t n_events;

/* --- passing a point --- */

static void take_up_file(void)
{
	char line[POINT_MAX] = "", *blank;
	FILE *f = fopen(points.kill_file, "re");

	if (!f)
		return;
	if (fgets(line, sizeof(line), f) && (blank = strchr(line, ' '))) {
		*blank = '\0';
		line[1 + strcspn(blank + 1, "\n") + (size_t)(blank - line)] = '\0';
		if (parse_u64(line, &points.left) >= 0)
			strcpy(points.armed, blank + 1);
	}
	if (!*points.armed)
		fprintf(stderr, "DEVLEASE_KILL_FILE: '%s' makes no sense\n", line);
	fclose(f);
	unlink(points.kill_file);
}

static void pass(const char *step, const char *subject)
{
	char line[POINT_MAX];
	bool due;
	int n = snprintf(line, sizeof(line), "%s %s\n", step, *subject ? subject : "-");

	if (n <= 0 || n >= (int)sizeof(line))
		abort();
	pthread_mutex_lock(&points.lock);
	if (points.kill_file)
		take_up_file();
	if (points.trace >= 0 && write(points.trace, line, (size_t)n) < 0)
		perror("DEVLEASE_POINTS");
	line[n - 1] = '\0';
	due = *points.armed && streq(points.armed, line) && --points.left == 0;
	pthread_mutex_unlock(&points.lock);
	if (due) {
		usleep(SLOW_USEC);
		raise(SIGKILL);
	}
}

/* Being killed before one of these is being killed before what comes next. How often a group is
 * opened depends on when the client's last fd goes. */
static bool changes_nothing(const char *operation)
{
	static const char *const names[] = {"scan", "scan_device", "bridge_facts", "switches",
		"driver_get", "override_get", "hot_reset_info", "verify_fd", "group_open"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (streq(operation, names[i]))
			return true;
	return false;
}

static int gate(void *userdata, const char *operation, const char *subject)
{
	if (!changes_nothing(operation))
		pass(operation, subject);
	return points.next ? points.next(points.next_userdata, operation, subject) : 0;
}

int points_from_environment(struct host *h)
{
	const char *trace = getenv("DEVLEASE_POINTS");

	points.kill_file = getenv("DEVLEASE_KILL_FILE");
	if (trace) {
		points.trace = open(trace, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
		if (points.trace < 0)
			return -errno;
	}
	if (!trace && !points.kill_file)
		return 0;
	points.next = h->gate;
	points.next_userdata = h->gate_userdata;
	h->gate = gate;
	return 0;
}

/* --- the steps --- */

/* Files of the state: a lease's, or one of a fixed name. */
static const char *kind_of(const char *name)
{
	size_t n = strlen(name), suffix = strlen(LEASE_SUFFIX);

	if (*name != 'l')
		return name;
	return n > suffix && streq(name + n - suffix, LEASE_SUFFIX) ? "lease" : "hold";
}

int __real_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	pass("rename", kind_of(to));
	return __real_renameat(from_dir, from, to_dir, to);
}

int __real_unlinkat(int dir_fd, const char *name, int flags);
int __wrap_unlinkat(int dir_fd, const char *name, int flags);
int __wrap_unlinkat(int dir_fd, const char *name, int flags)
{
	/* What is left of a save that was cut short means nothing. */
	if (*name != '.')
		pass("unlink", kind_of(name));
	return __real_unlinkat(dir_fd, name, flags);
}

int __real_mkfifoat(int dir_fd, const char *name, mode_t mode);
int __wrap_mkfifoat(int dir_fd, const char *name, mode_t mode);
int __wrap_mkfifoat(int dir_fd, const char *name, mode_t mode)
{
	pass("mkfifo", kind_of(name));
	return __real_mkfifoat(dir_fd, name, mode);
}

static void read_events(const char *text, size_t size)
{
	const char *end;

	n_events = 0;
	for (; (end = memchr(text, '\n', size)); size -= (size_t)(end + 1 - text), text = end + 1) {
		json_t *record = json_loadb(text, (size_t)(end - text), 0, NULL);
		const char *name = json_string_value(json_object_get(record, "event"));

		if (name && n_events < EVENTS_MAX)
			snprintf(events[n_events++], sizeof(events[0]), "%s", name);
		json_decref(record);
	}
}

/* Only the journal's writer calls it from another file than its own. */
int __real_write_all(int fd, const void *data, size_t size);
int __wrap_write_all(int fd, const void *data, size_t size);
int __wrap_write_all(int fd, const void *data, size_t size)
{
	read_events(data, size);
	for (size_t i = 0; i < n_events; i++)
		pass("journal-write", events[i]);
	return __real_write_all(fd, data, size);
}

int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __wrap_fdatasync(int fd)
{
	for (size_t i = 0; i < n_events; i++)
		pass("journal-sync", events[i]);
	return __real_fdatasync(fd);
}

/* "FDSTORE device-...": without the lease's id, which is first in the name. */
static void pass_notify(const char *state)
{
	const char *name = strstr(state, "FDNAME="), *dot = name ? strchr(name, '.') : NULL;

	if (dot)
		pass(strncmp(state, "FDSTORE=", 8) == 0 ? "fdstore-push" : "fdstore-remove",
			dot + 1);
	else
		pass("notify", streq(state, "BARRIER=1") ? "BARRIER" : "-");
}

int __real_sd_pid_notify_with_fds(pid_t pid, int unset, const char *state, const int *fds,
	unsigned n);
int __wrap_sd_pid_notify_with_fds(pid_t pid, int unset, const char *state, const int *fds,
	unsigned n);
int __wrap_sd_pid_notify_with_fds(pid_t pid, int unset, const char *state, const int *fds,
	unsigned n)
{
	pass_notify(state);
	return __real_sd_pid_notify_with_fds(pid, unset, state, fds, n);
}

/* The reply to Acquire; what else is sent this way tells of things and changes none. */
int __real_sd_bus_send(sd_bus *bus, sd_bus_message *m, uint64_t *ret_cookie);
int __wrap_sd_bus_send(sd_bus *bus, sd_bus_message *m, uint64_t *ret_cookie);
int __wrap_sd_bus_send(sd_bus *bus, sd_bus_message *m, uint64_t *ret_cookie)
{
	const char *signature = sd_bus_message_get_signature(m, true);

	if (*signature == 'o')
		pass("reply", signature);
	return __real_sd_bus_send(bus, m, ret_cookie);
}

int __wrap_sd_bus_reply_method_return(sd_bus_message *call, const char *types, ...);
int __wrap_sd_bus_reply_method_return(sd_bus_message *call, const char *types, ...)
{
	va_list arguments;
	int r;

	pass("reply", types ? types : "");
	va_start(arguments, types);
	r = sd_bus_reply_method_returnv(call, types, arguments);
	va_end(arguments);
	return r;
}
