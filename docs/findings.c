/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Run at build time: copies a manual page in scdoc and puts in, for the line "@findings@", every
 * code that the table in daemon/core/codes.c has.
 */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "bus/bus-private.h"
#include "core/codes.h"

/* What scdoc would take for markup is escaped. */
static void put_text(const char *s)
{
	for (; *s; s++) {
		if (strchr("*_\\[]|`<>", *s))
			putchar('\\');
		putchar(*s);
	}
}

/* "NotIsolated" of "org.devlease1.Error.NotIsolated" */
static const char *short_name(enum refusal r)
{
	const char *dot = strrchr(bus_refusal_name(r), '.');

	return dot ? dot + 1 : bus_refusal_name(r);
}

static void put_code(const struct code_info *info)
{
	printf("*%s* (%s", info->name, severity_to_string(info->severity));
	if (info->refusal != REFUSAL_NONE)
		printf(", %s", short_name(info->refusal));
	printf(")\n\t");
	put_text(info->meaning);
	if (*info->help) {
		printf(" What helps: ");
		put_text(info->help);
		putchar('.');
	}
	printf("\n\n");
}

/* Codes of one kind have the part before the dot in common, and stand together in the table. */
static void put_findings(void)
{
	const char *before = "";

	for (int c = 0; c < CODE_N; c++) {
		const struct code_info *info = code_info(c);
		size_t n = strcspn(info->name, ".");

		if (strncmp(before, info->name, n) != 0 || before[n] != '.')
			printf("## %.*s\n\n", (int)n, info->name);
		before = info->name;
		put_code(info);
	}
}

int main(int argc, char **argv)
{
	FILE *page = argc == 2 ? fopen(argv[1], "re") : NULL;
	char line[1024];

	if (!page)
		return EXIT_FAILURE;
	while (fgets(line, sizeof(line), page)) {
		if (streq(line, "@findings@\n"))
			put_findings();
		else
			fputs(line, stdout);
	}
	return ferror(page) || fclose(page) != 0 || fflush(stdout) != 0 ? EXIT_FAILURE :
									  EXIT_SUCCESS;
}
