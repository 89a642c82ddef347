/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* devleased on the real kernel. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "daemon.h"
#include "host/host.h"

int main(int argc, char **argv)
{
	struct host *host;
	int r;

	/* First of all: the helper process is forked while there is nothing that it could inherit. */
	r = host_linux_new_consume(open("/sys", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
		open("/dev", O_RDONLY | O_DIRECTORY | O_CLOEXEC), &host);
	if (r < 0) {
		fprintf(stderr, "devleased: /sys and /dev cannot be used: %s\n", errno_name(-r));
		return EXIT_FAILURE;
	}
	return daemon_main(argc, argv, host);
}
