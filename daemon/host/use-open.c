/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who has a device node open, as far as time and each user's share allow (use-process.c). A process's fds show the device's number whatever path or mount
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
 * Any user can have millions of fds to look through. What takes longer is given up, and so is what
 * the users who may not open a node have beyond their share: see take_process().
 */
#define OPEN_FILES_LIMIT_MSEC 4000
#define OTHERS_LIMIT_MSEC 1000
#define OTHERS_FDS 16384 /* of each user */

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

uint64_t survey_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* -ETIME when the time is over or the process's user has had his share. */
static int take_table(struct survey *s, int processes, const struct use_process *p,
	const char *path, size_t *budget)
{
	struct dirent *entry;
	DIR *stream;
	int r;

	stream = survey_open_directory(processes, path, &r);
	while (stream && r >= 0 && (entry = survey_next(stream, &r))) {
		const char *node;

		if (entry->d_name[0] == '.')
			continue;
		if (*budget == 0 || survey_now() > s->deadline) {
			r = -ETIME;
			break;
		}
		--*budget;
		node = node_of_fd(s, dirfd(stream), entry->d_name);
		if (node)
			r = note_open(s, processes, p->pid, node);
	}
	if (stream)
		closedir(stream);
	return r == -ENOENT || r == -ESRCH ? 0 : r;
}

/* When the first thread has exited the process shows none of its fds, but its other threads do. */
static int take_threads(struct survey *s, int processes, const struct use_process *p,
	size_t *budget)
{
	struct dirent *entry;
	char path[64];
	DIR *stream;
	int r;

	snprintf(path, sizeof(path), "%s/task", p->pid);
	stream = survey_open_directory(processes, path, &r);
	while (stream && r >= 0 && (entry = survey_next(stream, &r))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/task/%.16s/fd", p->pid, entry->d_name);
		r = take_table(s, processes, p, path, budget);
	}
	if (stream)
		closedir(stream);
	return r == -ENOENT || r == -ESRCH ? 0 : r;
}

/*
 * What could not be looked through counts as a user if its own user may open a node of the device:
 * he could as well just do that. Anybody else would keep the device from all by what he may do.
 */
static int take_process(struct survey *s, int processes, const struct use_process *p,
	size_t *budget)
{
	char path[64];
	int r;

	snprintf(path, sizeof(path), "%s/fd", p->pid);
	r = p->leader_gone ? take_threads(s, processes, p, budget) :
		take_table(s, processes, p, path, budget);
	if (r == -EACCES || r == -EPERM)
		return host_use_add(s->facts, HOST_USE_UNKNOWN_USERS,
			"processes whose files may not be listed");
	if (r == -ETIME)
		return p->may_open ? host_use_add(s->facts, HOST_USE_UNKNOWN_USERS,
			"pid %s of uid %u, which has more open files than can be looked through",
			p->pid, (unsigned)p->uid) : 0;
	return r;
}

static int take_processes(struct survey *s, int processes, const struct use_processes *all)
{
	_cleanup_free_ size_t *budgets = calloc(all->n_users + 1, sizeof(*budgets));
	bool others = false;
	int r = 0;

	if (!budgets)
		return -ENOMEM;
	for (size_t i = 0; i < all->n_users; i++)
		budgets[i] = OTHERS_FDS;
	for (size_t i = 0; r >= 0 && i < all->n; i++) {
		const struct use_process *p = &all->items[i];
		size_t unlimited = SIZE_MAX;

		if (!p->may_open && !others && s->deadline > survey_now() + OTHERS_LIMIT_MSEC)
			s->deadline = survey_now() + OTHERS_LIMIT_MSEC;
		others |= !p->may_open;
		r = take_process(s, processes, p, p->may_open ? &unlimited : &budgets[p->user]);
	}
	return r;
}

int survey_open_files(struct survey *s)
{
	struct use_processes all = {0};
	DIR *stream;
	int r;

	if (s->n_nodes == 0)
		return 0;
	s->deadline = survey_now() + OPEN_FILES_LIMIT_MSEC;
	stream = survey_open_directory(s->h->sysfs, "../proc", &r);
	if (!stream)
		return r;
	r = survey_processes(s, stream, &all);
	if (r >= 0)
		r = take_processes(s, dirfd(stream), &all);
	else if (r == -ETIME)
		r = host_use_add(s->facts, HOST_USE_UNKNOWN_USERS,
			"more processes than can be looked through");
	closedir(stream);
	free(all.items);
	return r;
}
