/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What every verb of devleasectl sees: its arguments, the options and the bus. A verb is a
 * function that returns the exit status; it has said on stderr why when that is not 0.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

#include "base/macro.h"

enum exit_status {
	STATUS_OK = 0,
	STATUS_FAILED = 1,
	STATUS_USAGE = 2,
	STATUS_REFUSED = 3,
	STATUS_BUSY = 4,
	STATUS_UNREACHABLE = 5,
	STATUS_EXEC = 125, /* exec: a failure of its own before the command ran */
};

enum json_mode {
	JSON_OFF,
	JSON_SHORT,
	JSON_PRETTY,
};

/* Strings are NULL when the option was not given, and point into argv. */
struct options {
	enum json_mode json;
	bool no_legend, no_pager, no_ask_password, keep;
	const char *handover, *backend, *reset_set, *isolation, *label, *for_user; /* Acquire */
	const char *bind_unit;
	const char *state, *driver;                                     /* list */
	const char *since, *until, *device, *user, *lease, *event, *unit, *file; /* audit */
	const char *head, *base;                                        /* audit verify */
	const char *root;                                               /* policy */
	const char *kind;                                               /* reset */
};

struct ctl {
	struct options options;
	char **args;      /* what follows the verb, up to "--" where the verb takes a command */
	char **command;   /* what follows "--", NULL unless the verb takes a command; borrowed */
	sd_bus *bus;      /* NULL until ctl_bus() */
};

int verb_acquire(struct ctl *c);
int verb_audit(struct ctl *c);
int verb_audit_report(struct ctl *c);
int verb_audit_verify(struct ctl *c);
int verb_exec(struct ctl *c);
int verb_explain(struct ctl *c);
int verb_leases(struct ctl *c);
int verb_list(struct ctl *c);
int verb_monitor(struct ctl *c);
int verb_policy_check(struct ctl *c);
int verb_policy_show(struct ctl *c);
int verb_clear(struct ctl *c);
int verb_quarantine(struct ctl *c);
int verb_release(struct ctl *c);
int verb_reload(struct ctl *c);
int verb_reset(struct ctl *c);
int verb_show(struct ctl *c);
int verb_tree(struct ctl *c);
