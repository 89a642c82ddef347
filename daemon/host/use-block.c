/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The stack on a device's block devices, up through dm, md, LVM, bcache and loop, and what is
 * mounted from it or swapped to. It explains; what decides is the exclusive open of the disks
 * (use.c), since mounts in other namespaces are not to be seen here.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/io.h"
#include "base/text.h"
#include "host/use.h"

#define MOUNTINFO_MAX (64 * 1024 * 1024) /* a machine of containers has tens of thousands */
#define SWAPS_MAX (1024 * 1024)

static int open_block(struct survey *s, const char *name)
{
	char path[HOST_PATH_MAX];
	int fd;

	if (snprintf(path, sizeof(path), "class/block/%s", name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = openat(s->h->sysfs, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int note_holder(struct survey *s, int dir, const char *name, const char *below)
{
	_cleanup_free_ char *mapping = NULL;

	if (read_line_at(dir, "dm/name", &mapping) < 0)
		return host_use_add(s->facts, HOST_USE_HOLDER, "%s on %s", name, below);
	return host_use_add(s->facts, HOST_USE_HOLDER, "%s (%s) on %s", name, mapping, below);
}

/* Those of a RAID, or of a disk that stands elsewhere in sysfs than its device. */
static int add_partitions(struct survey *s, int dir)
{
	struct dirent *entry;
	int r;
	DIR *stream = survey_open_directory(dir, ".", &r);

	while (stream && r >= 0 && (entry = survey_next(stream, &r))) {
		_cleanup_close_ int partition = -1;

		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		partition = openat(dirfd(stream), entry->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (partition >= 0 && faccessat(partition, "partition", F_OK, 0) == 0)
			r = survey_add_node(s, partition, entry->d_name, true);
	}
	if (stream)
		closedir(stream);
	return r == -ENOENT ? 0 : r;
}

static int add_upper(struct survey *s, const char *name, const char *below)
{
	_cleanup_close_ int dir = open_block(s, name);
	int r;

	if (dir < 0)
		return dir == -ENOENT ? 0 : dir;
	r = note_holder(s, dir, name, below);
	return r < 0 ? r : survey_add_node(s, dir, name, true);
}

/* Its partitions, and what stands on it. The nodes may move meanwhile, so that name is a copy. */
static int add_around(struct survey *s, const char *node)
{
	_cleanup_free_ char *name = strdup(node);
	_cleanup_close_ int dir = -1;
	struct dirent *entry;
	DIR *stream;
	int r;

	if (!name)
		return -ENOMEM;
	dir = open_block(s, name);
	if (dir < 0)
		return dir == -ENOENT ? 0 : dir;
	r = add_partitions(s, dir);
	if (r < 0)
		return r;
	stream = survey_open_directory(dir, "holders", &r);
	while (stream && r >= 0 && (entry = survey_next(stream, &r)))
		if (entry->d_name[0] != '.')
			r = add_upper(s, entry->d_name, name);
	if (stream)
		closedir(stream);
	return r == -ENOENT ? 0 : r;
}

static const char *block_name(const struct survey *s, dev_t rdev)
{
	for (size_t i = 0; i < s->n_nodes; i++)
		if (s->nodes[i].block && s->nodes[i].rdev == rdev)
			return s->nodes[i].name;
	return NULL;
}

/* A node's name has '!' where its path has '/'. */
static bool is_path_of(const char *name, const char *path)
{
	while (*name && (*name == *path || (*name == '!' && *path == '/'))) {
		name++;
		path++;
	}
	return *name == *path;
}

/*
 * The block device with this path: its name in devtmpfs, or that of a mapping. The text is anybody's
 * choice (the source of a FUSE mount, a file of another mount namespace), so that it is only
 * compared, and never looked up.
 */
static const char *block_by_path(const struct survey *s, const char *path)
{
	if (strncmp(path, "/dev/", 5) != 0)
		return NULL;
	for (size_t i = 0; i < s->n_nodes; i++) {
		_cleanup_free_ char *mapping = NULL;
		const struct use_node *node = &s->nodes[i];
		char name[HOST_PATH_MAX];

		if (!node->block)
			continue;
		if (is_path_of(node->name, path + 5))
			return node->name;
		if (strncmp(path, "/dev/mapper/", 12) != 0 ||
			snprintf(name, sizeof(name), "class/block/%s/dm/name", node->name) >=
				(int)sizeof(name))
			continue;
		if (read_line_at(s->h->sysfs, name, &mapping) >= 0 && streq(mapping, path + 12))
			return node->name;
	}
	return NULL;
}

/*
 * A loop device holds what it stands on neither exclusively nor by any process's fd. It is not asked
 * (LOOP_GET_STATUS64), since the driver then asks the file's server, which may never answer. A file
 * that is on a file system is found by that one's mount.
 */
static int add_loop(struct survey *s, const char *name)
{
	_cleanup_free_ char *backing = NULL;
	char path[HOST_PATH_MAX];
	const char *below;
	int r;

	if (snprintf(path, sizeof(path), "class/block/%s/loop/backing_file", name) >=
		(int)sizeof(path))
		return 0;
	/* A loop device that stands on nothing has no such directory. */
	r = read_line_at(s->h->sysfs, path, &backing);
	if (r == -ENOENT || r == -ENODEV)
		return 0;
	if (r < 0)
		return host_use_add(s->facts, HOST_USE_UNKNOWN_USERS, "%s, which cannot be asked: %s",
			name, errno_name(-r));
	below = block_by_path(s, backing);
	return below ? add_upper(s, name, below) : 0;
}

static int add_loops(struct survey *s)
{
	struct dirent *entry;
	int r;
	DIR *stream = survey_open_directory(s->h->sysfs, "class/block", &r);

	while (stream && r >= 0 && (entry = survey_next(stream, &r)))
		if (strncmp(entry->d_name, "loop", 4) == 0)
			r = add_loop(s, entry->d_name);
	if (stream)
		closedir(stream);
	return r == -ENOENT ? 0 : r;
}

static bool has_block(const struct survey *s)
{
	for (size_t i = 0; i < s->n_nodes; i++)
		if (s->nodes[i].block)
			return true;
	return false;
}

/* Whatever is found is appended and looked at in its turn, loops after all the rest. */
int survey_stack(struct survey *s)
{
	size_t i = 0, before;
	int r = 0;

	do {
		for (; r >= 0 && i < s->n_nodes; i++)
			if (s->nodes[i].block)
				r = add_around(s, s->nodes[i].name);
		before = s->n_nodes;
		if (r >= 0 && has_block(s))
			r = add_loops(s);
	} while (r >= 0 && s->n_nodes > before);
	return r;
}

/* In place: blanks and the like are octal in /proc's tables (fs/seq_file.c: mangle_path). */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; to++) {
		unsigned value;

		if (s[0] == '\\' && strspn(s + 1, "01234567") >= 3 && sscanf(s + 1, "%3o", &value) == 1) {
			*to = (char)value;
			s += 4;
		} else {
			*to = *s++;
		}
	}
	*to = '\0';
}

/*
 * "36 35 98:0 /root /mount/point OPTIONS [FIELDS...] - TYPE SOURCE SUPER-OPTIONS", proc(5). btrfs
 * and bcachefs have a device number of their own, of major 0, so there the source has to tell. Of
 * the others with major 0 it tells nothing: who mounts a FUSE file system may choose it freely.
 */
static const char *block_of_mount(const struct survey *s, dev_t number, const char *type,
	char *source)
{
	const char *name = NULL, *path;

	if (major(number) != 0)
		return block_name(s, number);
	if (streq(type, "btrfs"))
		return block_by_path(s, source);
	if (!streq(type, "bcachefs"))
		return NULL;
	while (!name && (path = strsep(&source, ":")))
		name = block_by_path(s, path);
	return name;
}

static int take_mount(struct survey *s, char *line)
{
	char *end = strstr(line, " - "), *point, *type, *source, *save;
	unsigned major, minor;
	const char *name;

	if (!end || sscanf(line, "%*u %*u %u:%u", &major, &minor) != 2)
		return 0;
	*end = '\0';
	for (int i = 0; i < 5; i++)
		point = strtok_r(i ? NULL : line, " ", &save);
	type = strtok_r(end + 3, " ", &save);
	source = strtok_r(NULL, " ", &save);
	if (!point || !source)
		return 0;
	unescape(source);
	name = block_of_mount(s, makedev(major, minor), type, source);
	if (!name)
		return 0;
	unescape(point);
	return host_use_add(s->facts, HOST_USE_MOUNTED, "%s from %s", point, name);
}

static int take_mounts(struct survey *s, const char *path)
{
	_cleanup_free_ char *table = NULL;
	char *rest, *line;
	int r = read_file_at(s->h->sysfs, path, MOUNTINFO_MAX, &table, NULL);

	if (r < 0)
		return survey_unreadable(s, path, r);
	for (rest = table; r >= 0 && (line = strsep(&rest, "\n"));)
		r = take_mount(s, line);
	return r;
}

/* Of PID 1's namespace, which is the host's, and of our own, which may be narrower. */
int survey_mounts(struct survey *s)
{
	int r = take_mounts(s, "../proc/self/mountinfo");

	return r < 0 ? r : take_mounts(s, "../proc/1/mountinfo");
}

/* "/dev/nvme0n1p3 partition 8388604 0 -2" after a line of headings. A file is on a mounted disk. */
int survey_swaps(struct survey *s)
{
	_cleanup_free_ char *table = NULL;
	char *rest, *line;
	int r = read_file_at(s->h->sysfs, "../proc/swaps", SWAPS_MAX, &table, NULL);

	/* Without it the kernel has no swap. */
	if (r < 0)
		return r == -ENOENT ? 0 : survey_unreadable(s, "../proc/swaps", r);
	for (rest = table; r >= 0 && (line = strsep(&rest, "\n"));) {
		const char *name;

		line[strcspn(line, " \t")] = '\0';
		unescape(line);
		name = block_by_path(s, line);
		if (name)
			r = host_use_add(s->facts, HOST_USE_SWAP, "%s", name);
	}
	return r;
}
