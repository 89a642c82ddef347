/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The walk below a device in sysfs. Whatever its driver made stands there as a directory with a
 * link `subsystem`: disks, interfaces, character devices, and the buses between. Each is one of
 * three: its users can be listed (disks, interfaces, everything with a device node), it has none of
 * its own (sensors, LEDs, buses), or, of any kind that is not known here, nobody can tell. That
 * third kind counts as used, so that a kind that is forgotten here refuses and never permits.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/io.h"
#include "base/text.h"
#include "host/use.h"

#define DEPTH_MAX 32

/* Without users of their own: what is used through them stands below them, or has a node. */
static const char *const passive[] = {
	"ata_device", "ata_link", "ata_port", "auxiliary", "backlight", "bdi", "drm", "enclosure",
	"fc_host", "fc_remote_ports", "fc_transport", "fc_vports", "graphics", "hdaudio", "hid",
	"hwmon", "i2c", "ieee80211", "input", "leds", "mdio_bus", "mmc", "mmc_host", "nvme",
	"nvme-generic", "nvme-subsystem", "pci", "pci_bus", "pci_express", "power_supply", "ptp",
	"raid_transport", "rfkill", "sas_device", "sas_end_device", "sas_expander", "sas_host",
	"sas_phy", "sas_port", "scsi", "scsi_device", "scsi_disk", "scsi_host", "serial-base",
	"sound", "spi_host", "spi_transport", "thermal", "tty", "usb", "virtio", "wakeup",
};
/* Their users are the disks below them, so that with none below they are idle. */
static const char *const controllers[] = { "mmc_host", "nvme", "scsi_host" };
/* They hold nobody's devices, only attributes, and many of them. */
static const char *const barren[] = {
	"integrity", "mq", "msi_irqs", "power", "queue", "queues", "slaves", "holders",
	"statistics", "trace", "iommu", "link",
};

static bool is_one_of(const char *name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (streq(names[i], name))
			return true;
	return false;
}
#define IS_ONE_OF(name, names) is_one_of(name, names, ARRAY_SIZE(names))

DIR *survey_open_directory(int dir, const char *path, int *ret_error)
{
	int fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);

	*ret_error = stream ? 0 : -errno;
	if (!stream)
		close_fd(fd);
	return stream;
}

struct dirent *survey_next(DIR *stream, int *ret_error)
{
	struct dirent *entry;

	errno = 0;
	entry = readdir(stream);
	if (!entry && errno != 0)
		*ret_error = -errno;
	return entry;
}

int survey_unreadable(struct survey *s, const char *path, int error)
{
	if (error == -ENOMEM)
		return error;
	return host_use_add(s->facts, HOST_USE_UNKNOWN_USERS, "%s, which cannot be read: %s",
		path + strlen("../proc/"), errno_name(-error));
}

bool survey_has_node(const struct survey *s, dev_t rdev, bool block)
{
	for (size_t i = 0; i < s->n_nodes; i++)
		if (s->nodes[i].rdev == rdev && s->nodes[i].block == block)
			return true;
	return false;
}

int survey_add_node(struct survey *s, int dir, const char *name, bool block)
{
	struct use_node node = { .block = block };
	int r = sysfs_read_rdev(dir, "dev", &node.rdev);

	if (r == -ENOENT || (r >= 0 && survey_has_node(s, node.rdev, block)))
		return 0;
	if (r >= 0 && s->n_nodes == SURVEY_NODES_MAX)
		r = -E2BIG;
	if (r < 0)
		return r;
	node.whole = block && faccessat(dir, "partition", F_OK, 0) < 0;
	if (!array_reserve(s->nodes, s->n_nodes))
		return -ENOMEM;
	r = strdup_to(&node.name, name);
	s->nodes[s->n_nodes++] = node;
	s->listed = true;
	return r;
}

void survey_done(struct survey *s)
{
	for (size_t i = 0; i < s->n_nodes; i++)
		free(s->nodes[i].name);
	free(s->nodes);
	strv_free(s->interfaces);
}

static int note_use(struct survey *s, enum host_use_class class, const char *what, const char *name)
{
	return s->facts ? host_use_add(s->facts, class, "%s%s", what, name) : 0;
}

/*
 * With native multipath, which Debian's kernels have, the disk of an nvme stands not below the
 * device but in its subsystem: virtual/nvme-subsystem/nvme-subsys0/nvme0n1, beside the link nvme0
 * (drivers/nvme/host/multipath.c).
 */
static int take_nvme_disks(struct survey *s, const char *subsystem, const char *controller)
{
	char path[HOST_PATH_MAX];
	struct dirent *entry;
	DIR *stream;
	int r = 0;

	if (snprintf(path, sizeof(path), "class/nvme-subsystem/%s/%s", subsystem, controller) >=
		(int)sizeof(path))
		return -ENAMETOOLONG;
	if (faccessat(s->h->sysfs, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	path[strlen(path) - strlen(controller)] = '\0';
	stream = survey_open_directory(s->h->sysfs, path, &r);
	while (stream && r >= 0 && (entry = survey_next(stream, &r))) {
		_cleanup_free_ char *kind = NULL;
		_cleanup_close_ int dir = -1;

		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		dir = openat(dirfd(stream), entry->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (dir < 0 || read_link_name_at(dir, "subsystem", &kind) < 0)
			continue;
		r = survey_add_node(s, dir, entry->d_name, streq(kind, "block"));
	}
	if (stream)
		closedir(stream);
	return r == -ENOENT ? 0 : r;
}

static int take_nvme(struct survey *s, const char *controller)
{
	struct dirent *entry;
	int r;
	DIR *stream = survey_open_directory(s->h->sysfs, "class/nvme-subsystem", &r);

	while (stream && r >= 0 && (entry = survey_next(stream, &r)))
		if (entry->d_name[0] != '.')
			r = take_nvme_disks(s, entry->d_name, controller);
	if (stream)
		closedir(stream);
	return r == -ENOENT ? 0 : r;
}

/*
 * The keys 1 to 31 are Escape, digits and letters: a keyboard, by the rule that udev's input_id has
 * too. The kernel's console takes each one, without anybody having its node open.
 */
static int take_input(struct survey *s, int dir, const char *name)
{
	const unsigned long letters = 0xfffffffe;
	_cleanup_free_ char *keys = NULL;
	const char *last;

	if (read_line_at(dir, "capabilities/key", &keys) < 0)
		return 0;
	last = strrchr(keys, ' ');
	if ((strtoul(last ? last + 1 : keys, NULL, 16) & letters) != letters)
		return 0;
	return note_use(s, HOST_USE_CONSOLE, "keyboard ", name);
}

static int take_device(struct survey *s, int dir, const char *name, const char *kind)
{
	bool has_driver = faccessat(dir, "driver", F_OK, AT_SYMLINK_NOFOLLOW) == 0;

	if (streq(kind, "net")) {
		s->listed = true;
		return strv_append(&s->interfaces, name);
	}
	/* A disk that is the path of another one has no number, and nobody can open it. */
	if (streq(kind, "block"))
		return survey_add_node(s, dir, name, true);
	s->listed |= IS_ONE_OF(kind, controllers);
	/* fbcon takes the first one. */
	if (streq(kind, "graphics") && streq(name, "fb0")) {
		int r = note_use(s, HOST_USE_DISPLAY, "", name);

		if (r < 0)
			return r;
	}
	if (faccessat(dir, "dev", F_OK, 0) == 0) {
		int r = survey_add_node(s, dir, name, false);

		return r >= 0 && streq(kind, "nvme") ? take_nvme(s, name) : r;
	}
	if (streq(kind, "input"))
		return take_input(s, dir, name);
	/* A client on an i2c bus that a driver has is that driver's, which shows no users. */
	if (!IS_ONE_OF(kind, passive) || (streq(kind, "i2c") && has_driver))
		return s->facts ? host_use_add(s->facts, HOST_USE_UNKNOWN_USERS, "%s (%s)", name,
			kind) : 0;
	return 0;
}

/*
 * An interface in another network namespace is not shown, but it still counts as a subdirectory in
 * the number of links (fs/kernfs/inode.c: kernfs_refresh_inode), so that hidden ones can be told.
 */
static int count_hidden(struct survey *s, int dir, unsigned visible)
{
	struct stat st;

	if (!s->facts || fstat(dir, &st) < 0 || st.st_nlink < 2 || st.st_nlink - 2 <= visible)
		return 0;
	return host_use_add(s->facts, HOST_USE_UNKNOWN_USERS,
		"an interface in another network namespace");
}

static int walk(struct survey *s, int parent, const char *name, unsigned depth);

static int walk_children(struct survey *s, DIR *stream, unsigned depth, unsigned *ret_directories)
{
	struct dirent *entry;
	int r = 0;

	while (r >= 0 && (entry = survey_next(stream, &r))) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		(*ret_directories)++;
		if (!IS_ONE_OF(entry->d_name, barren))
			r = walk(s, dirfd(stream), entry->d_name, depth + 1);
		/* A directory that is gone by now belongs to nothing that is used. */
		if (r == -ENOENT || r == -ENODEV)
			r = 0;
	}
	return r;
}

static int walk(struct survey *s, int parent, const char *name, unsigned depth)
{
	_cleanup_free_ char *kind = NULL;
	unsigned directories = 0;
	DIR *stream;
	int r;

	if (depth > DEPTH_MAX || ++s->visited > SURVEY_DIRECTORIES_MAX)
		return -E2BIG;
	stream = survey_open_directory(parent, name, &r);
	if (!stream)
		return r;
	r = read_link_name_at(dirfd(stream), "subsystem", &kind);
	if (r == -ENOENT)
		r = 0;
	else if (r >= 0 && depth > 0)
		r = take_device(s, dirfd(stream), name, kind);
	if (r >= 0)
		r = walk_children(s, stream, depth, &directories);
	if (r >= 0 && !kind && streq(name, "net"))
		r = count_hidden(s, dirfd(stream), directories);
	closedir(stream);
	return r;
}

int survey_walk(struct survey *s, const char *address)
{
	char path[HOST_PATH_MAX];
	int r = device_path(address, "", path);

	if (r < 0)
		return r;
	r = walk(s, s->h->sysfs, path, 0);
	return r == -ENOENT ? -ENODEV : r;
}
