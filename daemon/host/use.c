/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Host use of a device: the survey, which explains, and the claim of its disks, which decides.
 *
 * Both run on a thread and not in the helper: they read the kernel's tables, and an open with
 * O_NONBLOCK that reads nothing from a disk waits at the longest for its driver's own error
 * handling, which is bounded. A claim has to end up in this process anyway.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/text.h"
#include "host/use.h"

/* Drivers that only keep others away (drivers/pci/pci-stub.c). */
static bool is_placeholder(const char *driver)
{
	return streq(driver, "pci-stub");
}

static int read_class(struct survey *s, const char *address, uint64_t *ret)
{
	_cleanup_free_ char *line = NULL;
	char path[HOST_PATH_MAX];
	int r = device_path(address, "/class", path);

	if (r >= 0)
		r = read_line_at(s->h->sysfs, path, &line);
	return r < 0 ? r : parse_hex(line, 0xffffff, ret);
}

/* Of the boot display firmware, and a console on it, draw without any driver (vgaarb.c). */
static int survey_display(struct survey *s, const char *address)
{
	_cleanup_free_ char *line = NULL;
	char path[HOST_PATH_MAX];
	int r = device_path(address, "/boot_vga", path);

	if (r < 0)
		return r;
	if (read_line_at(s->h->sysfs, path, &line) < 0 || !streq(line, "1"))
		return 0;
	return host_use_add(s->facts, HOST_USE_DISPLAY, "the boot display");
}

/*
 * A driver that shows nothing whose users could be listed has users all the same (a random number
 * generator, a DMA engine, a bus of sensors), and a network card without an interface has it in
 * another namespace.
 */
static int survey_driver(struct survey *s, const char *address, const char *driver)
{
	uint64_t class_code = 0;
	int r = read_class(s, address, &class_code);

	if (r == -ENOENT)
		r = 0;
	if (r >= 0 && !s->listed)
		r = host_use_add(s->facts, HOST_USE_UNKNOWN_USERS, "of the driver %s", driver);
	else if (r >= 0 && class_code >> 16 == 0x02 && !s->interfaces)
		r = host_use_add(s->facts, HOST_USE_UNKNOWN_USERS,
			"no network interface of %s is visible", driver);
	return r;
}

static int survey_all(struct survey *s, const char *address)
{
	_cleanup_free_ char *driver = NULL;
	int r = host_driver_get(&s->h->host, address, &driver);

	if (r >= 0)
		r = survey_display(s, address);
	if (r < 0 || !driver || is_placeholder(driver))
		return r;
	r = survey_walk(s, address);
	if (r >= 0)
		r = survey_driver(s, address, driver);
	if (r >= 0)
		r = survey_stack(s);
	if (r >= 0)
		r = survey_mounts(s);
	if (r >= 0)
		r = survey_swaps(s);
	if (r >= 0)
		r = survey_interfaces(s);
	if (r >= 0)
		r = survey_consoles(s);
	return r < 0 ? r : survey_open_files(s);
}

int host_host_use(struct host *h, const char *address, struct host_use_facts **ret)
{
	_cleanup_host_use_facts_free_ struct host_use_facts *facts = NULL;
	_cleanup_(survey_done) struct survey s = { .h = linux_host(h) };
	int r = host_use_facts_new(address, &facts);

	s.facts = facts;
	if (r >= 0)
		r = survey_all(&s, address);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(facts);
	return 0;
}

/* A node's name has '!' where its path has '/'. */
static int open_exclusively(struct linux_host *h, const struct use_node *node)
{
	_cleanup_free_ char *path = strdup(node->name);
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (!path)
		return -ENOMEM;
	for (char *p = path; (p = strchr(p, '!'));)
		*p = '/';
	fd = openat(h->dev, path,
		O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISBLK(st.st_mode) || st.st_rdev != node->rdev)
		return -ESTALE;
	return TAKE_FD(fd);
}

int host_block_claim(struct host *h, const char *address, int **ret_fds, size_t *ret_n)
{
	_cleanup_(survey_done) struct survey s = { .h = linux_host(h) };
	_cleanup_free_ int *fds = NULL;
	size_t n = 0;
	int r = survey_walk(&s, address);

	if (r < 0)
		return r;
	fds = calloc(s.n_nodes + 1, sizeof(*fds));
	if (!fds)
		return -ENOMEM;
	/* Whoever has a partition exclusively keeps others off the whole disk, and the reverse. */
	for (size_t i = 0; r >= 0 && i < s.n_nodes; i++) {
		if (!s.nodes[i].block || !s.nodes[i].whole)
			continue;
		r = open_exclusively(s.h, &s.nodes[i]);
		if (r >= 0)
			fds[n++] = r;
	}
	if (r < 0) {
		while (n > 0)
			close_fd(fds[--n]);
		return r;
	}
	*ret_fds = TAKE_PTR(fds);
	*ret_n = n;
	return 0;
}
