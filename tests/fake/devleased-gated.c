/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The whole daemon over the real kernel with a gate in front, for fault injection there. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "daemon.h"
#include "gate.h"

int main(int argc, char **argv)
{
	struct host *host;
	int r = host_linux_new_consume(open("/sys", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
		open("/dev", O_RDONLY | O_DIRECTORY | O_CLOEXEC), &host);

	if (r >= 0)
		r = gate_from_environment(host);
	if (r < 0) {
		fprintf(stderr, "devleased-gated: %s\n", errno_name(-r));
		return EXIT_FAILURE;
	}
	return daemon_main(argc, argv, host);
}
