/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The processes whose open files are to be looked through, in an order that is fair: first those of
 * users who may open a node of the device, and among them each user's turn comes after as many fds
 * as any other's, his small processes first. So who floods the system with fds hides only himself.
 *
 * A user is the real uid, which no set-user-ID program that he starts changes by itself. Whether he
 * may open a node is told from its owner and mode. ACLs and capabilities do not count: the latter
 * anybody has in a user namespace of his own.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/array.h"
#include "base/io.h"
#include "base/text.h"
#include "host/use.h"

#define STATUS_MAX (1024 * 1024) /* 65536 supplementary groups */

/* Of one node. */
struct access {
	uid_t uid;
	gid_t gid;
	mode_t mode;
};

/* DEVNAME is the node's path in devtmpfs, which is not its name in sysfs: input/event3, event3. */
static bool find_access(const struct survey *s, const struct use_node *node, struct access *ret)
{
	_cleanup_free_ char *uevent = NULL;
	char path[HOST_PATH_MAX], *rest, *line;
	struct stat st;

	snprintf(path, sizeof(path), "dev/%s/%u:%u/uevent", node->block ? "block" : "char",
		major(node->rdev), minor(node->rdev));
	if (read_file_at(s->h->sysfs, path, 64 * 1024, &uevent, NULL) < 0)
		return false;
	for (rest = uevent; (line = strsep(&rest, "\n"));)
		if (strncmp(line, "DEVNAME=", 8) == 0)
			break;
	if (!line || fstatat(s->h->dev, line + 8, &st, AT_NO_AUTOMOUNT) < 0 ||
		st.st_rdev != node->rdev || S_ISBLK(st.st_mode) != node->block)
		return false;
	*ret = (struct access){st.st_uid, st.st_gid, st.st_mode};
	return true;
}

/* Without a node of it in /dev it is root's. */
static int find_accesses(const struct survey *s, struct access **ret, size_t *ret_n)
{
	struct access *all = calloc(s->n_nodes + 1, sizeof(*all));
	size_t n = 0;

	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < s->n_nodes; i++)
		n += find_access(s, &s->nodes[i], &all[n]);
	*ret = all;
	*ret_n = n;
	return 0;
}

/* "4 24 27 ", up to the end of the line. */
static bool has_group(const char *groups, gid_t wanted)
{
	while (*groups >= '0' && *groups <= '9') {
		char *end;

		if (strtoul(groups, &end, 10) == wanted)
			return true;
		groups = *end == ' ' ? end + 1 : end;
	}
	return false;
}

static bool may_open(const struct access *all, size_t n, uid_t uid, gid_t gid, const char *groups)
{
	for (size_t i = 0; i < n; i++)
		if (all[i].uid == uid || (all[i].mode & 0006) ||
			((all[i].mode & 0060) &&
				(all[i].gid == gid || has_group(groups, all[i].gid))))
			return true;
	return uid == 0;
}

/* The value of a line "KEY:\tVALUE", or "". The kernel escapes newlines in the process's name. */
static const char *value_of(const char *status, const char *key)
{
	const char *at = status;

	while (at && strncmp(at, key, strlen(key)) != 0) {
		at = strchr(at, '\n');
		at += at ? 1 : 0;
	}
	return at ? at + strlen(key) : "";
}

/*
 * FDSize is the size of the table, thus never less than the number of fds (fs/proc/array.c). Of a
 * leader that has exited it is 0 whatever the other threads have, so that it comes last. What has
 * no status is as if it were root's.
 */
static int read_process(int processes, const struct access *all, size_t n, struct use_process *p)
{
	_cleanup_free_ char *status = NULL;
	const char *groups;
	char path[64];
	gid_t gid;
	int r;

	snprintf(path, sizeof(path), "%s/status", p->pid);
	r = read_file_at(processes, path, STATUS_MAX, &status, NULL);
	if (r == -ENOMEM)
		return r;
	p->uid = (uid_t)strtoul(value_of(status, "Uid:\t"), NULL, 10);
	gid = (gid_t)strtoul(value_of(status, "Gid:\t"), NULL, 10);
	groups = value_of(status, "Groups:\t");
	p->may_open = may_open(all, n, p->uid, gid, groups);
	p->leader_gone = *value_of(status, "State:\t") == 'Z' &&
			 strtoul(value_of(status, "Threads:\t"), NULL, 10) > 1;
	p->turn = p->leader_gone ? UINT32_MAX : strtoul(value_of(status, "FDSize:\t"), NULL, 10);
	return 0;
}

static int append_process(struct use_processes *all, const char *pid)
{
	if (!array_reserve(all->items, all->n))
		return -ENOMEM;
	all->items[all->n] = (struct use_process){0};
	snprintf(all->items[all->n++].pid, sizeof(all->items->pid), "%s", pid);
	return 0;
}

static int compare_users(const void *left, const void *right)
{
	const struct use_process *a = left, *b = right;

	if (a->uid != b->uid)
		return a->uid < b->uid ? -1 : 1;
	return (a->turn > b->turn) - (a->turn < b->turn);
}

static int compare_turns(const void *left, const void *right)
{
	const struct use_process *a = left, *b = right;

	if (a->may_open != b->may_open)
		return a->may_open ? -1 : 1;
	return (a->turn > b->turn) - (a->turn < b->turn);
}

static void set_order(struct use_processes *all)
{
	qsort(all->items, all->n, sizeof(*all->items), compare_users);
	for (size_t i = 0; i < all->n; i++) {
		if (i == 0 || all->items[i].uid != all->items[i - 1].uid) {
			all->n_users++;
		} else {
			all->items[i].turn += all->items[i - 1].turn;
		}
		all->items[i].user = all->n_users - 1;
	}
	qsort(all->items, all->n, sizeof(*all->items), compare_turns);
}

/* Of the daemon itself are its claims. */
int survey_processes(struct survey *s, DIR *proc, struct use_processes *ret)
{
	_cleanup_free_ struct access *all = NULL;
	struct dirent *entry;
	char self[16];
	size_t n = 0;
	int r = find_accesses(s, &all, &n);

	snprintf(self, sizeof(self), "%d", (int)getpid());
	while (r >= 0 && (entry = survey_next(proc, &r))) {
		if (strspn(entry->d_name, "0123456789") != strlen(entry->d_name) ||
			strlen(entry->d_name) >= sizeof(ret->items->pid) ||
			streq(entry->d_name, self))
			continue;
		if (survey_now() > s->deadline)
			return -ETIME;
		r = append_process(ret, entry->d_name);
		if (r >= 0)
			r = read_process(dirfd(proc), all, n, &ret->items[ret->n - 1]);
	}
	if (r >= 0)
		set_order(ret);
	return r;
}
