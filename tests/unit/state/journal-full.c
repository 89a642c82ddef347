/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A full disk: an error and a good chain, ends go on where beginnings are refused, and recovery. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fixture.h"

static struct bench b;

static void teardown(void)
{
	bench_teardown(&b);
}

TestSuite(journal_full, .fini = teardown, .timeout = 60);

static int append_wait(const char *event)
{
	cr_assert_eq(bench_append(&b, event, 0), 0);
	bench_run(&b, b.done + 1);
	return b.errors[b.done - 1];
}

static void keep_error(void *userdata, int error)
{
	*(int *)userdata = error;
}

static void expect_good(uint64_t lines)
{
	struct journal_verdict v = bench_verify(&b);

	cr_expect_eq(v.bad_line, 0, "%s", v.reason);
	cr_expect_eq(v.lines, lines);
	journal_verdict_done(&v);
}

static void set_limit(rlim_t bytes)
{
	struct rlimit limit;

	cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* The write itself fails, in the middle of a line. */
Test(journal_full, a_short_write_is_cut_back)
{
	bench_setup(&b);
	signal(SIGXFSZ, SIG_IGN);
	cr_expect_eq(append_wait("device.reset"), 0);
	set_limit(300);
	cr_expect_eq(append_wait("device.reset"), -EFBIG);
	cr_expect_eq(append_wait("device.reset"), -EFBIG);
	expect_good(1);
	set_limit(RLIM_INFINITY);
	cr_expect_eq(append_wait("device.reset"), 0);
	expect_good(2);
}

static bool mount_small(char *path)
{
	cr_assert(mkdtemp(path));
	return unshare(CLONE_NEWNS) == 0 &&
	       mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("tmpfs", path, "tmpfs", 0, "size=4m") == 0;
}

static void fill_disk(void)
{
	_cleanup_close_ int fd = openat(b.dir_fd, "filler", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	static char block[4096];

	while (write(fd, block, sizeof(block)) > 0)
		;
	cr_assert_eq(errno, ENOSPC);
}

Test(journal_full, ends_are_written_where_beginnings_are_refused)
{
	char path[] = "/tmp/devlease-test-XXXXXX";
	uint64_t lines = 1;
	int r;

	if (!mount_small(path)) {
		rmdir(path);
		cr_skip_test("no permission to mount a tmpfs");
	}
	bench_setup_at(&b, path);
	cr_expect_eq(append_wait("lease.granted"), 0);
	fill_disk();
	while ((r = append_wait("lease.granted")) == 0) /* what was allocated ahead */
		lines++;
	cr_expect_eq(r, -ENOSPC);
	for (int i = 0; i < 1000; i++, lines++)
		cr_assert_eq(append_wait("lease.released"), 0);
	cr_expect_eq(append_wait("lease.refused"), -ENOSPC);
	/* A client can have its device reset again and again. */
	cr_expect_eq(journal_append(b.journal, json_pack("{s:s, s:b}", "event", "device.reset",
		"live", 1), keep_error, &r), 0);
	journal_append(b.journal, json_pack("{s:s}", "event", "device.reset"), NULL, NULL);
	cr_expect_eq(append_wait("device.reset"), 0);
	cr_expect_eq(r, -ENOSPC);
	lines += 2;
	expect_good(lines);
	while ((r = append_wait("lease.released")) == 0)
		lines++;
	cr_expect_eq(r, -ENOSPC);
	expect_good(lines);
	cr_assert_eq(unlinkat(b.dir_fd, "filler", 0), 0);
	cr_expect_eq(append_wait("lease.granted"), 0);
	cr_expect_eq(append_wait("lease.released"), 0);
	expect_good(lines + 2);
	cr_expect_eq(umount2(path, MNT_DETACH), 0);
}
