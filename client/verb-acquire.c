/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* acquire DEVICE...: holds a lease until interrupted, then gives it back. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "json.h"
#include "request.h"
#include "status.h"
#include "table.h"

static json_t *fds_object(const struct lease *l)
{
	_cleanup_json_ json_t *fds = json_object();

	if (!fds)
		return NULL;
	for (size_t i = 0; i < l->n_fds; i++)
		if (json_object_set_new(fds, l->names[i], json_integer(l->fds[i])) < 0)
			return NULL;
	return TAKE_PTR(fds);
}

static int print_lease_json(const struct ctl *c, const struct lease *l)
{
	_cleanup_json_ json_t *array = json_array(), *lease = NULL;
	json_t *devices = json_array(), *fds = fds_object(l);

	for (size_t i = 2; devices && i < l->n_fds; i++)
		json_array_append_new(devices, json_string(l->names[i]));
	lease = json_pack("{s:s, s:o, s:s, s:s, s:i, s:o, s:O}", "Id", l->id, "Devices", devices,
		"Handover", json_text(l->info, "handover"), "Backend",
		json_text(l->info, "backend"), "Pid", (int)getpid(), "Fds", fds, "Info", l->info);
	if (!array || !lease || json_array_append(array, lease) < 0)
		return fail_oom();
	return print_json(c, array);
}

static int print_lease(const struct ctl *c, const struct lease *l)
{
	static const struct table_column columns[] = {{"FD", TABLE_RIGHT}, {"NAME", 0}};
	_cleanup_table_ struct libscols_table *t = table_new(c, columns, ARRAY_SIZE(columns));

	if (!t)
		return fail_oom();
	for (size_t i = 0; i < l->n_fds; i++) {
		struct libscols_line *line = table_line(t, NULL);
		char number[16];

		snprintf(number, sizeof(number), "%d", l->fds[i]);
		if (!line || table_set(line, 0, number) < 0 || table_set(line, 1, l->names[i]) < 0)
			return fail_oom();
	}
	if (!c->options.no_legend)
		printf("Lease %s on %s, handover %s, held by process %d until it is "
			"interrupted.\n", l->id, json_text(l->info, "backend"),
			json_text(l->info, "handover"), (int)getpid());
	return scols_print_table(t) < 0 ? fail(STATUS_FAILED, "cannot print") : STATUS_OK;
}

int verb_acquire(struct ctl *c)
{
	_cleanup_lease_ struct lease l = {0};
	sigset_t ends;
	int r;

	if (c->options.keep || c->options.bind_unit)
		return fail(STATUS_USAGE, "--keep and --bind-unit are not supported yet");
	r = lease_acquire(c, c->args, &l);
	if (r != STATUS_OK)
		return r;
	/* From here on a signal must not end us before the devices are back. */
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGHUP);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	r = c->options.json != JSON_OFF ? print_lease_json(c, &l) : print_lease(c, &l);
	fflush(stdout);
	if (r == STATUS_OK)
		while (sigwaitinfo(&ends, NULL) < 0 && errno == EINTR)
			;
	sigprocmask(SIG_UNBLOCK, &ends, NULL);
	lease_close_fds(&l, true);
	return r == STATUS_OK ? lease_release(c, l.id, true) : r;
}
