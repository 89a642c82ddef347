/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* audit verify [FILE...]: whether the journal's hash chain is whole, and ends where it should. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "audit.h"
#include "base/text.h"
#include "json.h"
#include "state/journal-read.h"
#include "status.h"
#include "ctl.h"
#include "terminal.h"

/* SEQ:HASH; upper case is accepted. */
static int parse_head(const char *text, struct chain *ret)
{
	const char *colon = strchr(text, ':');
	_cleanup_free_ char *number = colon ? strndup(text, colon - text) : NULL;
	struct chain h = {0};

	if (!number || parse_u64(number, &h.seq) < 0 || h.seq == 0)
		return -EINVAL;
	if (strlen(colon + 1) != JOURNAL_HASH_HEX ||
		strspn(colon + 1, "0123456789abcdefABCDEF") != JOURNAL_HASH_HEX)
		return -EINVAL;
	for (size_t i = 0; i < JOURNAL_HASH_HEX; i++) {
		char digit = colon[1 + i];

		h.hash[i] = digit >= 'A' && digit <= 'F' ? digit - 'A' + 'a' : digit;
	}
	*ret = h;
	return 0;
}

/* An option of that form; NULL in *ret when it was not given. */
static int take_place(const char *option, const char *text, struct chain *buffer,
	const struct chain **ret)
{
	*ret = text ? buffer : NULL;
	if (text && parse_head(text, buffer) < 0)
		return fail(STATUS_USAGE, "--%s wants SEQ:HASH, a number and 64 hex digits",
			option);
	return STATUS_OK;
}

/* One object, as every listing has: of the chain, and of where it breaks. */
static int report_json(const struct ctl *c, const struct journal_set *set,
	const struct journal_verdict *v)
{
	bool good = v->bad_line == 0;
	_cleanup_json_ json_t *list = json_array(), *o = json_pack("{sb sI sI sI ss}", "Good",
		(int)good, "Records", (json_int_t)v->lines, "Files", (json_int_t)set->n,
		"HeadSeq", (json_int_t)v->head.seq, "HeadHash", v->head.hash);
	int r = o ? 0 : -1;

	if (r == 0 && !good) {
		_cleanup_json_ json_t *place = json_pack("{ss sI ss}", "File",
			set->files[v->bad_file].shown, "Line", (json_int_t)v->bad_line, "Reason",
			v->reason);

		r = json_object_update(o, place);
	}
	if (r < 0 || json_array_append(list, o) < 0)
		return fail_oom();
	r = print_json(c, list);
	return r == STATUS_OK && !good ? STATUS_FAILED : r;
}

static int report(const struct journal_set *set, const struct journal_verdict *v)
{
	if (v->bad_line > 0)
		return fail(STATUS_FAILED, "%s:%" PRIu64 ": %s\nthe lines before it are good, up "
			"to %" PRIu64 ":%s", set->files[v->bad_file].shown, v->bad_line, v->reason,
			v->head.seq, v->head.hash);
	printf("OK: %" PRIu64 " record%s", v->lines, v->lines == 1 ? "" : "s");
	if (set->n > 1)
		printf(" in %zu files", set->n);
	printf(", head %" PRIu64 ":%s\n", v->head.seq, v->head.hash);
	return STATUS_OK;
}

/* One file stands for the journal that it is the newest of; several are taken as they are given. */
static int open_files(const struct ctl *c, struct journal_set *set)
{
	if (!c->args[0] || !c->args[1])
		return audit_open(c->args[0] ? c->args[0] : c->options.file, set);
	for (char **path = c->args; *path; path++)
		if (journal_set_add(set, AT_FDCWD, *path, -1) < 0)
			return fail_oom();
	return 0;
}

int verb_audit_verify(struct ctl *c)
{
	_cleanup_journal_set_ struct journal_set set = {0};
	struct chain base_given, head_given;
	const struct chain *base, *head;
	struct journal_verdict v = {0};
	int r = take_place("head", c->options.head, &head_given, &head);

	if (r == STATUS_OK)
		r = take_place("base", c->options.base, &base_given, &base);
	if (r != STATUS_OK)
		return r;
	if (open_files(c, &set) != 0)
		return STATUS_FAILED;
	r = journal_verify(&set, base, head, &v);
	if (r < 0)
		r = fail(STATUS_FAILED, "cannot read the journal: %s", strerror(-r));
	else
		r = c->options.json != JSON_OFF ? report_json(c, &set, &v) : report(&set, &v);
	journal_verdict_done(&v);
	return r;
}
