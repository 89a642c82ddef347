/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The files of a journal, oldest first: journal.jsonl.1, journal.jsonl.2 and so on, and at last
 * journal.jsonl, which is written. A file keeps its number for good, and its content too.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"
#include "state/journal-read.h"

struct journal_file {
	int dir_fd;         /* borrowed; what path is relative to */
	char *path, *shown; /* shown: the last component, escaped */
	int fd;             /* -1: not open */
};

/* Empty when zeroed. */
struct journal_set {
	struct journal_file *files;
	size_t n;
};

/* Adds the file and all that were rotated before it; paths are relative to dir_fd (which stays
 * the caller's, and open), or AT_FDCWD. -errno of opening it or its directory. */
int journal_set_open(struct journal_set *set, int dir_fd, const char *path);
/* Adds one file at the end; consumes fd, -1: open path when it is needed. */
int journal_set_add(struct journal_set *set, int dir_fd, const char *path, int fd);
/* The set's own fd of a file, opened when needed. -errno. */
int journal_set_fd(struct journal_set *set, size_t i);
void journal_set_done(struct journal_set *set);
#define _cleanup_journal_set_ _cleanup_(journal_set_done)

/* The numbers N of the files NAME.N in the directory, ascending; *ret is allocated. */
int journal_numbers(int dir_fd, const char *name, uint64_t **ret, size_t *ret_n);
