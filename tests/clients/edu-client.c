/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An unprivileged client for the tests on a real kernel. It only does what it is told and shows
 * what came of it; whether that is right is judged outside.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"

static const char usage[] =
	"edu-client [OPTIONS] COMMAND\n\n"
	"Uses the fds of devleasectl exec, or asks for devices itself.\n\n"
	"  --acquire=ADDRESS   Lease it; repeated for more devices, the first is used\n"
	"  --handover=, --backend=, --reset-set=\n"
	"                      For --acquire\n"
	"  --device=ADDRESS    Use this one of several inherited devices\n"
	"  --close-hold        Give up the hold before the command\n"
	"  --wait              Wait for the end of stdin before the command\n"
	"  --repeat=N          dma, bind-attach: copy N times, or until stdin ends\n"
	"  --stay              Wait for the end of stdin after the command\n\n"
	"  dma PATTERN OUT     Send file PATTERN through the device, write what arrives to OUT\n"
	"  bind-attach PATTERN OUT\n"
	"                      The same with handover opened: bind and attach first\n"
	"  fault IOVA          Have the device write to IOVA\n"
	"  config              Print vendor:device as the config space has it\n"
	"  reset, hot-reset    Reset the device, its reset set\n"
	"  hold [SECONDS]      Keep everything so long, or until the end of stdin\n";

#define DEVICES_MAX 64

struct run {
	struct client client;
	struct acquire request;
	const char *devices[DEVICES_MAX + 1];
	size_t n_devices;
	const char *address;
	unsigned long repeat;
	bool wait, stay, close_hold;
	char **arguments; /* of the command */
};

/* Until stdin ends or timeout_ms, -1 for none, is over. */
static void wait_for_stdin(int timeout_ms)
{
	struct pollfd stdin_poll = {.fd = STDIN_FILENO, .events = POLLIN};
	char discarded[512];

	for (;;) {
		int n = poll(&stdin_poll, 1, timeout_ms);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || read(STDIN_FILENO, discarded, sizeof(discarded)) <= 0)
			return;
	}
}

static bool stdin_has_ended(void)
{
	struct pollfd p = {.fd = STDIN_FILENO};

	return poll(&p, 1, 0) == 1 && (p.revents & POLLHUP);
}

static ssize_t read_pattern(const char *path, unsigned char *buffer)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return failed(path, errno);
	n = read(fd, buffer, PATTERN_MAX);
	if (n < 0)
		n = failed(path, errno);
	close(fd);
	return n;
}

static int write_result(const char *path, const unsigned char *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	ssize_t n;

	if (fd < 0)
		return failed(path, errno);
	n = write(fd, data, size);
	close(fd);
	return n == (ssize_t)size ? 0 : failed(path, EIO);
}

static int run_dma(struct run *run)
{
	struct client *c = &run->client;
	ssize_t size;
	int r = client_map_buffer(c);

	if (r == 0)
		r = edu_open(c);
	if (r < 0)
		return r;
	size = read_pattern(run->arguments[0], c->buffer);
	if (size < 0)
		return size;
	for (unsigned long i = 0; i < run->repeat && r == 0; i++) {
		if (i > 0 && stdin_has_ended())
			break;
		memset(c->buffer + PATTERN_MAX, 0, PATTERN_MAX);
		r = edu_copy(c, size);
	}
	return r < 0 ? r : write_result(run->arguments[1], c->buffer + PATTERN_MAX, size);
}

static int run_bind_attach(struct run *run)
{
	int r = client_bind_attach(&run->client);

	return r < 0 ? r : run_dma(run);
}

static int run_fault(struct run *run)
{
	char *end;
	uint64_t iova = strtoull(run->arguments[0], &end, 0);
	int r;

	if (*end || end == run->arguments[0])
		return failed("IOVA", EINVAL);
	r = edu_open(&run->client);
	return r < 0 ? r : edu_write_to(&run->client, iova);
}

static int run_config(struct run *run)
{
	uint16_t ids[2];
	int r = client_read_config(&run->client, 0, ids, sizeof(ids));

	if (r == 0)
		printf("%04x:%04x\n", ids[0], ids[1]);
	return r;
}

static int run_reset(struct run *run)
{
	return client_reset(&run->client);
}

static int run_hot_reset(struct run *run)
{
	return client_hot_reset(&run->client);
}

static int run_hold(struct run *run)
{
	wait_for_stdin(run->arguments[0] ? atoi(run->arguments[0]) * 1000 : -1);
	return 0;
}

static const struct command {
	const char *name;
	int min, max;
	int (*run)(struct run *run);
} commands[] = {
	{"dma", 2, 2, run_dma},
	{"bind-attach", 2, 2, run_bind_attach},
	{"fault", 1, 1, run_fault},
	{"config", 0, 0, run_config},
	{"reset", 0, 0, run_reset},
	{"hot-reset", 0, 0, run_hot_reset},
	{"hold", 0, 1, run_hold},
};

static const struct command *find_command(const char *name, int n_arguments)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].name, name) == 0 && n_arguments >= commands[i].min &&
			n_arguments <= commands[i].max)
			return &commands[i];
	return NULL;
}

enum { ACQUIRE = 1, HANDOVER, BACKEND, RESET_SET, DEVICE, CLOSE_HOLD, WAIT, REPEAT, STAY };

static bool take_option(struct run *run, int option)
{
	switch (option) {
	case ACQUIRE:
		if (run->n_devices >= DEVICES_MAX)
			return false;
		run->devices[run->n_devices++] = optarg;
		return true;
	case HANDOVER:
		run->request.handover = optarg;
		return true;
	case BACKEND:
		run->request.backend = optarg;
		return true;
	case RESET_SET:
		run->request.reset_set = optarg;
		return true;
	case DEVICE:
		run->address = optarg;
		return true;
	case CLOSE_HOLD:
		return run->close_hold = true;
	case WAIT:
		return run->wait = true;
	case STAY:
		return run->stay = true;
	case REPEAT:
		run->repeat = strtoul(optarg, NULL, 10);
		return true;
	default:
		return false;
	}
}

static const struct command *parse(struct run *run, int argc, char **argv)
{
	static const struct option options[] = {
		{"acquire", required_argument, NULL, ACQUIRE},
		{"handover", required_argument, NULL, HANDOVER},
		{"backend", required_argument, NULL, BACKEND},
		{"reset-set", required_argument, NULL, RESET_SET},
		{"device", required_argument, NULL, DEVICE},
		{"close-hold", no_argument, NULL, CLOSE_HOLD},
		{"wait", no_argument, NULL, WAIT},
		{"repeat", required_argument, NULL, REPEAT},
		{"stay", no_argument, NULL, STAY},
		{NULL},
	};
	int option;

	while ((option = getopt_long(argc, argv, "+", options, NULL)) >= 0)
		if (!take_option(run, option))
			return NULL;
	if (optind >= argc)
		return NULL;
	run->arguments = argv + optind + 1;
	return find_command(argv[optind], argc - optind - 1);
}

int main(int argc, char **argv)
{
	struct run run = {.client = {.device = -1, .iommu = -1, .hold = -1}, .repeat = 1};
	const struct command *command = parse(&run, argc, argv);
	int r;

	if (!command) {
		fputs(usage, stderr);
		return 2;
	}
	run.request.devices = run.devices;
	r = run.n_devices > 0 ? client_acquire(&run.client, &run.request) :
				client_from_environment(&run.client, run.address);
	if (r < 0)
		return EXIT_FAILURE;
	if (run.close_hold)
		close(run.client.hold);
	if (run.wait)
		wait_for_stdin(-1);
	r = command->run(&run);
	fflush(stdout);
	if (run.stay)
		wait_for_stdin(-1);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
