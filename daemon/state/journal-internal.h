/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Shared by the parts of the journal. Who may touch what: members are constant after the start,
 * or the writer thread's alone, or under the lock; each block below says which.
 */
#pragma once

#include <pthread.h>
#include <sys/types.h>
#include <sys/un.h>
#include <systemd/sd-id128.h>

#include "state/journal.h"

#define JOURNAL_FILE JOURNAL_NAME
#define JOURNAL_SOCKET "/run/systemd/journal/socket"
/* seq, prev, boot and both times with their keys take less than this */
#define JOURNAL_PREFIX_MAX 320

/* A place in the chain: a line's seq and hash. */
struct chain {
	uint64_t seq;
	char hash[JOURNAL_HASH_HEX + 1];
};

/* What goes to the system journal once the record is on disk. */
struct mirror_message {
	struct mirror_message *next;
	char *fields; /* native protocol, without the place */
	struct chain place;
};

struct record {
	struct record *next;
	char *body; /* the line from "event" on, closing brace included */
	size_t size;
	uint64_t realtime, monotonic;
	bool begins; /* may not use the space that is kept back */
	struct mirror_message *mirror;
	journal_done_fn done;
	void *userdata;
	int error;
};

struct record_list {
	struct record *first, **tail;
};

struct journal {
	/* constant while the writer runs */
	int fd, done_fd, mirror_fd;
	struct sockaddr_un mirror;
	char boot[SD_ID128_STRING_MAX];
	sd_event_source *source;
	pthread_t thread;
	bool running;

	/* the writer's */
	struct chain chain;
	off_t size;      /* of the good part of the file */
	off_t allocated; /* blocks are there up to here */
	bool dirty;      /* the file is longer than size: a failed write could not be undone */

	/* under the lock */
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct record_list queue, finished;
	size_t waiting_records, waiting_bytes; /* queued or being written */
	bool stopping;
	int (*gate)(void *userdata);
	void *gate_userdata;
	struct chain head; /* copy of chain for others */
	struct journal_stats stats;
};

/* journal_open with another mirror socket, NULL for none: tests do not write to the host's. */
int journal_open_full(sd_event *event, int dir_fd, const char *mirror, struct journal **ret);

void record_list_add(struct record_list *list, struct record *record);
struct record *record_list_take(struct record_list *list);
/* Takes the record's parts over from a JSON object (borrowed). */
int record_new(json_t *object, struct record **ret);
struct record *record_free(struct record *record);
DEFINE_CLEANUP(struct record *, record_free);

/*
 * Sets chain and size from the file's end. What a crash left behind the last good line is moved to
 * a file of its own in dir_fd; *ret_recovered is then the record that tells of it, else NULL.
 */
int journal_check_tail(struct journal *j, int dir_fd, json_t **ret_recovered);

void *journal_writer(void *userdata);

/* NULL in *ret when there is nothing worth mirroring. */
int mirror_message_new(json_t *object, struct mirror_message **ret);
struct mirror_message *mirror_message_free(struct mirror_message *message);
/* Sends and frees all; returns how many were not taken. Never waits for the reader. */
uint64_t mirror_send(struct journal *j, struct mirror_message *list);
