/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The assignment journal: one JSON object a line, each carrying the SHA-256 of the line before it.
 * A writer thread appends and syncs in groups; completions come back on the event loop in the
 * order of the appends. A record whose completion reported success is on disk.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/macro.h"
#include "state/journal-read.h"

/* A file is rotated to journal.jsonl.N, N counting up from 1, when it would grow beyond. */
#define JOURNAL_ROTATE_BYTES ((uint64_t)64 * 1024 * 1024)
/* What may wait for the writer at once; beyond it journal_append returns -ENOBUFS. */
#define JOURNAL_QUEUE_RECORDS 4096
#define JOURNAL_QUEUE_BYTES ((size_t)16 * 1024 * 1024)

struct journal;

/* error is 0, or -errno when the record is not on disk (its place in the chain is not used up).
 * It may append, but not free the journal. */
typedef void (*journal_done_fn)(void *userdata, int error);

/*
 * Opens or creates dir_fd/journal.jsonl (0640, O_APPEND), checks the tail, moves a torn last line
 * aside to journal.torn-SEQ (which makes a journal.recovered record), starts the writer thread.
 * dir_fd is borrowed during the call. The file is locked for the journal's life: -EBUSY when
 * another process writes it. -EPERM when the file is not ours or others may write it, -EBADMSG
 * when no line near its end can be continued.
 */
int journal_open(sd_event *event, int dir_fd, struct journal **ret);
/*
 * Consumes record (on failure too), a JSON object with at least "event"; the journal adds seq,
 * prev, boot, realtime and monotonic (both in microseconds, the time of this call). done may be
 * NULL; it is only called after success here.
 *
 * Returns 0; -EINVAL when there is no event of the form [a-z0-9.-]+, or a key that the journal
 * adds; -E2BIG when the line would be longer than JOURNAL_LINE_MAX; -ENOBUFS when the queue is
 * full. On a full disk only records of an end are
 * written, into about 1 MiB that is kept back for them: lease.released, .aborted, .failed, .lost,
 * .revoked, device.quarantined, .stuck, .reset (of an end: one with "live": true is not), and
 * journal.recovered. All others fail with -ENOSPC.
 */
int journal_append(struct journal *j, json_t *record, journal_done_fn done, void *userdata);
/* Waits for everything queued, without running completions, and frees. NULL is permitted. */
void journal_free(struct journal *j);
DEFINE_CLEANUP(struct journal *, journal_free);

/* The last record on disk: what `audit verify --head=SEQ:HASH` takes. seq 0: none yet. */
void journal_head(struct journal *j, uint64_t *ret_seq, char ret_hash[JOURNAL_HASH_HEX + 1]);

struct journal_stats {
	uint64_t groups, failed_groups; /* writes, each with one sync */
	uint64_t records;               /* on disk */
	uint64_t rotations, failed_rotations;
	uint64_t not_mirrored;          /* messages that the system journal did not take at once */
};
void journal_get_stats(struct journal *j, struct journal_stats *ret);

/* Another size than JOURNAL_ROTATE_BYTES. */
void journal_set_rotation(struct journal *j, uint64_t bytes);

/* Test hook: the writer asks it before each group; a negative result fails the group. It runs in
 * the writer's thread. */
void journal_set_gate(struct journal *j, int (*gate)(void *userdata), void *userdata);
