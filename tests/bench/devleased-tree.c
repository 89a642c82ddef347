/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The whole daemon as it is shipped, on the /sys and /dev of $DEVLEASE_TREE. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "daemon.h"
#include "host/host.h"

static int open_below(const char *directory, const char *name)
{
	char path[4096];
	int fd;

	if (snprintf(path, sizeof(path), "%s/%s", directory, name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int main(int argc, char **argv)
{
	const char *tree = getenv("DEVLEASE_TREE");
	int sysfs = tree ? open_below(tree, "sys") : -EINVAL;
	int dev = tree ? open_below(tree, "dev") : -EINVAL;
	struct host *host;
	int r = sysfs < 0 ? sysfs : dev < 0 ? dev : host_linux_new_consume(sysfs, dev, &host);

	if (r < 0) {
		fprintf(stderr, "devleased-tree: DEVLEASE_TREE: %s\n", errno_name(-r));
		return EXIT_FAILURE;
	}
	return daemon_main(argc, argv, host);
}
