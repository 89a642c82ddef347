/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who has a device node open. A process's fds show the device's number whatever path or mount
 * namespace the node was opened in. Not to be seen are a node that is only mapped, and one in an
 * io_uring or on its way through a socket.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/text.h"
#include "host/use.h"

#define CONSOLES_MAX (64 * 1024)
/*
 * Any user can have millions of fds to look through. What takes longer than this is given up, and
 * the device counts as used: refused in time, and no thread for ever.
 */
#define OPEN_FILES_LIMIT_SEC 5

static const char *node_name(const struct survey *s, dev_t rdev, bool block)
{
	for (size_t i = 0; i < s->n_nodes; i++)
		if (s->nodes[i].rdev == rdev && s->nodes[i].block == block)
			return s->nodes[i].name;
	return NULL;
}

/* "ttyS0 -W- (EC p a) 4:64": the kernel writes there without an open file. */
int survey_consoles(struct survey *s)
{
	_cleanup_free_ char *table = NULL;
	char *rest, *line;
	int r = 0;

	if (read_file_at(s->h->sysfs, "../proc/consoles", CONSOLES_MAX, &table, NULL) < 0)
		return 0;
	for (rest = table; r >= 0 && (line = strsep(&rest, "\n"));) {
		const char *last = strrchr(line, ' '), *name;
		unsigned major, minor;

		if (!last || sscanf(last, " %u:%u", &major, &minor) != 2)
			continue;
		name = node_name(s, makedev(major, minor), false);
		if (name)
			r = host_use_add(s->facts, HOST_USE_CONSOLE, "console %s", name);
	}
	return r;
}

/*
 * The node behind an fd, or NULL. The link's text sorts out sockets, pipes and the like; the number
 * comes with AT_STATX_DONT_SYNC, so that no file server is asked that may never answer.
 */
static const char *node_of_fd(const struct survey *s, int fds, const char *fd)
{
	struct statx st;
	char first;

	if (readlinkat(fds, fd, &first, 1) != 1 || first != '/' ||
		statx(fds, fd, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE, &st) < 0 ||
		!(S_ISBLK(st.stx_mode) || S_ISCHR(st.stx_mode)))
		return NULL;
	return node_name(s, makedev(st.stx_rdev_major, st.stx_rdev_minor), S_ISBLK(st.stx_mode));
}

static int note_open(struct survey *s, int processes, const char *pid, const char *node)
{
	_cleanup_free_ char *command = NULL;
	char path[64];

	snprintf(path, sizeof(path), "%.16s/comm", pid);
	(void)read_line_at(processes, path, &command);
	return host_use_add(s->facts, HOST_USE_OPEN, "%s by %s (pid %s)", node,
		command ? command : "a process", pid);
}

static time_t now_sec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return now.tv_sec;
}

static int take_process(struct survey *s, int processes, const char *pid)
{
	struct dirent *entry;
	char path[64];
	DIR *stream;
	int r;

	snprintf(path, sizeof(path), "%.16s/fd", pid);
	stream = survey_open_directory(processes, path, &r);
	while (stream && r >= 0 && (entry = readdir(stream))) {
		const char *node = entry->d_name[0] == '.' ? NULL :
			node_of_fd(s, dirfd(stream), entry->d_name);

		if (now_sec() > s->deadline)
			r = -ETIME;
		if (node)
			r = note_open(s, processes, pid, node);
	}
	if (stream)
		closedir(stream);
	if (r == -EACCES || r == -EPERM)
		return host_use_add(s->facts, HOST_USE_UNKNOWN_USERS,
			"processes whose files may not be listed");
	return r == -ENOENT || r == -ESRCH ? 0 : r;
}

/* Of the daemon itself are the loop devices that a survey asks, and claims. */
int survey_open_files(struct survey *s)
{
	struct dirent *entry;
	char self[16];
	DIR *stream;
	int r;

	if (s->n_nodes == 0)
		return 0;
	snprintf(self, sizeof(self), "%d", (int)getpid());
	s->deadline = now_sec() + OPEN_FILES_LIMIT_SEC;
	stream = survey_open_directory(s->h->sysfs, "../proc", &r);
	while (stream && r >= 0 && (entry = readdir(stream)))
		if (strspn(entry->d_name, "0123456789") == strlen(entry->d_name) &&
			!streq(entry->d_name, self))
			r = take_process(s, dirfd(stream), entry->d_name);
	if (stream)
		closedir(stream);
	if (r == -ETIME)
		return host_use_add(s->facts, HOST_USE_UNKNOWN_USERS,
			"more open files than can be looked through");
	return r;
}
