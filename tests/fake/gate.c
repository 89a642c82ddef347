/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tracing and fault injection at the one place that all kernel operations pass. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/text.h"
#include "gate.h"

#define KILL INT_MAX /* as an error: the process is killed at the call */
#define STOP (INT_MAX - 1) /* or stopped before it */

struct gate {
	pthread_mutex_t lock;
	int trace;       /* -1: none */
	char *operation; /* NULL: no fault */
	uint64_t left;   /* calls until the one that fails, 0 when it is over */
	uint64_t count;  /* how many fail in a row */
	int error;       /* or KILL, STOP */
	char *file;      /* where the next fault comes from, NULL: nowhere */
	struct gate *next;
};

/* Hosts only borrow their gates. */
static struct gate *gates;

static struct gate *last; /* never freed, so leak checkers have to find it */

/* One write a line: several processes may append to the same file. */
static void trace(const struct gate *g, const char *operation, const char *subject, int error)
{
	char line[ADDRESS_MAX + 96];
	int n = snprintf(line, sizeof(line), "%s %s%s%s\n", operation, *subject ? subject : "-",
		error ? " !" : "", !error ? "" : error == KILL ? "KILL" :
		error == STOP ? "STOP" : errno_name(error));

	if (g->trace >= 0 && n > 0 && write(g->trace, line, (size_t)n) < 0)
		perror("DEVLEASE_TRACE");
}

/* The error that this call is to fail with, or 0. */
static int due(struct gate *g, const char *operation)
{
	if (g->left == 0 || !streq(g->operation, operation) || --g->left > 0)
		return 0;
	if (--g->count > 0)
		g->left = 1;
	return g->error;
}

static void take_up_file(struct gate *g);

static int gate_call(void *userdata, const char *operation, const char *subject)
{
	struct gate *g = userdata;
	int error;

	pthread_mutex_lock(&g->lock);
	if (g->file)
		take_up_file(g);
	error = due(g, operation);
	trace(g, operation, subject, error);
	if (error == KILL)
		raise(SIGKILL);
	if (error == STOP) {
		raise(SIGSTOP);
		error = 0;
	}
	pthread_mutex_unlock(&g->lock);
	return -error;
}

static int parse_errno(const char *s)
{
	uint64_t number;

	if (streq(s, "KILL"))
		return KILL;
	if (streq(s, "STOP"))
		return STOP;
	if (parse_u64(s, &number) >= 0 && number > 0 && number < 4096)
		return (int)number;
	for (int i = 1; i < 200; i++)
		if (streq(errno_name(i), s))
			return i;
	return -EINVAL;
}

static int parse_fault(struct gate *g, const char *fault)
{
	_cleanup_free_ char *copy = strdup(fault);
	char *rest = copy, *operation, *nth, *error, *count;

	if (!copy)
		return -ENOMEM;
	operation = strsep(&rest, ":");
	nth = strsep(&rest, ":");
	error = strsep(&rest, ":");
	count = rest;
	g->left = g->count = 1;
	g->error = EIO;
	if (!*operation || (nth && (parse_u64(nth, &g->left) < 0 || g->left == 0)) ||
		(count && (parse_u64(count, &g->count) < 0 || g->count == 0)))
		return -EINVAL;
	if (error && (g->error = parse_errno(error)) < 0)
		return -EINVAL;
	free(TAKE_PTR(g->operation));
	return strdup_to(&g->operation, operation);
}

static void take_up_file(struct gate *g)
{
	char line[128] = "";
	FILE *f = fopen(g->file, "re");

	if (!f)
		return;
	if (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (parse_fault(g, line) < 0)
			fprintf(stderr, "DEVLEASE_FAULT_FILE: '%s' makes no sense\n", line);
	}
	fclose(f);
	unlink(g->file);
}

static int gate_new(struct host *h, const char *trace_file, const char *fault,
	const char *fault_file)
{
	struct gate *g = calloc(1, sizeof(*g));
	int r = 0;

	if (!g)
		return -ENOMEM;
	pthread_mutex_init(&g->lock, NULL);
	g->trace = -1;
	if (trace_file) {
		g->trace = open(trace_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
		if (g->trace < 0)
			r = -errno;
	}
	if (r >= 0 && fault)
		r = parse_fault(g, fault);
	if (r >= 0)
		r = strdup_to(&g->file, fault_file);
	if (r < 0) {
		close_fd(g->trace);
		free(g->operation);
		free(g);
		return r;
	}
	g->next = gates;
	gates = g;
	last = g;
	h->gate = gate_call;
	h->gate_userdata = g;
	return 0;
}

int gate_set(struct host *h, const char *trace_file, const char *fault)
{
	return gate_new(h, trace_file, fault, NULL);
}

int gate_from_environment(struct host *h)
{
	const char *trace_file = getenv("DEVLEASE_TRACE"), *fault = getenv("DEVLEASE_FAULT");
	const char *file = getenv("DEVLEASE_FAULT_FILE");

	return trace_file || fault || file ? gate_new(h, trace_file, fault, file) : 0;
}
