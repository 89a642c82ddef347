/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Network interfaces of a device: up with an address, the default route, bonds, bridges, VLANs. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"
#include "base/text.h"
#include "host/use.h"

#define ROUTES_MAX (64 * 1024 * 1024)

/* Any address counts, a link-local one too: somebody has set the interface up. */
static bool has_address(const struct ifaddrs *all, const char *name)
{
	for (const struct ifaddrs *a = all; a; a = a->ifa_next)
		if (a->ifa_addr && streq(a->ifa_name, name) &&
			(a->ifa_addr->sa_family == AF_INET || a->ifa_addr->sa_family == AF_INET6))
			return true;
	return false;
}

/* "eth0 00000000 0102A8C0 0003 0 0 100 00000000 ...": destination and mask are 0. */
static bool has_ipv4_default(char *table, const char *name)
{
	char *line, interface[64], destination[16], mask[16];

	while ((line = strsep(&table, "\n")))
		if (sscanf(line, "%63s %15s %*s %*s %*s %*s %*s %15s", interface, destination,
			    mask) == 3 && streq(interface, name) &&
			strspn(destination, "0") == 8 && strspn(mask, "0") == 8)
			return true;
	return false;
}

/* Destination and its length come first, the interface last. */
static bool has_ipv6_default(char *table, const char *name)
{
	char *line, destination[40], length[8], interface[64];

	while ((line = strsep(&table, "\n")))
		if (sscanf(line, "%39s %7s %*s %*s %*s %*s %*s %*s %*s %63s", destination, length,
			    interface) == 3 && streq(interface, name) &&
			strspn(destination, "0") == 32 && streq(length, "00"))
			return true;
	return false;
}

/* 1 when a default route goes through the interface. A protocol that is off has no table. */
static int find_default_route(struct survey *s, const char *name, const char *path,
	bool (*has_default)(char *table, const char *name))
{
	_cleanup_free_ char *table = NULL;
	int r = read_file_at(s->h->sysfs, path, ROUTES_MAX, &table, NULL);

	if (r < 0)
		return r == -ENOENT ? 0 : survey_unreadable(s, path, r);
	return has_default(table, name);
}

static int take_routes(struct survey *s, const char *name)
{
	int r = find_default_route(s, name, "../proc/self/net/route", has_ipv4_default);

	if (r == 0)
		r = find_default_route(s, name, "../proc/self/net/ipv6_route", has_ipv6_default);
	return r <= 0 ? r : host_use_add(s->facts, HOST_USE_ROUTE, "%s", name);
}

/* The links "master" and "upper_NAME" of its directory (net/core/dev.c). */
static int take_uppers(struct survey *s, int dir, const char *name)
{
	_cleanup_free_ char *master = NULL;
	struct dirent *entry;
	DIR *stream;
	int r = 0;

	if (read_link_name_at(dir, "master", &master) >= 0)
		r = host_use_add(s->facts, HOST_USE_MASTER, "%s in %s", name, master);
	stream = r < 0 ? NULL : survey_open_directory(dir, ".", &r);
	while (stream && r >= 0 && (entry = survey_next(stream, &r)))
		if (strncmp(entry->d_name, "upper_", 6) == 0 &&
			!streq(entry->d_name + 6, master))
			r = host_use_add(s->facts, HOST_USE_MASTER, "%s on %s", entry->d_name + 6,
				name);
	if (stream)
		closedir(stream);
	return r == -ENOENT ? 0 : r; /* gone meanwhile */
}

static int take_interface(struct survey *s, const struct ifaddrs *addresses, const char *name)
{
	_cleanup_free_ char *flags = NULL;
	_cleanup_close_ int dir = -1;
	char path[HOST_PATH_MAX];
	uint64_t bits = 0;
	int r;

	if (snprintf(path, sizeof(path), "class/net/%s", name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	dir = openat(s->h->sysfs, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return errno == ENOENT ? 0 : -errno;
	r = read_line_at(dir, "flags", &flags);
	if (r >= 0)
		r = parse_hex(flags, UINT32_MAX, &bits);
	if (r >= 0 && (bits & IFF_UP) && has_address(addresses, name))
		r = host_use_add(s->facts, HOST_USE_INTERFACE, "%s", name);
	if (r >= 0)
		r = take_routes(s, name);
	return r < 0 ? r : take_uppers(s, dir, name);
}

int survey_interfaces(struct survey *s)
{
	struct ifaddrs *addresses = NULL;
	int r = 0;

	if (!s->interfaces)
		return 0;
	if (getifaddrs(&addresses) < 0)
		return -errno;
	for (char **name = s->interfaces; r >= 0 && *name; name++)
		r = take_interface(s, addresses, *name);
	freeifaddrs(addresses);
	return r;
}
