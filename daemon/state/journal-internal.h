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
#define JOURNAL_NAME_MAX 64
#define JOURNAL_SPACE_KEPT (1024 * 1024)

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
	bool ends; /* may use the space that is kept back */
	struct mirror_message *mirror;
	journal_done_fn done;
	void *userdata;
	int error;
};

struct journal_limits {
	uint64_t rotate_bytes; /* a file that would grow beyond is rotated before it is written */
	uint64_t head_records; /* the head is told to the system journal after so many records, */
	uint64_t head_usec;    /* after this time when there are new ones, at rotation, at the end */
};

struct record_list {
	struct record *first, **tail;
};

struct journal {
	/* constant while the writer runs */
	int dir_fd, done_fd, mirror_fd;
	struct sockaddr_un mirror;
	char boot[SD_ID128_STRING_MAX];
	sd_event_source *source;
	pthread_t thread;
	bool running;

	/* the writer's */
	int fd;
	struct chain chain;
	struct chain told;     /* the head that the system journal has */
	uint64_t told_usec;    /* and when it got it, CLOCK_MONOTONIC */
	uint64_t rotated;      /* the highest number of a rotated file */
	bool dir_dirty;        /* its new name is not on disk yet */
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
	struct journal_limits limits;
	struct chain head; /* copy of chain for others */
	struct journal_stats stats;
};

/* journal_open with another mirror socket, NULL for none: tests do not write to the host's. */
int journal_open_full(sd_event *event, int dir_fd, const char *mirror, struct journal **ret);

/* From the next group on. */
void journal_set_limits(struct journal *j, const struct journal_limits *limits);

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
/* Continues after the file `previous` when the own one is empty; "": there is none. */
int journal_check_tail(struct journal *j, const char *previous, json_t **ret_recovered);

/* --- journal-rotate.c --- */
/* Undoes a rotation that was not finished. *ret_previous: the newest rotated file, "": none. */
int journal_settle_rotation(struct journal *j, char ret_previous[JOURNAL_NAME_MAX]);
/* Goes on in a new file; on failure in the old one. The writer's. */
int journal_rotate(struct journal *j);
/* What is written into a new file counts when its name is on disk. */
int journal_sync_dir(struct journal *j);

void *journal_writer(void *userdata);

/* NULL in *ret when there is nothing worth mirroring. */
int mirror_message_new(json_t *object, struct mirror_message **ret);
struct mirror_message *mirror_message_free(struct mirror_message *message);
/* Tells the system journal the head; false when it did not take it. */
bool mirror_send_head(struct journal *j);
/* Sends and frees all; returns how many were not taken. Never waits for the reader. */
uint64_t mirror_send(struct journal *j, struct mirror_message *list);
