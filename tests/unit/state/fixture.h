/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A scratch directory with a journal in it, on a real event loop. Each test is its own process. */
#pragma once

#include <criterion/criterion.h>
#include <stdarg.h>

#include "base/io.h"
#include "base/text.h"
#include "state/journal-internal.h"
#include "state/journal-line.h"
#include "state/journal-set.h"

struct bench {
	char path[64];
	int dir_fd;
	sd_event *event;
	struct journal *journal;
	size_t done;    /* completions that came */
	int errors[8192]; /* their results, in the order they came */
};

void bench_setup(struct bench *b);
void bench_setup_at(struct bench *b, const char *path); /* an existing directory */
void bench_close(struct bench *b); /* the journal alone */
int bench_open(struct bench *b);
void bench_teardown(struct bench *b);
/* Appends {"event": event, "n": n} with a completion that is noted in the bench. */
int bench_append(struct bench *b, const char *event, int n);
/* Runs the loop until this many completions came in all; fails after 20 s. */
void bench_run(struct bench *b, size_t done);
/* Whole journal file. */
char *bench_read(struct bench *b, size_t *ret_size);
/* The journal's files. */
void bench_set(struct bench *b, struct journal_set *ret);
/* Verifies the journal's files; the verdict is to be freed with journal_verdict_done. */
struct journal_verdict bench_verify(struct bench *b);
/* The same for files with these contents; head NULL: none. */
struct file_text {
	const char *data;
	size_t size;
};
struct journal_verdict verify_texts(const struct file_text *texts, size_t n,
	const struct chain *base, const struct chain *head);
struct journal_verdict verify_text(const char *text, size_t size, uint64_t seq, const char *head);
