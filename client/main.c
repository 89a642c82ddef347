/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* devleasectl: the table of verbs, and what is common to all of them. */
#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "arguments.h"
#include "base/text.h"
#include "ctl.h"
#include "status.h"
#include "terminal.h"

#define REQUEST_OPTIONS "handover backend reset-set isolation label for-user "

static const struct verb verbs[] = {
	{"list", 0, MANY, "state driver", verb_list, "[PATTERN...]", "List devices"},
	{"show", 1, MANY, "", verb_show, "DEVICE...", "Show all that is known of devices"},
	{"tree", 0, 0, "", verb_tree, "", "Show IOMMU groups and reset sets"},
	{"explain", 1, MANY, REQUEST_OPTIONS "user", verb_explain, "DEVICE...",
		"Tell whether a request would be granted, and why"},
	{"acquire", 1, MANY, REQUEST_OPTIONS "keep bind-unit", verb_acquire, "DEVICE...",
		"Lease devices until interrupted"},
	{"exec", 1, MANY, REQUEST_OPTIONS, verb_exec, "DEVICE... -- COMMAND...",
		"Lease devices for a command"},
	{"leases", 0, 0, "", verb_leases, "", "List leases"},
	{"release", 1, MANY, "", verb_release, "ID...", "End leases"},
	{"reset", 1, 1, "kind", verb_reset, "ID", "Reset the devices of a lease"},
	{"quarantine", 1, MANY, "", verb_quarantine, "DEVICE...", "Keep devices from being leased"},
	{"clear", 1, MANY, "", verb_clear, "DEVICE...", "Let devices be leased again"},
	{"policy check", 0, MANY, "root", verb_policy_check, "[FILE...]",
		"Check policy files for errors"},
	{"policy show", 0, 0, "root", verb_policy_show, "", "Show the policy that the files make"},
	{"reload", 0, 0, "", verb_reload, "", "Have the daemon read its policy again"},
	{"audit verify", 0, MANY, "head base file", verb_audit_verify, "[FILE...]",
		"Check the hash chain of the journal"},
	{"audit report", 1, 1, "since until user file", verb_audit_report, "DEVICE",
		"Show who had a device when"},
	{"audit", 0, 0, "since until device user unit lease event file", verb_audit, "",
		"Show records of the assignment journal"},
	{"monitor", 0, 0, "", verb_monitor, "", "Print changes as they come"},
};

static void print_help(void)
{
	printf("devleasectl [OPTIONS...] COMMAND ...\n\n"
	       "Lease passthrough devices from devleased.\n\n%sCommands:%s\n",
		colour(COLOUR_BOLD), colour(COLOUR_NONE));
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		int n = printf("  %s %s", verbs[i].name, verbs[i].synopsis);

		printf("%*s%s\n", n < 30 ? 31 - n : 1, "", verbs[i].help);
	}
	printf("\n%sOptions:%s\n", colour(COLOUR_BOLD), colour(COLOUR_NONE));
	arguments_print_help();
	printf("\nExit status: 0 done, 1 failed, 2 usage, 3 refused by policy, 4 busy,\n"
	       "5 daemon not reachable; exec: the command's own, 125 when it did not run.\n"
	       "See devleasectl(1).\n");
}

static int run(struct ctl *c, const struct verb *verb)
{
	if (verb->run == verb_exec && (!c->command || !c->command[0]))
		return fail(STATUS_EXEC, "exec needs a command: exec DEVICE... -- COMMAND");
	return verb->run(c);
}

int main(int argc, char **argv)
{
	_cleanup_strv_free_ char **args = NULL;
	struct ctl c = {0};
	const struct verb *verb = NULL;
	int r;

	setlocale(LC_ALL, "");
	terminal_init();
	r = arguments_parse(&c, argc, argv, verbs, ARRAY_SIZE(verbs), &verb, &args);
	if (r == ARGUMENTS_HELP) {
		print_help();
		return STATUS_OK;
	}
	if (r == ARGUMENTS_VERSION) {
		printf("devleasectl %s\n", DEVLEASE_VERSION);
		return STATUS_OK;
	}
	if (r == STATUS_OK)
		r = run(&c, verb);
	if (fflush(stdout) != 0 && r == STATUS_OK)
		r = fail(STATUS_FAILED, "cannot write to stdout");
	pager_close();
	sd_bus_flush_close_unref(c.bus);
	return r;
}
