/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Options and verbs. getopt_long runs in its "in order" mode, so the place of "--" is known. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "arguments.h"
#include "base/text.h"
#include "status.h"
#include "terminal.h"

#define TEXT(name, member, value, help) {name, offsetof(struct options, member), value, help}

static const struct {
	const char *name;
	size_t offset;
	const char *value, *help;
} texts[] = {
	TEXT("handover", handover, "NAME", "acquire, exec, explain: attached or opened"),
	TEXT("backend", backend, "NAME", "... any, iommufd or legacy"),
	TEXT("reset-set", reset_set, "WHAT", "... also require exclusive, function or both"),
	TEXT("isolation", isolation, "WHAT", "... also require strict"),
	TEXT("label", label, "TEXT", "... name of the VM or container, for the journal"),
	TEXT("for-user", for_user, "USER", "... on behalf of a user (root, or polkit)"),
	TEXT("bind-unit", bind_unit, "UNIT", NULL),
	TEXT("state", state, "GLOB", "list: devices in this state"),
	TEXT("driver", driver, "GLOB", "list: devices with this driver"),
	TEXT("kind", kind, "KIND", "reset: function (default) or hot"),
	TEXT("since", since, "TIME", "audit: records from then on"),
	TEXT("until", until, "TIME", "audit: records up to then"),
	TEXT("device", device, "GLOB", "audit: records about a device"),
	TEXT("user", user, "USER", "audit: about a user; explain: for a user"),
	TEXT("lease", lease, "GLOB", "audit: records about a lease"),
	TEXT("event", event, "GLOB", "audit: records of an event"),
	TEXT("unit", unit, "GLOB", "audit: records about a system unit's requests"),
	TEXT("file", file, "FILE", "audit: this file, not the machine's journal"),
	TEXT("head", head, "SEQ:HASH", "audit verify: a head that was kept elsewhere"),
	TEXT("base", base, "SEQ:HASH", "audit verify: the end of files taken away"),
	TEXT("root", root, "DIR", "policy: the files below this directory"),
};

static const struct {
	const char *name;
	int has_arg, value;
	const char *synopsis, *help;
} common[] = {
	{"help", no_argument, 'h', "-h --help", "Show this help"},
	{"version", no_argument, 'V', "   --version", "Show the version"},
	{"no-pager", no_argument, 'P', "   --no-pager", "Do not start a pager"},
	{"no-legend", no_argument, 'L', "   --no-legend", "No headings and totals"},
	{"json", required_argument, 'J', "   --json=short|pretty|off", "Print JSON"},
	{"no-ask-password", no_argument, 'A', "   --no-ask-password", "No password dialogue of polkit"},
	{"keep", no_argument, 'K', NULL, NULL},
};

#define FIRST_TEXT 256

void arguments_print_help(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(common); i++)
		if (common[i].help)
			printf("  %-27s %s\n", common[i].synopsis, common[i].help);
	printf("  %-27s %s\n", "-j", "JSON: pretty on a terminal, short elsewhere");
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (texts[i].help) {
			int n = printf("     --%s=%s", texts[i].name, texts[i].value);

			printf("%*s%s\n", n < 30 ? 30 - n : 1, "", texts[i].help);
		}
}

static void fill_long_options(struct option *options)
{
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		options[i] = (struct option){texts[i].name, required_argument, NULL,
			FIRST_TEXT + (int)i};
	for (size_t i = 0; i < ARRAY_SIZE(common); i++)
		options[ARRAY_SIZE(texts) + i] = (struct option){common[i].name, common[i].has_arg,
			NULL, common[i].value};
}

static const char **text_at(struct options *o, size_t i)
{
	return (const char **)((char *)o + texts[i].offset);
}

static int parse_json(struct options *o, const char *mode)
{
	if (streq(mode, "short"))
		o->json = JSON_SHORT;
	else if (streq(mode, "pretty"))
		o->json = JSON_PRETTY;
	else if (streq(mode, "off"))
		o->json = JSON_OFF;
	else
		return fail(STATUS_USAGE, "--json=%s: use short, pretty or off", mode);
	return STATUS_OK;
}

static int take_common(struct options *o, int option, const char *value)
{
	switch (option) {
	case 'h':
		return ARGUMENTS_HELP;
	case 'V':
		return ARGUMENTS_VERSION;
	case 'P':
		o->no_pager = true;
		return STATUS_OK;
	case 'L':
		o->no_legend = true;
		return STATUS_OK;
	case 'A':
		o->no_ask_password = true;
		return STATUS_OK;
	case 'K':
		o->keep = true;
		return STATUS_OK;
	case 'j':
		o->json = terminal_is_tty() ? JSON_PRETTY : JSON_SHORT;
		return STATUS_OK;
	case 'J':
		return parse_json(o, value);
	default: /* getopt has said why */
		return STATUS_USAGE;
	}
}

static int take_options(struct ctl *c, int argc, char **argv, char ***words)
{
	struct option options[ARRAY_SIZE(texts) + ARRAY_SIZE(common) + 1] = {0};
	int option, r;

	fill_long_options(options);
	while ((option = getopt_long(argc, argv, "-hj", options, NULL)) >= 0) {
		if (option == 1)
			r = strv_append(words, optarg) < 0 ? fail_oom() : STATUS_OK;
		else if (option >= FIRST_TEXT)
			r = (*text_at(&c->options, option - FIRST_TEXT) = optarg, STATUS_OK);
		else
			r = take_common(&c->options, option, optarg);
		if (r != STATUS_OK)
			return r;
	}
	return STATUS_OK;
}

/* Two words first: "audit verify" is not "audit" with an argument. */
static const struct verb *find_verb(const struct verb *verbs, size_t n, char *const *words,
	size_t *ret_words)
{
	_cleanup_free_ char *two = NULL;

	if (!words || !words[0])
		return NULL;
	if (words[1] && asprintf(&two, "%s %s", words[0], words[1]) < 0)
		two = NULL;
	for (size_t i = 0; i < n; i++) {
		if (!streq(verbs[i].name, words[0]) && !(two && streq(verbs[i].name, two)))
			continue;
		*ret_words = strchr(verbs[i].name, ' ') ? 2 : 1;
		return &verbs[i];
	}
	return NULL;
}

static bool has_word(const char *words, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = words; (p = strstr(p, word)); p += n)
		if ((p == words || p[-1] == ' ') && (p[n] == ' ' || !p[n]))
			return true;
	return false;
}

static int check_options(struct ctl *c, const struct verb *verb)
{
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (*text_at(&c->options, i) && !has_word(verb->options, texts[i].name))
			return fail(STATUS_USAGE, "%s takes no option --%s", verb->name,
				texts[i].name);
	if (c->options.keep && !has_word(verb->options, "keep"))
		return fail(STATUS_USAGE, "%s takes no option --keep", verb->name);
	return STATUS_OK;
}

static int check_verb(struct ctl *c, const struct verb *verb, char *const *words)
{
	size_t n = strv_length(c->args);

	if (!verb && !(words && words[0]))
		return fail(STATUS_USAGE, "which command? See devleasectl --help");
	if (!verb && streq(words[0], "policy"))
		return fail(STATUS_USAGE, "policy check or policy show? See devleasectl --help");
	if (!verb)
		return fail(STATUS_USAGE, "unknown command %s; see devleasectl --help", words[0]);
	if (n < verb->min_args)
		return fail(STATUS_USAGE, "%s needs an argument: %s %s", verb->name, verb->name,
			verb->synopsis);
	if (n > verb->max_args)
		return fail(STATUS_USAGE, "%s takes no argument %s", verb->name,
			c->args[verb->max_args]);
	return check_options(c, verb);
}

int arguments_parse(struct ctl *c, int argc, char **argv, const struct verb *verbs, size_t n_verbs,
	const struct verb **ret_verb, char ***ret_args)
{
	_cleanup_strv_free_ char **words = calloc(1, sizeof(char *));
	const struct verb *verb;
	size_t used = 0;
	bool exec;
	int r;

	if (!words)
		return fail_oom();
	r = take_options(c, argc, argv, &words);
	if (r < 0)
		return r;
	exec = streq(words[0], "exec");
	if (r == STATUS_OK && exec)
		c->command = argv + optind;
	else if (r == STATUS_OK)
		for (; optind < argc; optind++)
			if (strv_append(&words, argv[optind]) < 0)
				return fail_oom();
	verb = find_verb(verbs, n_verbs, words, &used);
	c->args = words + used;
	if (r == STATUS_OK)
		r = check_verb(c, verb, words);
	if (r != STATUS_OK)
		return exec ? STATUS_EXEC : r; /* not to be taken for the command's own */
	*ret_verb = verb;
	*ret_args = TAKE_PTR(words);
	return STATUS_OK;
}
