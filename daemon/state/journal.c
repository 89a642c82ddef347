/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The event loop's side of the journal: opening, the bounded queue to the writer, and completions.
 * A record is counted against the bound from its append until it is written or has failed.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "state/journal-internal.h"
#include "state/journal-line.h"

#define HEAD_RECORDS 256
#define HEAD_USEC ((uint64_t)3600 * 1000 * 1000)

static int create_file(int dir_fd)
{
	_cleanup_close_ int fd = openat(dir_fd, JOURNAL_FILE,
		O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);

	if (fd < 0)
		return -errno;
	if (fchmod(fd, 0640) < 0 || fsync(dir_fd) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static int open_file(int dir_fd)
{
	_cleanup_close_ int fd = openat(dir_fd, JOURNAL_FILE,
		O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		fd = create_file(dir_fd);
	else if (fd < 0)
		return -errno;
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 022))
		return -EPERM;
	if (fcntl(fd, F_OFD_SETLK, &lock) < 0)
		return errno == EAGAIN || errno == EACCES ? -EBUSY : -errno;
	return TAKE_FD(fd);
}

static void run_finished(struct journal *j)
{
	struct record *record;

	pthread_mutex_lock(&j->lock);
	record = record_list_take(&j->finished);
	pthread_mutex_unlock(&j->lock);
	while (record) {
		struct record *next = record->next;

		if (record->done)
			record->done(record->userdata, record->error);
		record_free(record);
		record = next;
	}
}

static int on_finished(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	eventfd_t count;

	eventfd_read(fd, &count);
	run_finished(userdata);
	return 0;
}

/* No signal is for this thread; a file size limit is then EFBIG and not the end of the process. */
static int start_writer(struct journal *j)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	r = pthread_sigmask(SIG_SETMASK, &all, &before);
	if (r != 0)
		return -r;
	r = pthread_create(&j->thread, NULL, journal_writer, j);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r != 0)
		return -r;
	j->running = true;
	return 0;
}

static struct journal *journal_new(void)
{
	struct journal *j = calloc(1, sizeof(*j));
	pthread_condattr_t attr;

	if (!j)
		return NULL;
	j->fd = j->dir_fd = j->done_fd = j->mirror_fd = -1;
	j->limits = (struct journal_limits){JOURNAL_ROTATE_BYTES, HEAD_RECORDS, HEAD_USEC};
	pthread_mutex_init(&j->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&j->wake, &attr);
	pthread_condattr_destroy(&attr);
	return j;
}

static int open_mirror(struct journal *j, const char *path)
{
	if (!path)
		return 0;
	if (strlen(path) >= sizeof(j->mirror.sun_path))
		return -ENAMETOOLONG;
	j->mirror.sun_family = AF_UNIX;
	strcpy(j->mirror.sun_path, path);
	j->mirror_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return j->mirror_fd < 0 ? -errno : 0;
}

static int read_boot_id(struct journal *j)
{
	sd_id128_t boot;
	int r = sd_id128_get_boot(&boot);

	if (r < 0)
		return r;
	sd_id128_to_string(boot, j->boot);
	return 0;
}

/* The file, and where the chain goes on. */
static int open_chain(struct journal *j, int dir_fd, json_t **ret_recovered)
{
	char previous[JOURNAL_NAME_MAX];
	int r;

	j->dir_fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (j->dir_fd < 0)
		return -errno;
	r = j->fd = open_file(j->dir_fd);
	if (r >= 0)
		r = journal_settle_rotation(j, previous);
	if (r >= 0)
		r = journal_check_tail(j, previous, ret_recovered);
	if (r < 0)
		return r;
	j->head = j->chain;
	return 0;
}

int journal_open_full(sd_event *event, int dir_fd, const char *mirror, struct journal **ret)
{
	_cleanup_(journal_free_cleanup) struct journal *j = journal_new();
	json_t *recovered = NULL;
	int r;

	if (!j)
		return -ENOMEM;
	r = journal_hash_init();
	if (r < 0)
		return r;
	r = read_boot_id(j);
	if (r < 0)
		return r;
	r = open_mirror(j, mirror);
	if (r < 0)
		return r;
	j->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (j->done_fd < 0)
		return -errno;
	r = sd_event_add_io(event, &j->source, j->done_fd, EPOLLIN, on_finished, j);
	if (r < 0)
		return r;
	r = open_chain(j, dir_fd, &recovered);
	if (r < 0)
		return r;
	if (recovered) {
		r = journal_append(j, recovered, NULL, NULL);
		if (r < 0)
			return r;
	}
	r = start_writer(j);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(j);
	return 0;
}

int journal_open(sd_event *event, int dir_fd, struct journal **ret)
{
	return journal_open_full(event, dir_fd, JOURNAL_SOCKET, ret);
}

int journal_append(struct journal *j, json_t *object, journal_done_fn done, void *userdata)
{
	_cleanup_json_ json_t *consumed = object;
	struct record *record;
	size_t cost;
	int r = record_new(consumed, &record);

	if (r < 0)
		return r;
	record->done = done;
	record->userdata = userdata;
	cost = record->size + JOURNAL_PREFIX_MAX;
	pthread_mutex_lock(&j->lock);
	if (j->waiting_records >= JOURNAL_QUEUE_RECORDS ||
		j->waiting_bytes + cost > JOURNAL_QUEUE_BYTES) {
		r = -ENOBUFS;
	} else {
		j->waiting_records++;
		j->waiting_bytes += cost;
		record_list_add(&j->queue, TAKE_PTR(record));
		pthread_cond_signal(&j->wake);
	}
	pthread_mutex_unlock(&j->lock);
	record_free(record);
	return r;
}

static void free_records(struct record_list *list)
{
	struct record *record = record_list_take(list);

	while (record) {
		struct record *next = record->next;

		record_free(record);
		record = next;
	}
}

void journal_free(struct journal *j)
{
	if (!j)
		return;
	if (j->running) {
		pthread_mutex_lock(&j->lock);
		j->stopping = true;
		pthread_cond_signal(&j->wake);
		pthread_mutex_unlock(&j->lock);
		pthread_join(j->thread, NULL);
	}
	sd_event_source_disable_unref(j->source);
	free_records(&j->queue);
	free_records(&j->finished);
	close_fd(j->fd);
	close_fd(j->dir_fd);
	close_fd(j->done_fd);
	close_fd(j->mirror_fd);
	pthread_cond_destroy(&j->wake);
	pthread_mutex_destroy(&j->lock);
	free(j);
}

void journal_head(struct journal *j, uint64_t *ret_seq, char ret_hash[JOURNAL_HASH_HEX + 1])
{
	pthread_mutex_lock(&j->lock);
	*ret_seq = j->head.seq;
	memcpy(ret_hash, j->head.hash, sizeof(j->head.hash));
	pthread_mutex_unlock(&j->lock);
}

void journal_get_stats(struct journal *j, struct journal_stats *ret)
{
	pthread_mutex_lock(&j->lock);
	*ret = j->stats;
	pthread_mutex_unlock(&j->lock);
}

void journal_set_gate(struct journal *j, int (*gate)(void *userdata), void *userdata)
{
	pthread_mutex_lock(&j->lock);
	j->gate = gate;
	j->gate_userdata = userdata;
	pthread_mutex_unlock(&j->lock);
}

void journal_set_rotation(struct journal *j, uint64_t bytes)
{
	journal_set_limits(j, &(struct journal_limits){bytes, HEAD_RECORDS, HEAD_USEC});
}

void journal_set_limits(struct journal *j, const struct journal_limits *limits)
{
	pthread_mutex_lock(&j->lock);
	j->limits = *limits;
	pthread_cond_signal(&j->wake);
	pthread_mutex_unlock(&j->lock);
}
