/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a crash leaves at the end is moved aside whole and told; all that was reported stays. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"

static struct bench b;

static void setup(void)
{
	bench_setup(&b);
	for (int i = 0; i < 5; i++)
		bench_append(&b, "x", i);
	bench_run(&b, 5);
	bench_close(&b);
}

static void teardown(void)
{
	bench_teardown(&b);
}

TestSuite(journal_recover, .init = setup, .fini = teardown, .timeout = 60);

static void add_to_file(const void *data, size_t size)
{
	_cleanup_close_ int fd = openat(b.dir_fd, JOURNAL_FILE, O_WRONLY | O_APPEND | O_CLOEXEC);

	cr_assert_eq(write_all(fd, data, size), 0);
}

struct last {
	json_t *record;
	uint64_t n;
};

static int keep_last(void *userdata, json_t *record)
{
	struct last *last = userdata;

	json_decref(last->record);
	last->record = json_incref(record);
	last->n++;
	return 0;
}

/* Opens, appends one more, and expects `good` old lines, a journal.recovered and the new one. */
static json_t *expect_recovered(uint64_t good, const char *name, const char *content, size_t size)
{
	_cleanup_journal_set_ struct journal_set set = {0};
	_cleanup_free_ char *torn = NULL;
	struct last last = {0};
	struct journal_verdict v;
	size_t torn_size = 0;

	cr_assert_eq(bench_open(&b), 0);
	journal_free(TAKE_PTR(b.journal)); /* waits for the record */
	v = bench_verify(&b);
	cr_expect_eq(v.bad_line, 0, "%s", v.reason);
	cr_expect_eq(v.lines, good + 1);
	bench_set(&b, &set);
	cr_assert_eq(journal_read(&set, keep_last, &last, NULL), 0);
	cr_expect_str_eq(json_string_value(json_object_get(last.record, "event")),
		"journal.recovered");
	cr_expect_eq(json_integer_value(json_object_get(last.record, "bytes")), (json_int_t)size);
	if (name) {
		cr_expect_str_eq(json_string_value(json_object_get(last.record, "moved-to")), name);
		cr_assert_eq(read_file_at(b.dir_fd, name, 1 << 20, &torn, &torn_size), 0);
		cr_expect_eq(torn_size, size);
		cr_expect_eq(memcmp(torn, content, size), 0);
	}
	return last.record;
}

Test(journal_recover, torn_line)
{
	add_to_file("{\"seq\":6,\"pre", 13);
	json_decref(expect_recovered(5, "journal.torn-6", "{\"seq\":6,\"pre", 13));
	/* and again at the same place: the first one is not overwritten */
	cr_assert_eq(unlinkat(b.dir_fd, JOURNAL_FILE, 0), 0);
	cr_assert_eq(bench_open(&b), 0);
	for (int i = 0; i < 5; i++)
		bench_append(&b, "x", i);
	bench_run(&b, 10);
	bench_close(&b);
	add_to_file("again", 5);
	json_decref(expect_recovered(5, "journal.torn-6.1", "again", 5));
}

Test(journal_recover, torn_anywhere_in_the_last_line)
{
	size_t size, line, cut;
	_cleanup_free_ char *text = bench_read(&b, &size);

	line = (char *)memrchr(text, '\n', size - 1) + 1 - text;
	for (cut = line + 1; cut < size; cut += 7) {
		_cleanup_close_ int fd =
			openat(b.dir_fd, JOURNAL_FILE, O_WRONLY | O_TRUNC | O_CLOEXEC);

		cr_assert_eq(write_all(fd, text, cut), 0);
		json_decref(expect_recovered(4, NULL, NULL, cut - line));
	}
}

Test(journal_recover, hole_of_zeros)
{
	char hole[4096] = {0};
	size_t size;
	_cleanup_free_ char *text = bench_read(&b, &size);
	const char *last = (char *)memrchr(text, '\n', size - 1) + 1;
	size_t length = text + size - last;
	size_t torn_size = sizeof(hole) + 2 * length;
	_cleanup_free_ char *torn = calloc(1, torn_size);

	/* a lost block, the rest of its line, and a whole line that reached the disk */
	memcpy(torn + sizeof(hole), last, length);
	memcpy(torn + sizeof(hole) + length, last, length);
	add_to_file(torn, torn_size);
	json_decref(expect_recovered(5, "journal.torn-6", torn, torn_size));
}

Test(journal_recover, nothing_but_garbage)
{
	_cleanup_close_ int fd = openat(b.dir_fd, JOURNAL_FILE, O_WRONLY | O_TRUNC | O_CLOEXEC);

	cr_assert_eq(write_all(fd, "garbage\n[]\nmore", 15), 0);
	json_decref(expect_recovered(0, "journal.torn-1", "garbage\n[]\nmore", 15));
}

Test(journal_recover, damage_before_the_end_is_left_as_evidence)
{
	size_t size;
	_cleanup_free_ char *text = bench_read(&b, &size);
	_cleanup_close_ int fd = openat(b.dir_fd, JOURNAL_FILE, O_WRONLY | O_CLOEXEC);
	struct journal_verdict v;

	cr_assert_eq(pwrite(fd, "[", 1, 0), 1);
	cr_assert_eq(bench_open(&b), 0);
	bench_append(&b, "x", 5);
	bench_run(&b, 6);
	v = bench_verify(&b);
	cr_expect_eq(v.bad_line, 1);
	journal_verdict_done(&v);
	text[0] = '{';
	cr_assert_eq(pwrite(fd, "{", 1, 0), 1);
	v = bench_verify(&b);
	cr_expect_eq(v.bad_line, 0, "%s", v.reason);
	cr_expect_eq(v.lines, 6);
}

Test(journal_recover, no_end_in_a_huge_file)
{
	_cleanup_close_ int fd = openat(b.dir_fd, JOURNAL_FILE, O_WRONLY | O_CLOEXEC);
	static char block[1 << 20];

	memset(block, 'x', sizeof(block));
	for (int i = 0; i < 32; i++)
		cr_assert_eq(pwrite(fd, block, sizeof(block), (off_t)i << 20),
			(ssize_t)sizeof(block));
	cr_expect_eq(bench_open(&b), -EBADMSG);
}

/* SIGKILL at any moment: every record that was reported is there, and the chain goes on. */
Test(journal_recover, killed_while_writing, .timeout = 120)
{
	for (int round = 0; round < 10; round++) {
		struct journal_verdict v;
		uint64_t reported = 0, n;
		int fds[2];
		pid_t pid;

		cr_assert_eq(pipe(fds), 0);
		pid = fork();
		if (pid == 0) {
			sd_event_unref(b.event);
			if (sd_event_new(&b.event) < 0 || bench_open(&b) < 0)
				_exit(1);
			for (;;) {
				struct journal_stats stats;

				for (int i = 0; i < 20; i++)
					bench_append(&b, "x", i);
				if (sd_event_run(b.event, UINT64_MAX) < 0)
					_exit(1);
				journal_head(b.journal, &n, (char[JOURNAL_HASH_HEX + 1]){0});
				journal_get_stats(b.journal, &stats);
				if (write(fds[1], &n, sizeof(n)) < 0)
					_exit(1);
			}
		}
		close(fds[1]);
		for (int i = 0; i < 5 + round; i++)
			cr_assert_eq(read(fds[0], &reported, sizeof(reported)), sizeof(reported));
		kill(pid, SIGKILL);
		while (read(fds[0], &n, sizeof(n)) == sizeof(n))
			reported = n;
		waitpid(pid, NULL, 0);
		close(fds[0]);
		cr_assert_eq(bench_open(&b), 0);
		bench_close(&b);
		v = bench_verify(&b);
		cr_assert_eq(v.bad_line, 0, "%s", v.reason);
		cr_assert_geq(v.head.seq, reported);
	}
}
