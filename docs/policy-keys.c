/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Run at build time: copies a manual page in scdoc and puts in, for each line "@match-keys@" or
 * "@deciding-keys@", what the table of keys in policy/keys.c says of them.
 */
#include <stdio.h>
#include <string.h>

#include "policy/keys.h"

/* What scdoc would take for markup is escaped. */
static void put_text(const char *s)
{
	for (; *s; s++) {
		if (strchr("*_\\[]|`<>", *s))
			putchar('\\');
		putchar(*s);
	}
}

/* "one, two" as alternatives in bold; the form of a value underlined. */
static void put_values(const struct policy_key *key)
{
	const char *s = key->values;
	size_t n;

	if (!*s)
		return;
	if (key->type == KEY_MATCH || strcspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 0) {
		n = strcspn(s, ".");
		printf("_%.*s_%s", (int)n, s, s + n);
		return;
	}
	for (; *s; s += n + strspn(s + n, ", ")) {
		n = strcspn(s, ",");
		printf("%s*%.*s*", s == key->values ? "" : key->list ? " " : " | ", (int)n, s);
	}
}

/* Where a sentence begins with one of the values, "value: ...", it is in bold. */
static void put_description(const struct policy_key *key)
{
	_cleanup_free_ char *copy = strdup(key->description);

	for (char *rest = copy, *word; rest && (word = strtok_r(rest, " ", &rest));) {
		size_t n = strlen(word);
		bool colon = word[n - 1] == ':', heads;

		if (colon)
			word[n - 1] = '\0';
		heads = colon && strstr(key->values, word);
		printf("%s%s", word == copy ? "" : " ", heads ? "*" : "");
		put_text(word);
		printf("%s%s", heads ? "*" : "", colon ? ":" : "");
	}
	putchar('\n');
}

static int put_key(const struct policy_key *key, const struct policy_terms *built_in)
{
	_cleanup_text_ struct text value = {0};

	printf("*%s=*", key->name);
	put_values(key);
	printf("\n\t");
	put_description(key);
	if (key->type == KEY_TERM) {
		text_append(&value, "");
		policy_key_print(key, &value, built_in);
		if (value.failed)
			return -1;
		printf("\n\tDefault: %s%s%s.", *value.data ? "*" : "", *value.data ? value.data : "empty",
			*value.data ? "*" : "");
		if (key->later && !streq(key->later, "*"))
			printf(" Not in this version: %s.", key->later);
		printf("\n");
	}
	printf("\n");
	return 0;
}

static int put_keys(enum key_type type)
{
	_cleanup_policy_free_ struct policy *p = NULL;

	if (policy_new_deny_all(&p) < 0)
		return -1;
	for (size_t i = 0; i < policy_keys_n; i++)
		if (policy_keys[i].type == type &&
			put_key(&policy_keys[i], &policy_defaults(p)->terms) < 0)
			return -1;
	return 0;
}

int main(int argc, char **argv)
{
	FILE *page = argc == 2 ? fopen(argv[1], "re") : NULL;
	char line[1024];
	int r = 0;

	if (!page)
		return EXIT_FAILURE;
	while (r == 0 && fgets(line, sizeof(line), page)) {
		if (streq(line, "@match-keys@\n"))
			r = put_keys(KEY_MATCH);
		else if (streq(line, "@deciding-keys@\n"))
			r = put_keys(KEY_TERM);
		else
			fputs(line, stdout);
	}
	if (ferror(page) || fclose(page) != 0 || fflush(stdout) != 0)
		r = -1;
	return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
