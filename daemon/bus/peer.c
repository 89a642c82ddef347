/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * GetConnectionCredentials and what /proc says of the process. /proc is read under one directory
 * fd of the process, and its start time is compared before and after, so that a pid that was used
 * again is noticed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-login.h>
#include <unistd.h>

#include "base/io.h"
#include "base/text.h"
#include "bus/peer.h"

#define IDENTIFY_TIMEOUT_USEC (5 * 1000000ULL)

struct peer *peer_free(struct peer *p)
{
	if (!p)
		return NULL;
	free(p->name);
	free(p->gids);
	free(p->unit);
	free(p->exe);
	free(p);
	return NULL;
}

static int read_gids(sd_bus_message *m, struct peer *p)
{
	const void *data;
	size_t size;
	int r = sd_bus_message_read_array(m, 'u', &data, &size);

	if (r < 0)
		return r;
	p->gids = malloc(size ? size : 1);
	if (!p->gids)
		return -ENOMEM;
	memcpy(p->gids, data, size);
	p->n_gids = size / sizeof(gid_t);
	p->gids_known = true;
	return 0;
}

static int read_credential(sd_bus_message *m, const char *key, const char *type, struct peer *p)
{
	uint32_t u;
	int r;

	if (streq(key, "UnixGroupIDs") && streq(type, "au")) {
		r = sd_bus_message_enter_container(m, 'v', "au");
		if (r >= 0)
			r = read_gids(m, p);
		return r < 0 ? r : sd_bus_message_exit_container(m);
	}
	if (!streq(type, "u"))
		return sd_bus_message_skip(m, "v");
	r = sd_bus_message_read(m, "v", "u", &u);
	if (r < 0)
		return r;
	if (streq(key, "UnixUserID"))
		p->uid = u;
	else if (streq(key, "ProcessID"))
		p->pid = u;
	return 0;
}

static int read_credentials(sd_bus_message *m, struct peer *p)
{
	int r = sd_bus_message_enter_container(m, 'a', "{sv}");

	if (r < 0)
		return r;
	while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
		const char *key, *type;

		r = sd_bus_message_read(m, "s", &key);
		if (r >= 0)
			r = sd_bus_message_peek_type(m, NULL, &type);
		if (r >= 0)
			r = read_credential(m, key, type, p);
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
		if (r < 0)
			return r;
	}
	return r;
}

/* Field 22 of /proc/PID/stat; the name in field 2 may hold blanks and parentheses. */
static uint64_t process_start_time(int proc_fd)
{
	_cleanup_free_ char *stat = NULL;
	unsigned long long t = 0;
	const char *s;

	if (read_line_at(proc_fd, "stat", &stat) < 0)
		return 0;
	s = strrchr(stat, ')');
	if (!s || sscanf(s + 1, " %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
				" %*s %*s %*s %llu", &t) != 1)
		return 0;
	return t;
}

static void read_loginuid(int proc_fd, struct peer *p)
{
	_cleanup_free_ char *s = NULL;
	uint64_t v;

	if (read_line_at(proc_fd, "loginuid", &s) < 0 || parse_u64(s, &v) < 0 || v > UINT32_MAX)
		return;
	p->loginuid = v;
	p->loginuid_known = v != UINT32_MAX;
}

static void read_exe(int proc_fd, struct peer *p)
{
	char target[4096];
	ssize_t n = readlinkat(proc_fd, "exe", target, sizeof(target) - 1);

	if (n > 0) {
		target[n] = '\0';
		p->exe = strdup(target);
	}
}

void peer_describe(struct peer *p)
{
	_cleanup_free_ char *unit = NULL;
	_cleanup_close_ int proc_fd = -1;
	char path[32];
	struct stat st;
	int r;

	if (p->pid <= 0)
		return;
	snprintf(path, sizeof(path), "/proc/%d", (int)p->pid);
	proc_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (proc_fd < 0 || fstat(proc_fd, &st) < 0 || st.st_uid != p->uid)
		return;
	p->start_time = process_start_time(proc_fd);
	if (!p->start_time)
		return;
	read_exe(proc_fd, p);
	read_loginuid(proc_fd, p);
	r = sd_pid_get_unit(p->pid, &unit);
	/* -ENODATA: in no unit, as a process in a container. */
	if (r < 0 && r != -ENODATA)
		return;
	/* Still the same process: proc_fd's files vanish with it. */
	if (process_start_time(proc_fd) != p->start_time)
		return;
	p->unit = TAKE_PTR(unit);
	p->unit_known = true;
}

int peer_identify(sd_bus *bus, const char *unique_name, struct peer **ret)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
	_cleanup_(peer_free_cleanup) struct peer *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	p->uid = (uid_t)-1;
	p->loginuid = UINT32_MAX;
	r = strdup_to(&p->name, unique_name);
	if (r < 0)
		return r;
	r = sd_bus_message_new_method_call(bus, &call, "org.freedesktop.DBus",
		"/org/freedesktop/DBus", "org.freedesktop.DBus", "GetConnectionCredentials");
	if (r < 0)
		return r;
	r = sd_bus_message_append(call, "s", unique_name);
	if (r < 0)
		return r;
	r = sd_bus_call(bus, call, IDENTIFY_TIMEOUT_USEC, NULL, &reply);
	if (r < 0)
		return r;
	r = read_credentials(reply, p);
	if (r < 0)
		return r;
	if (p->uid == (uid_t)-1)
		return -ENODATA;
	*ret = TAKE_PTR(p);
	return 0;
}
