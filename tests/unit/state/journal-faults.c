/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A sync or a truncate that fails. The two calls below take the place of the C library's in this
 * program; they reach the kernel unless a test has them fail.
 */
#include <errno.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fixture.h"

static struct bench b;
static atomic_int syncs, failing_syncs, failing_truncates;

static bool fails(atomic_int *left)
{
	if (*left == 0)
		return false;
	(*left)--;
	errno = EIO;
	return true;
}

int fdatasync(int fd)
{
	syncs++;
	return fails(&failing_syncs) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

int ftruncate(int fd, off_t size)
{
	return fails(&failing_truncates) ? -1 : (int)syscall(SYS_ftruncate, fd, size);
}

static void setup(void)
{
	bench_setup(&b);
	syncs = 0;
}

static void teardown(void)
{
	bench_teardown(&b);
}

TestSuite(journal_faults, .init = setup, .fini = teardown, .timeout = 60);

static int append_wait(void)
{
	cr_assert_eq(bench_append(&b, "x", 0), 0);
	bench_run(&b, b.done + 1);
	return b.errors[b.done - 1];
}

static void expect_lines(uint64_t lines)
{
	struct journal_verdict v = bench_verify(&b);

	cr_expect_eq(v.bad_line, 0, "%s", v.reason);
	cr_expect_eq(v.lines, lines);
	journal_verdict_done(&v);
}

Test(journal_faults, each_group_is_synced_once)
{
	for (int i = 0; i < 3; i++) {
		cr_expect_eq(append_wait(), 0);
		cr_expect_eq(syncs, i + 1);
	}
}

Test(journal_faults, a_failed_sync_is_cut_back)
{
	cr_expect_eq(append_wait(), 0);
	failing_syncs = 1;
	cr_expect_eq(append_wait(), -EIO);
	expect_lines(1);
	cr_expect_eq(append_wait(), 0);
	expect_lines(2);
}

/* What could not be cut off at once is cut off before anything else is written. */
Test(journal_faults, a_failed_cut_is_made_up_for)
{
	cr_expect_eq(append_wait(), 0);
	failing_syncs = 1;
	failing_truncates = 2;
	cr_expect_eq(append_wait(), -EIO);
	cr_expect_eq(append_wait(), -EIO, "nothing is written behind a bad tail");
	expect_lines(2);
	cr_expect_eq(append_wait(), 0);
	expect_lines(2);
	cr_expect_eq(append_wait(), 0);
	expect_lines(3);
}
