/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Output: width, colours, wrapping, JSON. Decided once by what stdout was at the start. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/text.h"
#include "status.h"
#include "terminal.h"

static bool tty, colours;
static size_t width;

static const struct {
	const char *sequence, *name;
} palette[] = {
	[COLOUR_NONE] = {"\x1b[0m", NULL},
	[COLOUR_GOOD] = {"\x1b[32m", "green"},
	[COLOUR_CARE] = {"\x1b[33m", "brown"},
	[COLOUR_BAD] = {"\x1b[31m", "red"},
	[COLOUR_FAINT] = {"\x1b[90m", "darkgray"},
	[COLOUR_BOLD] = {"\x1b[1m", NULL},
};

void terminal_init(void)
{
	const char *no_color = getenv("NO_COLOR"), *columns = getenv("COLUMNS");
	const char *term = getenv("TERM");
	struct winsize size = {0};
	uint64_t n;

	tty = isatty(STDOUT_FILENO);
	if (!tty)
		return;
	colours = !(no_color && *no_color) && !streq(term, "dumb");
	if (columns && parse_u64(columns, &n) >= 0 && n > 0 && n < 10000)
		width = n;
	else if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) >= 0 && size.ws_col > 0)
		width = size.ws_col;
	else
		width = 80;
}

bool terminal_is_tty(void)
{
	return tty;
}

size_t terminal_width(void)
{
	return width;
}

const char *colour(enum colour c)
{
	return colours ? palette[c].sequence : "";
}

const char *colour_name(enum colour c)
{
	return colours ? palette[c].name : NULL;
}

enum colour colour_of_state(const char *state)
{
	static const char *const good[] = {"leased", "active", NULL};
	static const char *const care[] = {"reserved", "releasing", "revoking", "degraded", NULL};
	static const char *const bad[] = {"quarantined", "stuck", "gone", "detached", "lost", NULL};

	if (strv_contains((char *const *)good, state))
		return COLOUR_GOOD;
	if (strv_contains((char *const *)care, state))
		return COLOUR_CARE;
	if (strv_contains((char *const *)bad, state))
		return COLOUR_BAD;
	return COLOUR_NONE;
}

int print_json(const struct ctl *c, const json_t *value)
{
	size_t layout = c->options.json == JSON_PRETTY ? JSON_INDENT(2) : JSON_COMPACT;

	if (json_dumpf(value, stdout, layout | JSON_ENSURE_ASCII) < 0)
		return fail(STATUS_FAILED, "cannot write JSON");
	putchar('\n');
	return STATUS_OK;
}

/* How much of text fits into room columns, ending at a blank where there is one. */
static size_t line_length(const char *text, size_t room)
{
	size_t n = strlen(text);

	if (n <= room)
		return n;
	for (size_t i = room; i > 0; i--)
		if (text[i] == ' ')
			return i;
	return strcspn(text, " ");
}

int print_hanging(const char *text, const char *below, size_t indent, const char *lead)
{
	_cleanup_free_ char *safe = escape_text(text, SIZE_MAX);
	/* What stands before the indent takes four columns, whatever its bytes. */
	size_t before = 4 + indent + strlen(lead);
	size_t room = width > before + 20 ? width - before : SIZE_MAX;
	const char *p = safe;

	if (!safe)
		return fail_oom();
	printf("%s", lead);
	for (;;) {
		size_t n = line_length(p, room);

		printf("%.*s\n", (int)n, p);
		p += n;
		p += strspn(p, " ");
		if (!*p)
			return STATUS_OK;
		printf("%s%*s", below, (int)(indent + strlen(lead)), "");
	}
}

int print_wrapped(const char *text, size_t indent, const char *lead)
{
	_cleanup_free_ char *safe = escape_text(text, SIZE_MAX);
	size_t inner = indent + strlen(lead);
	size_t room = width > inner + 20 ? width - inner : SIZE_MAX;
	const char *p = safe;

	if (!safe)
		return fail_oom();
	do {
		size_t n = line_length(p, room);

		printf("%*s%s%.*s\n", (int)indent, "", p == safe ? lead : "", (int)n, p);
		p += n;
		p += strspn(p, " ");
		indent = inner;
	} while (*p);
	return STATUS_OK;
}
