/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A hold is held while one copy of its write end is open anywhere, and not a moment longer. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store-fixture.h"

static struct store_bench b;
static int read_fd = -1, write_fd = -1;

static void setup(void)
{
	store_bench_setup(&b);
	cr_assert_eq(hold_create(&b.store, "k1", &read_fd, &write_fd), 0);
}

static void teardown(void)
{
	close_fd(read_fd);
	close_fd(write_fd);
	store_bench_teardown(&b);
}

TestSuite(hold, .init = setup, .fini = teardown, .timeout = 30);

/* As the daemon watches it: nothing but the hang-up wakes it. */
static int hang_ups(int fd)
{
	_cleanup_close_ int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event = {.events = 0};

	cr_assert_eq(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), 0);
	return epoll_wait(epoll, &event, 1, 0);
}

Test(hold, ends)
{
	struct stat st;

	cr_expect_eq(hold_is_held(read_fd), 1);
	cr_expect_eq(hang_ups(read_fd), 0);
	cr_assert_eq(fstatat(b.store.hold_fd, "k1", &st, 0), 0);
	cr_expect_eq(st.st_mode, S_IFIFO | 0600);
	cr_expect_eq(fcntl(read_fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_RDONLY | O_NONBLOCK);
	cr_expect_eq(fcntl(write_fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_WRONLY | O_NONBLOCK);
	cr_expect(fcntl(read_fd, F_GETFD) & FD_CLOEXEC);
	cr_expect(fcntl(write_fd, F_GETFD) & FD_CLOEXEC);
	write_fd = close_fd(write_fd);
	cr_expect_eq(hold_is_held(read_fd), 0);
	cr_expect_eq(hang_ups(read_fd), 1);
	cr_expect_eq(hold_remove(&b.store, "k1"), 0);
	cr_expect_eq(hold_remove(&b.store, "k1"), 0);
	cr_expect_eq(hold_reopen(&b.store, "k1", &read_fd), -ENOENT);
}

Test(hold, name_is_taken_once)
{
	int r1 = -1, w1 = -1;

	cr_expect_eq(hold_create(&b.store, "k1", &r1, &w1), -EEXIST);
	cr_expect_eq(r1, -1);
	cr_expect_eq(hold_is_held(read_fd), 1);
	cr_expect_eq(hold_create(&b.store, "k2", &r1, &w1), 0);
	close(w1);
	cr_expect_eq(hold_is_held(r1), 0);
	cr_expect_eq(hold_is_held(read_fd), 1);
	close(r1);
}

Test(hold, last_copy_counts)
{
	int copy = dup(write_fd), go[2];
	pid_t pid;

	cr_assert_eq(pipe(go), 0);
	pid = fork();
	if (pid == 0) {
		char c;

		close(go[1]);
		_exit(read(go[0], &c, 1) != 0);
	}
	close(go[0]);
	write_fd = close_fd(write_fd);
	cr_expect_eq(hold_is_held(read_fd), 1);
	close(copy);
	cr_expect_eq(hold_is_held(read_fd), 1, "the child holds two");
	close(go[1]);
	cr_assert_eq(waitpid(pid, NULL, 0), pid);
	cr_expect_eq(hold_is_held(read_fd), 0);
	cr_expect_eq(hang_ups(read_fd), 1);
}

Test(hold, reopened_after_a_restart)
{
	close(read_fd);
	cr_assert_eq(hold_reopen(&b.store, "k1", &read_fd), 0);
	cr_expect_eq(hold_is_held(read_fd), 1);
	cr_expect_eq(hang_ups(read_fd), 0);
	write_fd = close_fd(write_fd);
	cr_expect_eq(hang_ups(read_fd), 1);
	cr_expect_eq(hold_is_held(read_fd), 0);
	close(read_fd);
	/* nobody held it when it was reopened: there is no hang-up, only read tells */
	cr_assert_eq(hold_reopen(&b.store, "k1", &read_fd), 0);
	cr_expect_eq(hang_ups(read_fd), 0);
	cr_expect_eq(hold_is_held(read_fd), 0);
}

Test(hold, writing_clients_change_nothing)
{
	char data[4096] = "x";

	while (write(write_fd, data, sizeof(data)) > 0)
		;
	cr_expect_eq(errno, EAGAIN);
	cr_expect_eq(hang_ups(read_fd), 0);
	cr_expect_eq(hold_is_held(read_fd), 1);
	cr_expect_gt(write(write_fd, data, sizeof(data)), 0, "it was drained");
	write_fd = close_fd(write_fd);
	cr_expect_eq(hang_ups(read_fd), 1);
	cr_expect_eq(hold_is_held(read_fd), 0);
}

/* As if a client always wrote faster than we read; it takes the place of the C library's. */
static int endless_fd = -1, reads;

ssize_t read(int fd, void *data, size_t size)
{
	if (fd != endless_fd)
		return syscall(SYS_read, fd, data, size);
	if (++reads < 1000000)
		return size;
	errno = EAGAIN;
	return -1;
}

Test(hold, a_client_that_never_stops_writing)
{
	endless_fd = read_fd;
	cr_expect_eq(hold_is_held(read_fd), 1);
	cr_expect_leq(reads, 1024);
	endless_fd = -1;
}

Test(hold, not_a_fifo)
{
	int fd = -1;

	cr_assert_eq(replace_file_at(b.store.hold_fd, "k3", 0600, "", 0, false), 0);
	cr_expect_eq(hold_reopen(&b.store, "k3", &fd), -EBADMSG);
	cr_assert_eq(symlinkat("k1", b.store.hold_fd, "k4"), 0);
	cr_expect_eq(hold_reopen(&b.store, "k4", &fd), -ELOOP);
	cr_expect_eq(fd, -1);
}
