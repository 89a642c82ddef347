/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "fixture.h"

void bench_setup_at(struct bench *b, const char *path)
{
	snprintf(b->path, sizeof(b->path), "%s", path);
	b->dir_fd = open(b->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert_geq(b->dir_fd, 0);
	cr_assert_geq(sd_event_new(&b->event), 0);
	cr_assert_eq(bench_open(b), 0);
}

void bench_setup(struct bench *b)
{
	char path[] = "/tmp/devlease-test-XXXXXX";

	cr_assert(mkdtemp(path));
	bench_setup_at(b, path);
}

int bench_open(struct bench *b)
{
	return journal_open_full(b->event, b->dir_fd, NULL, &b->journal);
}

void bench_close(struct bench *b)
{
	journal_free(TAKE_PTR(b->journal));
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

void bench_teardown(struct bench *b)
{
	bench_close(b);
	sd_event_unref(b->event);
	close_fd(b->dir_fd);
	nftw(b->path, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static void note(void *userdata, int error)
{
	struct bench *b = userdata;

	b->errors[b->done++ % ARRAY_SIZE(b->errors)] = error;
}

int bench_append(struct bench *b, const char *event, int n)
{
	return journal_append(b->journal, json_pack("{s:s, s:i}", "event", event, "n", n), note, b);
}

void bench_run(struct bench *b, size_t done)
{
	time_t end = time(NULL) + 20;

	while (b->done < done) {
		cr_assert_lt(time(NULL), end, "%zu of %zu completions came", b->done, done);
		cr_assert_geq(sd_event_run(b->event, 100 * 1000), 0);
	}
}

char *bench_read(struct bench *b, size_t *ret_size)
{
	char *data;

	cr_assert_eq(read_file_at(b->dir_fd, JOURNAL_FILE, 64 << 20, &data, ret_size), 0);
	return data;
}

void bench_set(struct bench *b, struct journal_set *ret)
{
	*ret = (struct journal_set){0};
	cr_assert_eq(journal_set_open(ret, b->dir_fd, JOURNAL_FILE), 0);
}

struct journal_verdict bench_verify(struct bench *b)
{
	_cleanup_journal_set_ struct journal_set set;
	struct journal_verdict v;

	bench_set(b, &set);
	cr_assert_eq(journal_verify(&set, NULL, NULL, &v), 0);
	return v;
}

struct journal_verdict verify_texts(const struct file_text *texts, size_t n,
	const struct chain *base, const struct chain *head)
{
	_cleanup_journal_set_ struct journal_set set = {0};
	struct journal_verdict v;
	static int fds[8];
	char name[32];

	for (size_t i = 0; i < n; i++) {
		if (fds[i] == 0)
			fds[i] = memfd_create("journal", MFD_CLOEXEC);
		cr_assert_eq(ftruncate(fds[i], 0), 0);
		cr_assert_eq(pwrite(fds[i], texts[i].data, texts[i].size, 0),
			(ssize_t)texts[i].size);
		cr_assert_eq(lseek(fds[i], 0, SEEK_SET), 0);
		snprintf(name, sizeof(name), "/x/file.%zu", i + 1);
		cr_assert_eq(journal_set_add(&set, -1, name, dup(fds[i])), 0);
	}
	cr_assert_eq(journal_verify(&set, base, head, &v), 0);
	return v;
}

struct journal_verdict verify_text(const char *text, size_t size, uint64_t seq, const char *head)
{
	struct file_text one = {text, size};
	struct chain place = {.seq = seq};

	if (head)
		memcpy(place.hash, head, sizeof(place.hash));
	return verify_texts(&one, 1, NULL, head ? &place : NULL);
}
