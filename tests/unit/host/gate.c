/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tracing and faults: each call is told, exactly the chosen one fails. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/io.h"
#include "fake-host.h"
#include "gate.h"

#define NVME "0000:01:00.0"

static struct host *h;

static void setup(void)
{
	cr_assert_eq(fake_host_new(NULL, &h), 0);
}

static void teardown(void)
{
	host_free(h);
}

TestSuite(gate, .init = setup, .fini = teardown);

static int set_override(void)
{
	return HOST(h, override_set, NVME, NVME, "vfio-pci");
}

Test(gate, without_one_nothing_fails)
{
	cr_expect_eq(gate_set(h, NULL, NULL), 0);
	cr_expect_eq(set_override(), 0);
}

Test(gate, the_first_call_fails_once)
{
	struct fake_state s;

	cr_assert_eq(gate_set(h, NULL, "override_set"), 0);
	cr_expect_eq(HOST(h, driver_unbind, NVME, NVME), 0, "another operation");
	cr_expect_eq(set_override(), -EIO);
	fake_host_state(h, NVME, &s);
	cr_expect_null(s.override, "a failed operation does nothing");
	cr_expect_eq(set_override(), 0);
}

Test(gate, the_nth_call_fails_with_the_errno)
{
	cr_assert_eq(gate_set(h, NULL, "override_set:3:EBUSY"), 0);
	cr_expect_eq(set_override(), 0);
	cr_expect_eq(set_override(), 0);
	cr_expect_eq(set_override(), -EBUSY);
	cr_expect_eq(set_override(), 0);
}

Test(gate, bad_faults)
{
	static const char *const bad[] = { "", ":1", "x:0", "x:y", "x:1:ENOSUCH", "x:1:0" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		cr_expect_eq(gate_set(h, NULL, bad[i]), -EINVAL, "'%s'", bad[i]);
	cr_expect_null(h->gate);
}

Test(gate, traces_all_calls)
{
	char path[] = "/tmp/devlease-trace-XXXXXX";
	_cleanup_free_ char *text = NULL;
	int fd = mkostemp(path, O_CLOEXEC), iommufd;

	cr_assert_geq(fd, 0);
	close(fd);
	setenv("DEVLEASE_TRACE", path, 1);
	setenv("DEVLEASE_FAULT", "override_set:1:5", 1);
	cr_assert_eq(gate_from_environment(h), 0);
	iommufd = HOST(h, iommufd_open, "");
	cr_expect_eq(set_override(), -EIO);
	host_close(h, iommufd);
	cr_assert_eq(read_file_at(AT_FDCWD, path, 4096, &text, NULL), 0);
	cr_expect_str_eq(text, "iommufd_open -\noverride_set " NVME " !EIO\nclose -\n");
	unlink(path);
}
