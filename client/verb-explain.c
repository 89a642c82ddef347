/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * explain DEVICE...: what Acquire would decide, and why, as a tree: the request as a whole, then
 * each device. The exit status tells the verdict.
 */
#include <langinfo.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "bus.h"
#include "json.h"
#include "request.h"
#include "status.h"
#include "terminal.h"

static enum colour colour_of_verdict(const char *verdict)
{
	if (streq(verdict, "allow"))
		return COLOUR_GOOD;
	return streq(verdict, "ask") ? COLOUR_CARE : COLOUR_BAD;
}

static enum colour colour_of_severity(const char *severity)
{
	if (streq(severity, "ok"))
		return COLOUR_GOOD;
	return streq(severity, "warn") ? COLOUR_CARE : COLOUR_BAD;
}

/* Lines of the tree: what stands before a branch, its last one, and what is below either. */
struct tree {
	const char *branch, *last, *below, *below_last;
};

static const struct tree *tree_lines(void)
{
	static const struct tree drawn = {"├─", "└─", "│   ", "    "};
	static const struct tree typed = {"|-", "`-", "|   ", "    "};

	return streq(nl_langinfo(CODESET), "UTF-8") ? &drawn : &typed;
}

static size_t widest_code(const json_t *findings)
{
	size_t widest = 0, i;
	json_t *finding;

	json_array_foreach(findings, i, finding) {
		size_t n = strlen(json_text(finding, "code"));

		if (n > widest)
			widest = n;
	}
	return widest;
}

/* The next finding is about the same and helps with the same: the help is below that one. */
static bool help_follows(const json_t *findings, size_t i)
{
	const json_t *this = json_array_get(findings, i), *next = json_array_get(findings, i + 1);

	return next && streq(json_text(this, "device"), json_text(next, "device")) &&
		streq(json_text(this, "help"), json_text(next, "help"));
}

static void print_finding(const json_t *findings, size_t i, const char *below, size_t width)
{
	const json_t *finding = json_array_get(findings, i);
	const char *severity = json_text(finding, "severity"), *help = json_text(finding, "help");
	_cleanup_free_ char *code = escape_text(json_text(finding, "code"), SIZE_MAX);
	_cleanup_free_ char *safe = escape_text(severity, SIZE_MAX);

	printf("%s%s%-6s%s  %-*s  ", below, colour(colour_of_severity(severity)),
		safe ? safe : "?", colour(COLOUR_NONE), (int)width, code ? code : "?");
	print_hanging(json_text(finding, "text"), below, width + 10, "");
	if (!*help || help_follows(findings, i))
		return;
	printf("%s%*s", below, (int)width + 10, "");
	print_hanging(help, below, width + 10, "help: ");
}

/* The branch of the findings from first on that are about the same; returns the next one. */
static size_t print_branch(const json_t *findings, size_t first, size_t width)
{
	const char *device = json_text(json_array_get(findings, first), "device");
	_cleanup_free_ char *safe = escape_text(*device ? device : "request", SIZE_MAX);
	const struct tree *lines = tree_lines();
	size_t end = first;
	bool last;

	while (end < json_array_size(findings) &&
		streq(json_text(json_array_get(findings, end), "device"), device))
		end++;
	last = end == json_array_size(findings);
	printf("%s%s%s%s\n", last ? lines->last : lines->branch, colour(COLOUR_BOLD),
		safe ? safe : "?", colour(COLOUR_NONE));
	for (size_t i = first; i < end; i++)
		print_finding(findings, i, last ? lines->below_last : lines->below, width);
	return end;
}

static void print_findings(const struct ctl *c, const char *verdict, const json_t *findings)
{
	_cleanup_free_ char *devices = strv_join(c->args, " ");
	size_t width = widest_code(findings);

	pager_open(c);
	printf("%s%s%s: %s\n", colour(colour_of_verdict(verdict)), verdict, colour(COLOUR_NONE),
		devices ? devices : "");
	for (size_t i = 0; i < json_array_size(findings);)
		i = print_branch(findings, i, width);
}

/* An array of findings has no other place for what they amount to. */
static int print_with_verdict(const struct ctl *c, const char *verdict, json_t *findings)
{
	json_t *finding;
	size_t i;

	json_array_foreach(findings, i, finding)
		if (json_object_set_new(finding, "verdict", json_string(verdict)) < 0)
			return fail_oom();
	return print_json(c, findings);
}

int verb_explain(struct ctl *c)
{
	_cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
	_cleanup_json_ json_t *findings = NULL;
	const char *verdict;
	int r = request_new(c, "Explain", c->args, &m);

	if (r != STATUS_OK)
		return r;
	r = bus_call(c, m, BUS_LONG_USEC, &reply);
	if (r != STATUS_OK)
		return r;
	r = sd_bus_message_read(reply, "s", &verdict);
	if (r >= 0)
		r = json_from_message(reply, &findings);
	if (r < 0)
		return fail_call(NULL, r);
	if (c->options.json == JSON_OFF)
		print_findings(c, verdict, findings);
	else if ((r = print_with_verdict(c, verdict, findings)) != STATUS_OK)
		return r;
	return streq(verdict, "allow") ? STATUS_OK : STATUS_REFUSED;
}
