/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* audit verify [FILE]: whether the journal's hash chain is whole, and ends where it should. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "audit.h"
#include "base/io.h"
#include "base/text.h"
#include "state/journal-read.h"
#include "status.h"
#include "ctl.h"

struct head {
	uint64_t seq;
	char hash[JOURNAL_HASH_HEX + 1];
};

/* SEQ:HASH; upper case is accepted. */
static int parse_head(const char *text, struct head *ret)
{
	const char *colon = strchr(text, ':');
	_cleanup_free_ char *number = colon ? strndup(text, colon - text) : NULL;
	struct head h = {0};

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

static int report(const struct journal_verdict *v)
{
	if (v->bad_line > 0)
		return fail(STATUS_FAILED, "line %" PRIu64 ": %s\nthe lines before it are good, up "
			"to %" PRIu64 ":%s", v->bad_line, v->reason, v->last_seq, v->head);
	if (v->reason)
		return fail(STATUS_FAILED, "%s", v->reason);
	printf("OK: %" PRIu64 " record%s, head %" PRIu64 ":%s\n", v->lines,
		v->lines == 1 ? "" : "s", v->last_seq, v->head);
	return STATUS_OK;
}

int verb_audit_verify(struct ctl *c)
{
	_cleanup_close_ int fd = -1;
	struct journal_verdict v = {0};
	struct head head = {0};
	int r;

	if (c->options.head && parse_head(c->options.head, &head) < 0)
		return fail(STATUS_USAGE, "--head wants SEQ:HASH, a number and 64 hex digits");
	fd = audit_open(c->args[0] ? c->args[0] : c->options.file);
	if (fd < 0)
		return STATUS_FAILED;
	r = journal_verify(fd, head.seq, head.hash, &v);
	r = r < 0 ? fail(STATUS_FAILED, "cannot read the journal: %s", strerror(-r)) : report(&v);
	journal_verdict_done(&v);
	return r;
}
