/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The helper process. An attribute that is a FIFO without a reader holds its writer up, as the
 * kernel does with an unbind while somebody has the device open.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/text.h"
#include "host/linux.h"
#include "tree.h"

#define DEVICE "0000:01:00.0"
#define OTHER "0000:00:16.0"
#define EDU "pci:v00001234d000011E8sv00001AF4sd00001100bc00scFFi00\n"
#define UNBIND "sys/bus/pci/drivers/nvme/unbind"

static struct tree tree;

static void setup(void)
{
	tree_new(&tree);
	tree_device(&tree, "0000:00:10.0/", DEVICE, EDU, 14);
	tree_device(&tree, "", OTHER, EDU, 8);
	tree_write(&tree, UNBIND, "");
	tree_write(&tree, "sys/bus/pci/drivers/nvme/bind", "");
	tree_device_link(&tree, DEVICE, "driver", "../../../../bus/pci/drivers/nvme");
	alarm(20);
}

static void teardown(void)
{
	tree_done(&tree);
}

TestSuite(helper, .init = setup, .fini = teardown);

static void expect_content(const char *path, const char *expected)
{
	_cleanup_free_ char *full = tree_path(&tree, path), *text = NULL;

	cr_assert_eq(read_file_at(AT_FDCWD, full, 4096, &text, NULL), 0);
	cr_expect_str_eq(text, expected, "%s", path);
}

static pid_t helper_of(struct host *h)
{
	return helper_pid(linux_host(h)->helper);
}

Test(helper, overrides)
{
	char *override = (char *)"untouched";

	tree_start(&tree);
	cr_expect_eq(HOST(tree.host, override_get, DEVICE, DEVICE, &override), 0);
	cr_expect_null(override, "(null) is none");
	cr_expect_eq(HOST(tree.host, override_set, DEVICE, DEVICE, "vfio-pci"), 0);
	expect_content("sys/bus/pci/devices/" DEVICE "/driver_override", "vfio-pci");
	cr_expect_eq(HOST(tree.host, override_get, DEVICE, DEVICE, &override), 0);
	cr_expect_str_eq(override, "vfio-pci");
	free(override);
	tree_attribute(&tree, DEVICE, "driver_override", "");
	cr_expect_eq(HOST(tree.host, override_set, DEVICE, DEVICE, NULL), 0);
	expect_content("sys/bus/pci/devices/" DEVICE "/driver_override", "\n");
}

Test(helper, names_and_addresses_are_checked)
{
	struct host *h;

	tree_start(&tree);
	h = tree.host;
	cr_expect_eq(HOST(h, override_set, "", "../../x", "vfio-pci"), -EINVAL);
	cr_expect_eq(HOST(h, override_set, "", DEVICE, "a\nb"), -EINVAL);
	cr_expect_eq(HOST(h, driver_probe, "", DEVICE, "../x"), -EINVAL);
	cr_expect_eq(HOST(h, driver_unbind, "", "01:00.0"), -EINVAL, "not normalised");
	cr_expect_eq(HOST(h, driver_unbind, "", "0000:07:00.0"), -ENODEV);
}

Test(helper, unbind_writes_the_address)
{
	tree_start(&tree);
	cr_expect_eq(HOST(tree.host, driver_unbind, DEVICE, DEVICE), 0);
	expect_content(UNBIND, DEVICE);
	cr_expect_eq(HOST(tree.host, driver_unbind, OTHER, OTHER), 0, "no driver is success");
}

Test(helper, probe_checks_the_driver)
{
	tree_start(&tree);
	cr_expect_eq(HOST(tree.host, driver_probe, DEVICE, DEVICE, "nvme"), 0, "is on it");
	cr_expect_eq(HOST(tree.host, driver_probe, DEVICE, DEVICE, "vfio-pci"), -ENXIO);
	cr_expect_eq(HOST(tree.host, driver_probe, OTHER, OTHER, "nvme"), -ENXIO, "did not bind");
	expect_content("sys/bus/pci/drivers/nvme/bind", OTHER);
	cr_expect_eq(HOST(tree.host, driver_probe, OTHER, OTHER, NULL), 0);
	expect_content("sys/bus/pci/drivers_probe", OTHER);
}

Test(helper, function_reset)
{
	tree_start(&tree);
	cr_expect_eq(HOST(tree.host, function_reset, DEVICE, DEVICE), -ENOTTY);
	tree_attribute(&tree, DEVICE, "reset", "");
	cr_expect_eq(HOST(tree.host, function_reset, DEVICE, DEVICE), 0);
	expect_content("sys/bus/pci/devices/" DEVICE "/reset", "1");
}

static unsigned count_fds_of(pid_t pid)
{
	char path[64];
	struct dirent *entry;
	unsigned n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	cr_assert(dir);
	while ((entry = readdir(dir)))
		n += entry->d_name[0] != '.';
	closedir(dir);
	return n;
}

Test(helper, holds_nothing_but_its_socket_and_sysfs)
{
	int inherited = dup(0); /* not CLOEXEC */
	unsigned n = 0;

	cr_assert_geq(inherited, 0);
	tree_start(&tree);
	cr_assert_eq(HOST(tree.host, driver_unbind, OTHER, OTHER), 0);
	/* It has the pipe's other end too while it starts a worker. */
	for (int i = 0; i < 100 && n != 6; i++) {
		usleep(10000);
		n = count_fds_of(helper_of(tree.host));
	}
	cr_expect_eq(n, 6, "0 to 2, sysfs, the socket and a pipe, but there are %u", n);
	close(inherited);
}

struct waiting {
	pthread_t thread;
	int end[2]; /* readable when the call has returned */
	int result;
};

static void *wait_for_unbind(void *arg)
{
	struct waiting *w = arg;

	w->result = HOST(tree.host, driver_unbind, DEVICE, DEVICE);
	close(w->end[1]);
	return NULL;
}

static bool has_returned(const struct waiting *w, int msec)
{
	struct pollfd p = { .fd = w->end[0] };

	return poll(&p, 1, msec) == 1;
}

static void start_stuck_unbind(struct waiting *w)
{
	tree_fifo(&tree, UNBIND);
	tree_start(&tree);
	cr_assert_eq(pipe2(w->end, O_CLOEXEC), 0);
	cr_assert_eq(pthread_create(&w->thread, NULL, wait_for_unbind, w), 0);
	cr_assert_not(has_returned(w, 200), "the unbind has to hang");
}

static void join(struct waiting *w)
{
	cr_assert(has_returned(w, 5000), "the call has to return");
	pthread_join(w->thread, NULL);
	close(w->end[0]);
}

static void let_go(void)
{
	_cleanup_free_ char *fifo = tree_path(&tree, UNBIND);
	_cleanup_close_ int fd = open(fifo, O_RDONLY | O_CLOEXEC);
	char text[64] = "";

	cr_assert_gt(read(fd, text, sizeof(text) - 1), 0);
	cr_expect_str_eq(text, DEVICE);
}

/* The oldest child of the helper and their number, or 0 and 0. The youngest waits for work. */
static pid_t oldest_child(pid_t pid, size_t *ret_n)
{
	_cleanup_strv_free_ char **children = NULL;
	_cleanup_free_ char *text = NULL;
	char path[96];

	*ret_n = 0;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	if (read_line_at(AT_FDCWD, path, &text) < 0 || strv_split(&children, text) < 0)
		return 0;
	*ret_n = strv_length(children);
	return *ret_n ? atoi(children[0]) : 0;
}

Test(helper, a_request_that_hangs_holds_up_nobody_else)
{
	struct timespec a, b;
	struct waiting w;

	start_stuck_unbind(&w);
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (int i = 0; i < 20; i++)
		cr_assert_eq(HOST(tree.host, override_set, OTHER, OTHER, "vfio-pci"), 0);
	clock_gettime(CLOCK_MONOTONIC, &b);
	cr_expect_lt(b.tv_sec - a.tv_sec, 5);
	cr_expect_not(has_returned(&w, 0));
	let_go();
	join(&w);
	cr_expect_eq(w.result, 0);
}

Test(helper, a_new_helper_comes_for_one_that_died)
{
	pid_t first;

	tree_start(&tree);
	first = helper_of(tree.host);
	cr_assert_eq(kill(first, SIGKILL), 0);
	for (int i = 0; i < 5; i++)
		if (HOST(tree.host, override_set, OTHER, OTHER, "vfio-pci") == 0)
			break;
	cr_expect_eq(HOST(tree.host, override_set, OTHER, OTHER, "vfio-pci"), 0);
	cr_expect_neq(helper_of(tree.host), first);
}

Test(helper, its_death_does_not_end_what_is_under_way)
{
	struct waiting w;

	start_stuck_unbind(&w);
	kill(helper_of(tree.host), SIGKILL);
	cr_expect_not(has_returned(&w, 200), "the child still hangs in the kernel");
	/* The worker that waited takes one more; then the one that hangs must not hide the end. */
	for (int i = 0; i < 3; i++)
		cr_expect_eq(HOST(tree.host, override_set, OTHER, OTHER, "vfio-pci"), 0);
	let_go();
	join(&w);
	cr_expect_eq(w.result, 0);
}

Test(helper, the_death_of_a_child_ends_its_request)
{
	struct waiting w;
	pid_t child;
	size_t n;

	start_stuck_unbind(&w);
	child = oldest_child(helper_of(tree.host), &n);
	if (n == 0)
		cr_skip_test("no /proc/PID/task/TID/children");
	kill(child, SIGKILL);
	join(&w);
	cr_expect_eq(w.result, -EPIPE);
	cr_expect_eq(HOST(tree.host, override_set, OTHER, OTHER, "vfio-pci"), 0);
}

Test(helper, children_are_reaped)
{
	size_t n = 2;

	tree_start(&tree);
	for (int i = 0; i < 20; i++)
		cr_assert_eq(HOST(tree.host, override_set, OTHER, OTHER, "vfio-pci"), 0);
	for (int i = 0; i < 100 && n > 1; i++) {
		usleep(10000);
		oldest_child(helper_of(tree.host), &n);
	}
	cr_expect_leq(n, 1, "only the one that waits for work");
}

static void *set_override(void *arg)
{
	(void)HOST(tree.host, override_set, DEVICE, DEVICE, "vfio-pci");
	return NULL;
}

/* The child of fork() plays the daemon. It tells its helper's pid. */
static void play_daemon(int fd, bool ask_more)
{
	pthread_t thread;
	struct waiting w;
	pid_t pid;

	start_stuck_unbind(&w);
	if (ask_more && pthread_create(&thread, NULL, set_override, NULL) == 0)
		usleep(200000);
	pid = helper_of(tree.host);
	if (write(fd, &pid, sizeof(pid)) != sizeof(pid))
		_exit(1);
	pause();
}

Test(helper, sigkill_ends_the_daemon_while_an_unbind_hangs)
{
	pid_t daemon, helper = 0;
	int fds[2], status;

	cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
	daemon = fork();
	if (daemon == 0)
		play_daemon(fds[1], false);
	cr_assert_eq(read(fds[0], &helper, sizeof(helper)), sizeof(helper));
	kill(daemon, SIGKILL);
	for (int i = 0; i < 100 && waitpid(daemon, &status, WNOHANG) == 0; i++)
		usleep(10000);
	cr_expect(kill(daemon, 0) < 0 && errno == ESRCH, "the daemon is still there");
	for (int i = 0; i < 200 && kill(helper, 0) == 0; i++)
		usleep(10000);
	cr_expect(kill(helper, 0) < 0, "the helper ends with the daemon");
	let_go();
}

static void *get_override(void *arg)
{
	struct waiting *w = arg;
	char *override = NULL;

	w->result = HOST(tree.host, override_get, DEVICE, DEVICE, &override);
	cr_expect_null(override, "what the dead daemon asked for last was done: %s", override);
	free(override);
	close(w->end[1]);
	return NULL;
}

Test(helper, the_next_daemon_waits_for_what_the_last_one_began)
{
	char *other = NULL;
	pid_t daemon, helper;
	struct waiting w;
	int fds[2];

	tree_attribute(&tree, DEVICE, "remove", "");
	cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
	daemon = fork();
	if (daemon == 0)
		play_daemon(fds[1], true);
	cr_assert_eq(read(fds[0], &helper, sizeof(helper)), sizeof(helper));
	kill(daemon, SIGKILL);
	waitpid(daemon, NULL, 0);

	tree_start(&tree);
	cr_assert_eq(pipe2(w.end, O_CLOEXEC), 0);
	cr_assert_eq(pthread_create(&w.thread, NULL, get_override, &w), 0);
	cr_expect_not(has_returned(&w, 300), "the unbind is still under way");
	cr_expect_eq(HOST(tree.host, override_get, OTHER, OTHER, &other), 0, "nobody else waits");
	let_go();
	join(&w);
	cr_expect_eq(w.result, 0);
}
