/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The whole daemon over the fake host, for bus tests. DEVLEASE_FAKE names a description of the
 * machine; see fake-host.h, gate.h and points.h for the rest of the environment.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "daemon.h"
#include "fake-host.h"
#include "gate.h"
#include "points.h"

int main(int argc, char **argv)
{
	struct host *host;
	int r = fake_host_new(getenv("DEVLEASE_FAKE"), &host);

	if (r >= 0)
		r = gate_from_environment(host);
	if (r >= 0)
		r = points_from_environment(host);
	if (r < 0) {
		fprintf(stderr, "devleased-fake: %s\n", errno_name(-r));
		return EXIT_FAILURE;
	}
	return daemon_main(argc, argv, host);
}
