/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Arguments, signals and the event loop. SIGTERM ends the process and no lease: what was leased
 * stays so, and the next daemon takes it up.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "base/text.h"
#include "daemon.h"
#include "manager.h"

static void usage(void)
{
	printf("Usage: devleased [OPTION...]\n"
	       "Lease passthrough devices to unprivileged clients over D-Bus.\n\n"
	       "  --root=DIR     where the policy's directories are (default /)\n"
	       "  --run=DIR      state of this boot (default /run/devlease)\n"
	       "  --lib=DIR      state over reboots (default /var/lib/devlease)\n"
	       "  --log=DIR      assignment journal (default /var/log/devlease)\n"
	       "  --journal-size=BYTES\n"
	       "                 when the journal goes on in a new file (default 64 MiB)\n"
	       "  -h --help      this text\n"
	       "     --version   the version\n");
}

enum { OPTION_ROOT = 256, OPTION_RUN, OPTION_LIB, OPTION_LOG, OPTION_JOURNAL_SIZE, OPTION_VERSION };

/* Returns 1 to go on, 0 when all is said, -EINVAL. */
static int parse_options(int argc, char **argv, struct manager_paths *paths)
{
	static const struct option options[] = {
		{"root", required_argument, NULL, OPTION_ROOT},
		{"run", required_argument, NULL, OPTION_RUN},
		{"lib", required_argument, NULL, OPTION_LIB},
		{"log", required_argument, NULL, OPTION_LOG},
		{"journal-size", required_argument, NULL, OPTION_JOURNAL_SIZE},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, OPTION_VERSION},
		{0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
		switch (c) {
		case OPTION_ROOT:
			paths->root = optarg;
			break;
		case OPTION_RUN:
			paths->run = optarg;
			break;
		case OPTION_LIB:
			paths->lib = optarg;
			break;
		case OPTION_LOG:
			paths->log = optarg;
			break;
		case OPTION_JOURNAL_SIZE:
			if (parse_u64(optarg, &paths->journal_size) < 0 || paths->journal_size == 0)
				return -EINVAL;
			break;
		case 'h':
			usage();
			return 0;
		case OPTION_VERSION:
			puts("devleased " DEVLEASE_VERSION);
			return 0;
		default:
			return -EINVAL;
		}
	}
	return optind == argc ? 1 : -EINVAL;
}

static int on_hangup(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata)
{
	(void)sd_notify(0, "RELOADING=1");
	if (manager_reload(userdata, NULL, NULL) < 0)
		(void)sd_notify(0, "READY=1\nSTATUS=The policy files have errors, the policy of "
			"before stays in force: see devleasectl policy check");
	else
		(void)sd_notify(0, "READY=1\nSTATUS=Brokering devices");
	return 0;
}

static int watch_signals(sd_event *event, struct manager *m)
{
	int r = sd_event_add_signal(event, NULL, SIGTERM, NULL, NULL);

	if (r >= 0)
		r = sd_event_add_signal(event, NULL, SIGINT, NULL, NULL);
	if (r >= 0)
		r = sd_event_add_signal(event, NULL, SIGHUP, on_hangup, m);
	return r;
}

static void block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static int run(const struct manager_paths *paths, struct host *host)
{
	_cleanup_(manager_free_cleanup) struct manager *m = NULL;
	_cleanup_(sd_event_unrefp) sd_event *event = NULL;
	int r = sd_event_default(&event);

	if (r < 0)
		return r;
	r = manager_new(event, host, paths, &m);
	if (r >= 0)
		r = watch_signals(event, m);
	if (r >= 0)
		r = manager_start(m);
	if (r < 0)
		return r;
	(void)sd_event_set_watchdog(event, true);
	(void)sd_notify(0, "READY=1\nSTATUS=Brokering devices");
	r = sd_event_loop(event);
	(void)sd_notify(0, "STOPPING=1");
	return r;
}

int daemon_main(int argc, char **argv, struct host *host)
{
	struct manager_paths paths = {"/", "/run/devlease", "/var/lib/devlease",
		"/var/log/devlease"};
	int r = parse_options(argc, argv, &paths);

	if (r <= 0) {
		host_free(host);
		if (r < 0)
			fprintf(stderr, "Try devleased --help.\n");
		return r < 0 ? 2 : EXIT_SUCCESS;
	}
	umask(0077);
	block_signals();
	r = run(&paths, host);
	if (r < 0)
		fprintf(stderr, "devleased: %s\n", errno_name(-r));
	return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
