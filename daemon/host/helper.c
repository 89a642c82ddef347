/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The daemon's side of the helper: starting it, again if need be, and one round trip a call. The
 * lock covers only the sending, so a caller that waits for a device does not delay another.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "host/helper.h"

struct helper {
	pthread_mutex_t lock;
	int sysfs;  /* borrowed */
	int socket; /* -1: no helper */
	pid_t pid;
};

static int start(struct helper *h)
{
	_cleanup_close_ int ours = -1, theirs = -1;
	sigset_t all, saved;
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	ours = pair[0];
	theirs = pair[1];
	/* No handler of the daemon may run in the child before the child has reset them. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &saved);
	pid = _Fork();
	if (pid == 0)
		helper_main(theirs, h->sysfs);
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
	if (pid < 0)
		return -errno;
	h->pid = pid;
	h->socket = TAKE_FD(ours);
	return 0;
}

static void stop(struct helper *h)
{
	h->socket = close_fd(h->socket);
	if (h->pid > 0) {
		/* Its own children are others' by then; the helper itself never blocks. */
		kill(h->pid, SIGKILL);
		while (waitpid(h->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	h->pid = 0;
}

static int send_with_fd(int socket_fd, const struct helper_request *request, int fd)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { (void *)request, sizeof(*request) };
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control.space),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&message);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	while (sendmsg(socket_fd, &message, MSG_NOSIGNAL) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

/* A request that never reached the old helper may go to a new one; one that did may not. */
static int send_request(struct helper *h, const struct helper_request *request, int reply_fd)
{
	int r = -EPIPE;

	pthread_mutex_lock(&h->lock);
	for (int attempt = 0; attempt < 2; attempt++) {
		if (h->socket >= 0)
			r = send_with_fd(h->socket, request, reply_fd);
		if (r != -EPIPE && r != -ECONNRESET && r != -ENOTCONN)
			break;
		stop(h);
		r = start(h);
		if (r < 0)
			break;
		r = -EPIPE;
	}
	pthread_mutex_unlock(&h->lock);
	return r;
}

int helper_call(struct helper *h, const struct helper_request *request, struct helper_reply *reply)
{
	_cleanup_close_ int reply_fd = -1;
	int fds[2], r;
	ssize_t n;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	reply_fd = fds[0];
	r = send_request(h, request, fds[1]);
	close(fds[1]);
	if (r < 0)
		return r;
	/* A reply is shorter than PIPE_BUF, so it comes whole or not at all. */
	do
		n = read(reply_fd, reply, sizeof(*reply));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (n != sizeof(*reply))
		return -EPIPE;
	reply->value[HELPER_VALUE_MAX - 1] = '\0';
	return reply->result;
}

int helper_new(int sysfs, struct helper **ret)
{
	_cleanup_helper_free_ struct helper *h = calloc(1, sizeof(*h));
	int r;

	if (!h)
		return -ENOMEM;
	pthread_mutex_init(&h->lock, NULL);
	h->sysfs = sysfs;
	h->socket = -1;
	r = start(h);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(h);
	return 0;
}

pid_t helper_pid(struct helper *h)
{
	pid_t pid;

	pthread_mutex_lock(&h->lock);
	pid = h->pid;
	pthread_mutex_unlock(&h->lock);
	return pid;
}

void helper_free(struct helper *h)
{
	stop(h);
	pthread_mutex_destroy(&h->lock);
	free(h);
}
