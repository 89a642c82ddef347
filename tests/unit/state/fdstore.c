/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is sent to the service manager, and that the same comes back when it passes it in again. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "state/fdstore-name.h"
#include "store-fixture.h"

static char path[] = "/tmp/devlease-test-XXXXXX/notify";
static int manager = -1;

static void setup(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	*strrchr(path, '/') = '\0';
	cr_assert(mkdtemp(path));
	path[strlen(path)] = '/';
	strcpy(address.sun_path, path);
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	cr_assert_eq(bind(manager, (struct sockaddr *)&address, sizeof(address)), 0);
	setenv("NOTIFY_SOCKET", path, 1);
}

static void teardown(void)
{
	unlink(path);
	*strrchr(path, '/') = '\0';
	rmdir(path);
}

TestSuite(fdstore, .init = setup, .fini = teardown, .timeout = 30);

/* The next message, NUL-terminated, and its fd or -1. False when there is none. */
static bool receive(char *text, size_t size, int *ret_fd)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int) * 4)];
	} control;
	struct iovec iov = {text, size - 1};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
		.msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(manager, &message, MSG_CMSG_CLOEXEC);
	struct cmsghdr *c;

	if (n < 0)
		return false;
	text[n] = '\0';
	*ret_fd = -1;
	c = CMSG_FIRSTHDR(&message);
	if (c) {
		cr_assert_eq(c->cmsg_type, SCM_RIGHTS);
		cr_assert_eq(c->cmsg_len, CMSG_LEN(sizeof(int)), "one fd a message");
		memcpy(ret_fd, CMSG_DATA(c), sizeof(int));
	}
	return true;
}

Test(fdstore, messages)
{
	char text[512];
	int fd, fds[2];

	cr_assert_eq(pipe(fds), 0);
	cr_expect_eq(fdstore_push("k1", "0000:01:00.0", fds[0]), 0);
	cr_assert(receive(text, sizeof(text), &fd));
	cr_expect_str_eq(text, "FDSTORE=1\nFDPOLL=0\nFDNAME=k1.0000_01_00.0");
	cr_expect_eq(write(fds[1], "hello", 5), 5);
	cr_expect_eq(read(fd, text, sizeof(text)), 5, "it is the fd that was given");
	close(fd);
	cr_expect_eq(fdstore_remove("k1", "0000:01:00.0"), 0);
	cr_assert(receive(text, sizeof(text), &fd));
	cr_expect_str_eq(text, "FDSTOREREMOVE=1\nFDNAME=k1.0000_01_00.0");
	cr_expect_eq(fd, -1);
	cr_expect_eq(fdstore_push("k1", "iommu", -1), -EBADF);
	cr_expect_eq(fdstore_push("K1", "iommu", fds[0]), -EINVAL);
	cr_expect_eq(fdstore_push("k1", "", fds[0]), -EINVAL);
	memset(text, 'x', 300);
	text[300] = '\0';
	cr_expect_eq(fdstore_push("k1", text, fds[0]), -ENAMETOOLONG);
	cr_expect_not(receive(text, sizeof(text), &fd));
}

Test(fdstore, barrier)
{
	struct pollfd p = {.fd = -1};
	char text[64];
	int fd;

	cr_assert_eq(fdstore_barrier(&p.fd), 1);
	cr_expect(fcntl(p.fd, F_GETFD) & FD_CLOEXEC);
	cr_assert(receive(text, sizeof(text), &fd));
	cr_expect_str_eq(text, "BARRIER=1");
	cr_assert_geq(fd, 0);
	cr_expect_eq(poll(&p, 1, 0), 0);
	close(fd);
	cr_expect_eq(poll(&p, 1, 0), 1);
	cr_expect(p.revents & POLLHUP);
	close(p.fd);
}

Test(fdstore, no_service_manager)
{
	int fd = -1;

	unsetenv("NOTIFY_SOCKET");
	cr_expect_eq(fdstore_push("k1", "iommu", 0), 0);
	cr_expect_eq(fdstore_remove("k1", "iommu"), 0);
	cr_expect_eq(fdstore_barrier(&fd), 0);
	cr_expect_eq(fd, -1);
	setenv("NOTIFY_SOCKET", path, 1);
	close(manager);
	cr_expect_eq(fdstore_push("k1", "iommu", 0), -ECONNREFUSED);
	cr_expect_eq(fdstore_barrier(&fd), -ECONNREFUSED);
}

static const char *const roles[] = {"iommu", "0000:01:00.0", "vdpa:my_net", "mdev:83b8f4f2-509f",
	"vfio-user:a b%_:", "odd:\n\x7f\xff"};

/* In a child, since the fds have to be at 3 and up: its exit status is the number of failures. */
static int take_all(void)
{
	struct stored_fd *fds;
	char names[1024] = "", pid[16];
	int n = ARRAY_SIZE(roles), bad = 0;

	for (int i = 0; i < n; i++) {
		char name[FDSTORE_NAME_MAX + 1];
		int fd = memfd_create(roles[n - 1 - i], 0);

		bad += fdstore_name_encode("k1", roles[n - 1 - i], name) < 0;
		strcat(strcat(names, name), ":");
		bad += pwrite(fd, roles[n - 1 - i], strlen(roles[n - 1 - i]), 0) < 0;
		dup2(fd, 100 + i);
	}
	strcat(names, "stored");
	for (int i = 0; i < n; i++)
		dup2(100 + i, 3 + i);
	dup2(100, 3 + n);
	snprintf(pid, sizeof(pid), "%d", getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "7", 1);
	setenv("LISTEN_FDNAMES", names, 1);
	if (fdstore_take(&fds) != n)
		return 100;
	for (int i = 0; i < n; i++) {
		char content[64] = "";

		bad += pread(fds[i].fd, content, sizeof(content) - 1, 0) < 0;
		bad += !streq(fds[i].lease, "k1") || !streq(fds[i].role, content);
		bad += !streq(fds[i].role, roles[n - 1 - i]);
		bad += !(fcntl(fds[i].fd, F_GETFD) & FD_CLOEXEC);
	}
	bad += fcntl(3 + n, F_GETFD) >= 0 || getenv("LISTEN_FDS") || getenv("LISTEN_FDNAMES");
	fds[0].fd = -1; /* taken */
	stored_fds_free(fds, n);
	bad += fcntl(3, F_GETFD) < 0 || fcntl(4, F_GETFD) >= 0;
	return bad + (fdstore_take(&fds) != 0);
}

Test(fdstore, round_trip)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(take_all());
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_expect(WIFEXITED(status));
	cr_expect_eq(WEXITSTATUS(status), 0, "%d", WEXITSTATUS(status));
}

Test(fdstore, names_are_what_the_service_manager_takes)
{
	char name[FDSTORE_NAME_MAX + 1];

	for (size_t i = 0; i < ARRAY_SIZE(roles); i++) {
		_cleanup_free_ char *lease = NULL, *role = NULL;

		cr_assert_eq(fdstore_name_encode("k1", roles[i], name), 0);
		for (const char *s = name; *s; s++)
			cr_expect(*s > ' ' && *s < 0x7f && *s != ':');
		cr_assert_eq(fdstore_name_decode(name, &lease, &role), 0);
		cr_expect_str_eq(lease, "k1");
		cr_expect_str_eq(role, roles[i]);
	}
}

Test(fdstore, strange_names)
{
	static const char *const bad[] = {"", "stored", "k1", "k1.", ".iommu", "K1.iommu", "k1.%",
		"k1.%4", "k1.%zz", "k1.%00", "k 1.iommu"};
	char *lease = NULL, *role = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		cr_expect_eq(fdstore_name_decode(bad[i], &lease, &role), -EBADMSG, "%s", bad[i]);
	cr_expect_null(lease);
	cr_expect_null(role);
}
