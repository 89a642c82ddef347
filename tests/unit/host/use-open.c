/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whose open files the survey of host use looks through, and what counts when it cannot: on a
 * synthetic /proc whose processes have /dev/null open, which stands for a node of the device.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/text.h"
#include "tree.h"

#define DEVICE "0000:01:00.0"
#define SHARE 16384 /* of a user who may not open a node */

static struct tree tree;
static int readdir_error;

/* In place of the C library's: fails when a test wants it. */
struct dirent *readdir(DIR *stream)
{
	struct dirent *(*real)(DIR *) = (struct dirent * (*)(DIR *)) dlsym(RTLD_NEXT, "readdir64");

	if (readdir_error) {
		errno = readdir_error;
		return NULL;
	}
	return real(stream);
}

static void numbers_of_null(char numbers[32])
{
	struct stat null;

	cr_assert_eq(stat("/dev/null", &null), 0);
	snprintf(numbers, 32, "%u:%u", major(null.st_rdev), minor(null.st_rdev));
}

static void setup(void)
{
	char numbers[32];

	numbers_of_null(numbers);
	tree_new(&tree);
	tree_device(&tree, "", DEVICE, "pci:v00001B36\n", 1);
	tree_attribute(&tree, DEVICE, "class", "0x010802\n");
	tree_device_link(&tree, DEVICE, "subsystem", "../../../bus/pci");
	tree_device_link(&tree, DEVICE, "driver", "../drivers/nvme");
	tree_attribute(&tree, DEVICE, "nvme-generic/ng0n1/dev", numbers);
	tree_device_link(&tree, DEVICE, "nvme-generic/ng0n1/subsystem", "../x/nvme-generic");
	tree_write(&tree, "proc/swaps", "");
	tree_write(&tree, "proc/self/mountinfo", "");
	tree_write(&tree, "proc/1/mountinfo", "");
}

static void teardown(void)
{
	readdir_error = 0;
	tree_done(&tree);
}

TestSuite(use_open, .init = setup, .fini = teardown, .timeout = 50);

static void add_process(unsigned pid, unsigned uid, const char *groups, unsigned fds)
{
	char path[64], status[256];

	snprintf(path, sizeof(path), "proc/%u/status", pid);
	snprintf(status, sizeof(status),
		"Name:\tp\\nUid:\t7\nState:\tS (sleeping)\n"
		"Uid:\t%u\t0\t0\t0\nGid:\t1000\t0\t0\t0\nFDSize:\t%u\nGroups:\t%s \nThreads:\t1\n",
		uid, fds, groups);
	tree_write(&tree, path, status);
}

static void add_fds(const char *of, unsigned n, const char *target)
{
	_cleanup_free_ char *full = NULL;
	char path[64], name[16];

	snprintf(path, sizeof(path), "proc/%s/fd", of);
	tree_write(&tree, path, NULL);
	full = tree_path(&tree, path);
	cr_assert_eq(chdir(full), 0);
	for (unsigned i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%u", i);
		cr_assert_eq(symlink(target, name), 0);
	}
	cr_assert_eq(chdir("/"), 0);
}

/* "CLASS DETAIL, ..." of all that was found. */
static void expect(const char *wanted)
{
	struct host_use_facts *f = NULL;
	_cleanup_text_ struct text t = {0};
	_cleanup_free_ char *found = NULL;

	if (!tree.host)
		tree_start(&tree);
	cr_assert_eq(tree.host->ops->host_use(tree.host, DEVICE, &f), 0);
	text_append(&t, "");
	for (size_t i = 0; i < f->n; i++)
		text_appendf(&t, "%s%s %s", i ? ", " : "",
			host_use_class_to_string(f->items[i].class), f->items[i].detail);
	host_use_facts_free(f);
	found = text_steal(&t);
	cr_expect_str_eq(found, wanted);
}

Test(use_open, a_flood_hides_only_itself)
{
	add_process(70, 1000, "24", 65536);
	add_fds("70", SHARE + 1, "/dev/zero");
	expect("");
	add_process(71, 0, "", 64);
	add_fds("71", 1, "/dev/null");
	add_process(72, 1000, "24", 64);
	add_fds("72", 1, "/dev/null");
	add_process(73, 1001, "24", 64);
	add_fds("73", 1, "/dev/null");
	expect("open ng0n1 by a process (pid 71), open ng0n1 by a process (pid 72), "
	       "open ng0n1 by a process (pid 73)");
}

Test(use_open, root_has_no_share_to_exceed)
{
	add_process(70, 0, "", 65536);
	add_fds("70", SHARE, "/dev/zero");
	add_process(71, 0, "", 65537);
	add_fds("71", 1, "/dev/null");
	expect("open ng0n1 by a process (pid 71)");
}

/* The node of the tree is a link to the real one, which anybody may open. */
Test(use_open, nor_has_who_may_open_the_node)
{
	char numbers[32], path[64];

	add_process(70, 1000, "24", 65536);
	add_fds("70", SHARE, "/dev/zero");
	add_process(71, 1000, "24", 65537);
	add_fds("71", 1, "/dev/null");
	numbers_of_null(numbers);
	snprintf(path, sizeof(path), "sys/dev/char/%s/uevent", numbers);
	tree_write(&tree, path, "MAJOR=1\nDEVNAME=node\nDEVMODE=0666\n");
	tree_link(&tree, "dev/node", "/dev/null");
	expect("open ng0n1 by a process (pid 71)");
}

Test(use_open, a_process_whose_first_thread_has_exited)
{
	tree_write(
		&tree, "proc/70/status", "State:\tZ (zombie)\nUid:\t0\nFDSize:\t0\nThreads:\t2\n");
	tree_write(&tree, "proc/70/fd", NULL);
	tree_write(&tree, "proc/70/task/70/fd", NULL);
	tree_link(&tree, "proc/70/task/71/fd/3", "/dev/null");
	expect("open ng0n1 by a process (pid 70)");
}

Test(use_open, a_listing_that_breaks_off_is_no_end)
{
	struct host_use_facts *f = NULL;

	tree_start(&tree);
	readdir_error = EIO;
	cr_expect_eq(tree.host->ops->host_use(tree.host, DEVICE, &f), -EIO);
	cr_expect_null(f);
}
