/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rotation: the chain goes on in a new file, whatever happens between two steps. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"

static struct bench b;

static void rotate_at(uint64_t bytes)
{
	journal_set_limits(b.journal, &(struct journal_limits){bytes, UINT64_MAX, UINT64_MAX / 2});
}

static void setup(void)
{
	bench_setup(&b);
	rotate_at(4000);
}

static void teardown(void)
{
	bench_teardown(&b);
}

TestSuite(journal_rotate, .init = setup, .fini = teardown, .timeout = 60);

static void append(int n)
{
	cr_assert_eq(bench_append(&b, "device.reset", n), 0);
	bench_run(&b, b.done + 1);
	cr_assert_eq(b.errors[b.done - 1], 0);
}

static off_t size_of(const char *name, nlink_t *ret_links)
{
	struct stat st;

	if (fstatat(b.dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	if (ret_links)
		*ret_links = st.st_nlink;
	return st.st_size;
}

static void expect_good(uint64_t lines)
{
	struct journal_verdict v = bench_verify(&b);

	cr_expect_eq(v.bad_line, 0, "%s", v.reason);
	cr_expect_eq(v.lines, lines);
	cr_expect_eq(v.head.seq, lines);
	journal_verdict_done(&v);
}

Test(journal_rotate, by_size)
{
	struct journal_stats stats;
	struct stat st;
	char name[64];

	for (int i = 0; i < 100; i++)
		append(i);
	journal_get_stats(b.journal, &stats);
	cr_assert_gt(stats.rotations, 3);
	cr_expect_eq(stats.failed_rotations, 0);
	for (uint64_t i = 1; i <= stats.rotations; i++) {
		snprintf(name, sizeof(name), JOURNAL_FILE ".%d", (int)i);
		cr_assert_eq(fstatat(b.dir_fd, name, &st, AT_SYMLINK_NOFOLLOW), 0);
		cr_expect_eq(st.st_mode & 07777, 0640);
		cr_expect_eq(st.st_nlink, 1);
		cr_expect_leq(st.st_size, 4000);
		cr_expect_gt(st.st_size, 2000);
		cr_expect_leq(st.st_blocks, 16, "what was allocated ahead is given back");
	}
	expect_good(100);
}

/* Reading and verifying go over all files, and the next daemon takes up where this one ended. */
Test(journal_rotate, a_restart_goes_on)
{
	for (int i = 0; i < 30; i++)
		append(i);
	bench_close(&b);
	cr_assert_eq(bench_open(&b), 0);
	append(30);
	rotate_at(1);
	append(31);
	append(32);
	expect_good(33);
}

Test(journal_rotate, an_empty_file_goes_on_from_the_one_before)
{
	_cleanup_close_ int fd = -1;

	rotate_at(1);
	append(0);
	append(1);
	bench_close(&b);
	/* The rotation is on disk and the record after it is not. */
	fd = openat(b.dir_fd, JOURNAL_FILE, O_WRONLY | O_TRUNC | O_CLOEXEC);
	cr_assert_geq(fd, 0);
	cr_assert_eq(bench_open(&b), 0);
	append(2);
	expect_good(2);
	bench_close(&b);
	/* So, too, when there is nothing but the start of a line; and when the file is gone. */
	cr_assert_eq(ftruncate(fd, 9), 0);
	cr_assert_eq(bench_open(&b), 0);
	bench_close(&b);
	expect_good(2);
	cr_assert_eq(unlinkat(b.dir_fd, JOURNAL_FILE, 0), 0);
	cr_assert_eq(bench_open(&b), 0);
	append(3);
	expect_good(2);
}

/* Between the two steps the file has both names. */
Test(journal_rotate, a_crash_between_the_steps)
{
	nlink_t links;

	rotate_at(UINT64_MAX);
	for (int i = 0; i < 5; i++)
		append(i);
	bench_close(&b);
	cr_assert_eq(linkat(b.dir_fd, JOURNAL_FILE, b.dir_fd, JOURNAL_FILE ".1", 0), 0);
	close(openat(b.dir_fd, JOURNAL_FILE ".new", O_CREAT | O_WRONLY | O_CLOEXEC, 0640));
	expect_good(5);
	cr_assert_eq(bench_open(&b), 0);
	cr_expect_eq(size_of(JOURNAL_FILE ".1", NULL), -1);
	cr_expect_eq(size_of(JOURNAL_FILE ".new", NULL), -1);
	cr_expect_gt(size_of(JOURNAL_FILE, &links), 0);
	cr_expect_eq(links, 1);
	rotate_at(1);
	append(5);
	cr_expect_gt(size_of(JOURNAL_FILE ".1", NULL), 0);
	expect_good(6);
}

/* A name that is taken is left alone, and so is everything else: the file grows on. */
Test(journal_rotate, a_failure_is_undone)
{
	struct journal_stats stats;

	rotate_at(1);
	append(0);
	cr_assert_eq(mkdirat(b.dir_fd, JOURNAL_FILE ".1", 0700), 0);
	append(1);
	journal_get_stats(b.journal, &stats);
	cr_expect_eq(stats.rotations, 0);
	cr_expect_gt(stats.failed_rotations, 0);
	cr_expect_eq(size_of(JOURNAL_FILE ".new", NULL), -1);
	cr_assert_eq(unlinkat(b.dir_fd, JOURNAL_FILE ".1", AT_REMOVEDIR), 0);
	expect_good(2);
	append(2);
	cr_expect_gt(size_of(JOURNAL_FILE ".1", NULL), 0);
	expect_good(3);
}

Test(journal_rotate, numbers_go_on_after_old_files_were_taken_away)
{
	rotate_at(1);
	for (int i = 0; i < 12; i++)
		append(i);
	cr_assert_eq(unlinkat(b.dir_fd, JOURNAL_FILE ".1", 0), 0);
	bench_close(&b);
	cr_assert_eq(bench_open(&b), 0);
	rotate_at(1);
	append(12);
	cr_expect_gt(size_of(JOURNAL_FILE ".12", NULL), 0);
	cr_expect_eq(size_of(JOURNAL_FILE ".13", NULL), -1);
}

/* SIGKILL while every record rotates: what was reported is there, in one chain. */
Test(journal_rotate, killed_while_rotating)
{
	for (int round = 0; round < 20; round++) {
		struct journal_verdict v;
		uint64_t reported = 0, n;
		int fds[2];
		pid_t pid;

		bench_close(&b);
		cr_assert_eq(pipe(fds), 0);
		pid = fork();
		if (pid == 0) {
			sd_event_unref(b.event);
			if (sd_event_new(&b.event) < 0 || bench_open(&b) < 0)
				_exit(1);
			rotate_at(1);
			for (;;) {
				bench_append(&b, "x", 0);
				if (sd_event_run(b.event, UINT64_MAX) < 0)
					_exit(1);
				journal_head(b.journal, &n, (char[JOURNAL_HASH_HEX + 1]){0});
				if (write(fds[1], &n, sizeof(n)) < 0)
					_exit(1);
			}
		}
		close(fds[1]);
		for (int i = 0; i < 3 + round; i++)
			cr_assert_eq(read(fds[0], &reported, sizeof(reported)), sizeof(reported));
		kill(pid, SIGKILL);
		while (read(fds[0], &n, sizeof(n)) == sizeof(n))
			reported = n;
		waitpid(pid, NULL, 0);
		close(fds[0]);
		cr_assert_eq(bench_open(&b), 0);
		v = bench_verify(&b);
		cr_assert_eq(v.bad_line, 0, "%s", v.reason);
		cr_assert_geq(v.head.seq, reported);
	}
}
