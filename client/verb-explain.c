/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* explain DEVICE...: what Acquire would decide, and why. The exit status tells the verdict. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "bus.h"
#include "json.h"
#include "request.h"
#include "status.h"
#include "terminal.h"

static enum colour colour_of_severity(const char *severity)
{
	if (streq(severity, "ok"))
		return COLOUR_GOOD;
	return streq(severity, "warn") ? COLOUR_CARE : COLOUR_BAD;
}

static size_t widest_device(const json_t *findings)
{
	size_t widest = 0, i;
	json_t *finding;

	json_array_foreach(findings, i, finding) {
		size_t n = strlen(json_text(finding, "device"));

		if (n > widest)
			widest = n;
	}
	return widest;
}

static void print_finding(const json_t *finding, size_t width)
{
	const char *severity = json_text(finding, "severity");
	const char *device = json_text(finding, "device"), *help = json_text(finding, "help");
	_cleanup_free_ char *code = escape_text(json_text(finding, "code"), SIZE_MAX);

	printf("%s%-6s%s  %-*s  %s\n", colour(colour_of_severity(severity)), severity,
		colour(COLOUR_NONE), (int)width, *device ? device : "-", code ? code : "?");
	print_wrapped(json_text(finding, "text"), 8, "");
	if (*help)
		print_wrapped(help, 8, "help: ");
}

static void print_findings(const struct ctl *c, const char *verdict, const json_t *findings)
{
	_cleanup_free_ char *devices = strv_join(c->args, " ");
	bool allowed = streq(verdict, "allow");
	json_t *finding;
	size_t i, width = widest_device(findings);

	pager_open(c);
	printf("%s%s%s: %s\n", colour(allowed ? COLOUR_GOOD : COLOUR_BAD), verdict,
		colour(COLOUR_NONE), devices ? devices : "");
	json_array_foreach(findings, i, finding)
		print_finding(finding, width);
}

int verb_explain(struct ctl *c)
{
	_cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
	_cleanup_json_ json_t *findings = NULL;
	const char *verdict;
	int r = request_new(c, "Explain", c->args, &m);

	if (r != STATUS_OK)
		return r;
	r = bus_call(c, m, BUS_DEFAULT_USEC, &reply);
	if (r != STATUS_OK)
		return r;
	r = sd_bus_message_read(reply, "s", &verdict);
	if (r >= 0)
		r = json_from_message(reply, &findings);
	if (r < 0)
		return fail_call(NULL, r);
	if (c->options.json == JSON_OFF)
		print_findings(c, verdict, findings);
	else if ((r = print_json(c, findings)) != STATUS_OK)
		return r;
	return streq(verdict, "allow") ? STATUS_OK : STATUS_REFUSED;
}
