/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What runs in the helper process. It may have been forked while other threads held any lock, so
 * nothing here allocates, formats or logs: only async-signal-safe calls, memory on the stack.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "host/helper.h"

#define SYSFS 3
#define SOCKET 4
#define FIRST_FREE 5

/* Has room for every path made of the bounded parts of a request. */
struct path {
	char text[512];
};

static void add(struct path *p, const char *s)
{
	size_t have = strlen(p->text), more = strlen(s);

	if (have + more >= sizeof(p->text))
		_exit(1);
	memcpy(p->text + have, s, more + 1);
}

static struct path attribute(const char *address, const char *name)
{
	struct path p = { "bus/pci/devices/" };

	add(&p, address);
	add(&p, "/");
	add(&p, name);
	return p;
}

static int write_attribute(const char *path, const char *value)
{
	int fd = openat(SYSFS, path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t n;
	int error;

	if (fd < 0)
		return -errno;
	n = write(fd, value, strlen(value));
	error = errno;
	close(fd);
	return n < 0 ? -error : 0;
}

/* The last component of the driver link; "" when there is no driver. */
static int current_driver(const char *address, char name[HELPER_VALUE_MAX])
{
	struct path link = attribute(address, "driver");
	char target[512];
	ssize_t n = readlinkat(SYSFS, link.text, target, sizeof(target) - 1);
	const char *slash;

	name[0] = '\0';
	if (n < 0)
		return errno == ENOENT ? 0 : -errno;
	target[n] = '\0';
	slash = strrchr(target, '/');
	slash = slash ? slash + 1 : target;
	if (strlen(slash) >= HELPER_VALUE_MAX)
		return -ENAMETOOLONG;
	memcpy(name, slash, strlen(slash) + 1);
	return 0;
}

static int device_exists(const char *address)
{
	struct path p = attribute(address, "");

	return faccessat(SYSFS, p.text, F_OK, 0) < 0 ? -ENODEV : 0;
}

static int override_get(const char *address, struct helper_reply *reply)
{
	struct path p = attribute(address, "driver_override");
	int fd = openat(SYSFS, p.text, O_RDONLY | O_CLOEXEC | O_NOCTTY), error;
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, reply->value, sizeof(reply->value) - 1);
	error = errno;
	close(fd);
	if (n < 0)
		return -error;
	if (n == sizeof(reply->value) - 1)
		return -EFBIG;
	reply->value[n] = '\0';
	reply->value[strcspn(reply->value, "\n")] = '\0';
	if (strcmp(reply->value, "(null)") == 0)
		reply->value[0] = '\0';
	return 0;
}

static int override_set(const char *address, const char *driver)
{
	struct path p = attribute(address, "driver_override");

	return write_attribute(p.text, *driver ? driver : "\n");
}

static int unbind(const char *address)
{
	struct path p = attribute(address, "driver/unbind");
	char driver[HELPER_VALUE_MAX];
	int r = current_driver(address, driver);

	if (r < 0 || !*driver)
		return r;
	r = write_attribute(p.text, address);
	/* Somebody else's unbind may have come first. */
	if ((r == -ENODEV || r == -ENOENT) && current_driver(address, driver) == 0 && !*driver)
		return 0;
	return r;
}

/* module is a checked name. The exit status is all that modprobe tells. */
static int load_module(const char *module)
{
	static char program[] = "/sbin/modprobe", quiet[] = "-q", end[] = "--";
	char *arguments[] = { program, quiet, end, (char *)module, NULL };
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	char *environment[] = { path, NULL };
	int status;
	pid_t pid;

	signal(SIGCHLD, SIG_DFL);
	pid = _Fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		execve(program, arguments, environment);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -ENOENT;
}

static int bind_driver(const char *address, const char *driver)
{
	struct path p = { "bus/pci/drivers/" };
	char bound[HELPER_VALUE_MAX];
	int r = current_driver(address, bound);

	if (r < 0)
		return r;
	if (*bound)
		return strcmp(bound, driver) == 0 ? 0 : -ENXIO;
	add(&p, driver);
	add(&p, "/bind");
	r = write_attribute(p.text, address);
	/* Loading a module probes its devices, so it may be there already. */
	if (r < 0 && current_driver(address, bound) == 0 && strcmp(bound, driver) == 0)
		return 0;
	/* ENOENT: no such driver; ENODEV: the driver does not match this device. */
	if (r == -ENOENT || r == -ENODEV)
		return -ENXIO;
	if (r < 0)
		return r;
	r = current_driver(address, bound);
	return r < 0 ? r : strcmp(bound, driver) == 0 ? 0 : -ENXIO;
}

static int reset(const char *address)
{
	struct path p = attribute(address, "reset");
	int r = write_attribute(p.text, "1");

	return r == -ENOENT ? -ENOTTY : r;
}

static int perform(const struct helper_request *q, struct helper_reply *reply)
{
	int r = *q->address ? device_exists(q->address) : 0;

	if (r < 0)
		return r;
	switch ((enum helper_operation)q->operation) {
	case HELPER_OVERRIDE_GET:
		return override_get(q->address, reply);
	case HELPER_OVERRIDE_SET:
		return override_set(q->address, q->value);
	case HELPER_UNBIND:
		return unbind(q->address);
	case HELPER_PROBE:
		return write_attribute("bus/pci/drivers_probe", q->address);
	case HELPER_BIND:
		return bind_driver(q->address, q->value);
	case HELPER_RESET:
		return reset(q->address);
	case HELPER_MODPROBE:
		return load_module(q->value);
	}
	return -ENOSYS;
}

static void answer(int fd, const struct helper_reply *reply)
{
	while (write(fd, reply, sizeof(*reply)) < 0 && errno == EINTR)
		;
}

/* Returns 1 with a request and the fd to answer on, 0 when the daemon is gone. */
static int receive(struct helper_request *request, int *ret_reply_fd)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { request, sizeof(*request) };
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *c;
	ssize_t n;

	do
		n = recvmsg(SOCKET, &message, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	c = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;
	if (n != sizeof(*request) || !c || c->cmsg_type != SCM_RIGHTS)
		return 0;
	memcpy(ret_reply_fd, CMSG_DATA(c), sizeof(int));
	request->address[sizeof(request->address) - 1] = '\0';
	request->value[sizeof(request->value) - 1] = '\0';
	return 1;
}

static void reset_signals(void)
{
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_IGN); /* children are reaped by the kernel */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Leaves the two fds at fixed numbers, /dev/null on 0 to 2, and nothing else. */
static int keep_only(int socket_fd, int sysfs)
{
	int s = fcntl(socket_fd, F_DUPFD_CLOEXEC, FIRST_FREE);
	int d = fcntl(sysfs, F_DUPFD_CLOEXEC, FIRST_FREE);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (s < 0 || d < 0 || null < 0)
		return -1;
	for (int i = 0; i < 3; i++)
		if (null != i && dup2(null, i) < 0)
			return -1;
	if (dup3(d, SYSFS, O_CLOEXEC) < 0 || dup3(s, SOCKET, O_CLOEXEC) < 0)
		return -1;
	return close_range(FIRST_FREE, ~0U, 0);
}

#define TAKEN 't'
#define DAEMON_GONE 'g'

/*
 * One request at a time for each device, over all daemons: what an earlier one began may still be
 * in the kernel when the next one looks at the device. The lock is on an attribute that only root
 * can open, so nobody else can take it, and it lasts until this worker ends.
 */
static void wait_for_device(const char *address)
{
	struct path p = attribute(address, "remove");
	int fd = openat(SYSFS, p.text, O_WRONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return; /* then there is no such device */
	while (flock(fd, LOCK_EX) < 0 && errno == EINTR)
		;
}

/* The daemon that asked is dead: the next one does not expect this any more. */
static bool nobody_waits(int reply_fd)
{
	struct pollfd p = { .fd = reply_fd };

	return poll(&p, 1, 0) == 1 && (p.revents & POLLERR);
}

static void tell(int fd, char what)
{
	while (write(fd, &what, 1) < 0 && errno == EINTR)
		;
	close(fd);
}

/* One request and no more, so that a worker that hangs takes nothing with it. */
static _Noreturn void work(int told)
{
	struct helper_request request;
	struct helper_reply reply = { 0 };
	int reply_fd;

	if (receive(&request, &reply_fd) <= 0) {
		tell(told, DAEMON_GONE);
		_exit(0);
	}
	tell(told, TAKEN);
	/* The daemon has to see the end of the socket when the helper ends, whatever hangs here. */
	close(SOCKET);
	if (*request.address)
		wait_for_device(request.address);
	if (nobody_waits(reply_fd))
		_exit(0);
	reply.result = perform(&request, &reply);
	answer(reply_fd, &reply);
	_exit(0);
}

/* Starts a worker and waits until it has taken a request. False when the daemon is gone. */
static bool next_worker(void)
{
	const struct timespec pause = { .tv_nsec = 100 * 1000000L };
	char what = TAKEN;
	int told[2];
	pid_t pid;

	if (pipe2(told, O_CLOEXEC) < 0)
		return false;
	pid = _Fork();
	if (pid == 0) {
		close(told[0]);
		work(told[1]);
	}
	close(told[1]);
	if (pid < 0)
		nanosleep(&pause, NULL);
	else
		while (read(told[0], &what, 1) < 0 && errno == EINTR)
			;
	close(told[0]);
	return what != DAEMON_GONE;
}

_Noreturn void helper_main(int socket_fd, int sysfs)
{
	reset_signals();
	prctl(PR_SET_NAME, "devleased-help");
	if (setsid() < 0 || chdir("/") < 0 || keep_only(socket_fd, sysfs) < 0)
		_exit(1);
	while (next_worker())
		;
	_exit(0);
}
