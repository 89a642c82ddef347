/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The writer thread: takes all that is queued, writes it with one write and one sync, reports, and
 * takes the next. The chain only moves on when a group is on disk; a group that failed is cut off
 * again, so that the file always ends with the last record that was reported as written.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/text.h"
#include "state/journal-internal.h"
#include "state/journal-line.h"

#define SPACE_STEP (256 * 1024)

/* What the lock protects is copied out, so that nothing is held while writing. */
struct group {
	struct record *first;
	size_t records, bytes;
	int (*gate)(void *userdata);
	void *gate_userdata;
	struct journal_limits limits;
	bool rotated, rotation_failed;
};

static uint64_t now_usec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* Until there is something to write, or the head is to be told. The lock is held. */
static void wait_for_work(struct journal *j)
{
	while (!j->queue.first && !j->stopping) {
		uint64_t due = j->told_usec + j->limits.head_usec;
		struct timespec t = {due / 1000000, due % 1000000 * 1000};

		if (j->told.seq == j->chain.seq)
			pthread_cond_wait(&j->wake, &j->lock);
		else if (pthread_cond_timedwait(&j->wake, &j->lock, &t) == ETIMEDOUT)
			return;
	}
}

/* False when there will be nothing more. The group is empty when it is only time for the head. */
static bool take_group(struct journal *j, struct group *ret)
{
	bool last;

	*ret = (struct group){0};
	pthread_mutex_lock(&j->lock);
	wait_for_work(j);
	ret->first = record_list_take(&j->queue);
	ret->records = j->waiting_records;
	ret->bytes = j->waiting_bytes;
	ret->gate = j->gate;
	ret->gate_userdata = j->gate_userdata;
	ret->limits = j->limits;
	last = j->stopping;
	pthread_mutex_unlock(&j->lock);
	return ret->first || !last;
}

/* Allocates blocks ahead. -ENOSPC when the group would use up the space that is kept back. */
static int make_room(struct journal *j, size_t bytes)
{
	off_t want = j->size + bytes + JOURNAL_SPACE_KEPT;

	if (want <= j->allocated)
		return 0;
	if (fallocate(j->fd, FALLOC_FL_KEEP_SIZE, j->size, want + SPACE_STEP - j->size) >= 0) {
		j->allocated = want + SPACE_STEP;
		return 0;
	}
	if (errno == EOPNOTSUPP || errno == ENOSYS) /* then nothing can be kept back */
		return 0;
	return -errno;
}

static void refuse_all_but_ends(struct group *g, int error)
{
	for (struct record *record = g->first; record; record = record->next)
		if (!record->ends)
			record->error = error;
}

static void format_record(const struct journal *j, const struct record *record,
	struct chain *chain, struct text *lines)
{
	size_t start = lines->size;

	text_appendf(lines,
		"{\"seq\":%" PRIu64 ",\"prev\":\"%s\",\"boot\":\"%s\",\"realtime\":%" PRIu64
		",\"monotonic\":%" PRIu64 ",",
		chain->seq + 1, chain->hash, j->boot, record->realtime, record->monotonic);
	text_append(lines, record->body);
	if (lines->failed)
		return;
	chain->seq++;
	journal_hash_line(lines->data + start, lines->size - start, chain->hash);
	text_append(lines, "\n");
	if (record->mirror)
		record->mirror->place = *chain;
}

/* Cuts off what a failed write left. */
static int cut_back(struct journal *j)
{
	j->allocated = 0; /* truncating gives up what was allocated ahead */
	if (ftruncate(j->fd, j->size) < 0)
		return -errno;
	j->dirty = false;
	return 0;
}

static int write_lines(struct journal *j, const struct text *lines)
{
	int r;

	if (lines->failed)
		return -ENOMEM;
	if (lines->size == 0)
		return 0;
	j->dirty = true;
	r = write_all(j->fd, lines->data, lines->size);
	if (r >= 0 && fdatasync(j->fd) < 0)
		r = -errno;
	if (r < 0) {
		cut_back(j);
		return r;
	}
	j->dirty = false;
	j->size += lines->size;
	return 0;
}

/* Writes what is not refused yet; *chain is moved on past it. */
static int write_rest(struct journal *j, const struct group *g, struct chain *chain)
{
	_cleanup_text_ struct text lines = {0};

	for (const struct record *record = g->first; record; record = record->next)
		if (record->error == 0)
			format_record(j, record, chain, &lines);
	return write_lines(j, &lines);
}

static int write_group(struct journal *j, struct group *g)
{
	struct chain chain = j->chain;
	int r = g->gate ? g->gate(g->gate_userdata) : 0;

	if (r < 0)
		return r;
	if (j->dirty) {
		r = cut_back(j);
		if (r < 0)
			return r;
	}
	if (j->size > 0 && j->size + g->bytes > g->limits.rotate_bytes) {
		g->rotated = journal_rotate(j) >= 0;
		g->rotation_failed = !g->rotated;
	}
	r = journal_sync_dir(j);
	if (r < 0)
		return r;
	r = make_room(j, g->bytes);
	if (r < 0)
		refuse_all_but_ends(g, r);
	r = write_rest(j, g, &chain);
	if (r < 0)
		return r;
	j->chain = chain;
	return 0;
}

/* Gives each record its result, and collects what is to be mirrored. */
static struct mirror_message *settle_group(struct group *g, int error, size_t *ret_written)
{
	struct mirror_message *first = NULL, **tail = &first;

	*ret_written = 0;
	for (struct record *record = g->first; record; record = record->next) {
		if (record->error == 0)
			record->error = error;
		if (record->error < 0)
			continue;
		(*ret_written)++;
		*tail = TAKE_PTR(record->mirror);
		if (*tail)
			tail = &(*tail)->next;
	}
	return first;
}

static void report_group(struct journal *j, struct group *g, size_t written)
{
	pthread_mutex_lock(&j->lock);
	j->head = j->chain;
	j->stats.groups++;
	j->stats.failed_groups += written < g->records;
	j->stats.records += written;
	j->stats.rotations += g->rotated;
	j->stats.failed_rotations += g->rotation_failed;
	j->waiting_records -= g->records;
	j->waiting_bytes -= g->bytes;
	while (g->first) {
		struct record *next = g->first->next;

		g->first->next = NULL;
		record_list_add(&j->finished, g->first);
		g->first = next;
	}
	pthread_mutex_unlock(&j->lock);
	eventfd_write(j->done_fd, 1);
}

/* The heads in the system journal are what a rewritten file cannot agree with. */
static uint64_t tell_head(struct journal *j, const struct group *g, bool last)
{
	bool due = last || g->rotated ||
		   j->chain.seq - j->told.seq >= g->limits.head_records ||
		   now_usec() - j->told_usec >= g->limits.head_usec;
	uint64_t lost;

	if (!due || j->chain.seq == j->told.seq)
		return 0;
	lost = mirror_send_head(j) ? 0 : 1;
	/* Counted and not tried again before the next is due: a reader that hangs may do so long. */
	j->told = j->chain;
	j->told_usec = now_usec();
	return lost;
}

static void add_lost(struct journal *j, uint64_t lost)
{
	pthread_mutex_lock(&j->lock);
	j->stats.not_mirrored += lost;
	pthread_mutex_unlock(&j->lock);
}

void *journal_writer(void *userdata)
{
	struct journal *j = userdata;
	struct group g;

	j->told = j->chain;
	j->told_usec = now_usec();
	while (take_group(j, &g)) {
		struct mirror_message *mirror = NULL;
		size_t written;

		if (g.first) {
			mirror = settle_group(&g, write_group(j, &g), &written);
			report_group(j, &g, written);
		}
		add_lost(j, mirror_send(j, mirror) + tell_head(j, &g, false));
	}
	add_lost(j, tell_head(j, &g, true));
	return NULL;
}
