/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * exec DEVICE... -- COMMAND: runs a command that gets the lease's fds. This process keeps the hold
 * and waits, so the lease lasts as long as the command whatever the command does with its fds.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/text.h"
#include "json.h"
#include "names.h"
#include "request.h"
#include "status.h"

static const int forwarded[] = {SIGTERM, SIGINT, SIGHUP};

/* The environment of the command. Runs in the child: LISTEN_PID is its own. */
static int set_environment(const struct lease *l)
{
	_cleanup_free_ char *names = fd_names_join(l->names);
	json_int_t ioas = json_number(l->info, "ioas-id", -1);
	char text[32];

	if (!names)
		return -ENOMEM;
	snprintf(text, sizeof(text), "%zu", l->n_fds);
	if (setenv("LISTEN_FDS", text, true) < 0)
		return -errno;
	snprintf(text, sizeof(text), "%d", (int)getpid());
	if (setenv("LISTEN_PID", text, true) < 0 || setenv("LISTEN_FDNAMES", names, true) < 0)
		return -errno;
	snprintf(text, sizeof(text), "%lld", (long long)ioas);
	if (ioas >= 0 ? setenv("DEVLEASE_IOAS_ID", text, true) < 0 :
			unsetenv("DEVLEASE_IOAS_ID") < 0)
		return -errno;
	if (setenv("DEVLEASE_LEASE", l->id, true) < 0 ||
		setenv("DEVLEASE_BACKEND", json_text(l->info, "backend"), true) < 0 ||
		setenv("DEVLEASE_HANDOVER", json_text(l->info, "handover"), true) < 0)
		return -errno;
	return 0;
}

/* Puts fds[i] at FIRST_FD + i, open over the exec. Their numbers are above all of these, so no
 * step overwrites one that is still to come. */
static int place_fds(const struct lease *l)
{
	for (size_t i = 0; i < l->n_fds; i++)
		if (dup2(l->fds[i], FIRST_FD + (int)i) < 0)
			return -errno;
	return 0;
}

static int substitute(char *const *command, char *const *names, char ***ret)
{
	_cleanup_strv_free_ char **argv = NULL;

	for (; *command; command++) {
		_cleanup_free_ char *argument = fd_names_substitute(*command, names);

		if (!argument || strv_append(&argv, argument) < 0)
			return -ENOMEM;
	}
	*ret = TAKE_PTR(argv);
	return 0;
}

static _Noreturn void run_child(const struct lease *l, char *const *command, int report,
	const sigset_t *mask)
{
	_cleanup_strv_free_ char **argv = NULL;
	int r = set_environment(l);

	if (r >= 0)
		r = substitute(command, l->names, &argv);
	if (r >= 0)
		r = place_fds(l);
	if (r >= 0) {
		sigprocmask(SIG_SETMASK, mask, NULL);
		execvp(argv[0], argv);
		r = -errno;
	}
	(void)!write(report, &r, sizeof(r));
	_exit(STATUS_EXEC);
}

/* Starts the command; *ret_pid is set when it runs. 0 or -errno. */
static int start(const struct lease *l, char *const *command, const sigset_t *mask, pid_t *ret_pid)
{
	_cleanup_close_ int heard = -1, told = -1;
	int fds[2], r = 0;
	ssize_t n;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	heard = fds[0];
	/* Out of the way of the numbers that the command's fds get. */
	told = fcntl(fds[1], F_DUPFD_CLOEXEC, FIRST_FD + (int)l->n_fds);
	if (told < 0)
		r = -errno;
	close_fd(fds[1]);
	if (r < 0)
		return r;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		run_child(l, command, told, mask);
	told = close_fd(told);
	do
		n = read(heard, &r, sizeof(r));
	while (n < 0 && errno == EINTR);
	if (n == 0) {
		*ret_pid = pid;
		return 0;
	}
	waitpid(pid, NULL, 0);
	return n == sizeof(r) ? r : -EIO;
}

/* Waits for the command to end, passing signals on. Its exit status as a shell gives it. */
static int wait_for(pid_t pid, const sigset_t *signals)
{
	for (;;) {
		siginfo_t info;
		int status, signal_number = sigwaitinfo(signals, &info);

		if (signal_number < 0)
			continue;
		/* What the terminal sends has reached the whole process group already. */
		if (signal_number != SIGCHLD) {
			if (info.si_code != SI_KERNEL)
				kill(pid, signal_number);
			continue;
		}
		if (waitpid(pid, &status, WNOHANG) != pid)
			continue;
		if (WIFSIGNALED(status))
			return 128 + WTERMSIG(status);
		return WEXITSTATUS(status);
	}
}

/* The command's status is the result; that the devices are not back yet is only said. */
static void give_back(struct ctl *c, const struct lease *l)
{
	if (lease_release(c, l->id, true) != STATUS_OK)
		fail(STATUS_OK, "lease %s could not be released at once; it ends as soon as nobody "
			"holds it", l->id);
}

static int own_failure(int status)
{
	return status == STATUS_REFUSED || status == STATUS_BUSY ? status : STATUS_EXEC;
}

int verb_exec(struct ctl *c)
{
	_cleanup_lease_ struct lease l = {0};
	sigset_t signals, before;
	pid_t pid = 0;
	int r;

	r = lease_acquire(c, c->args, &l);
	if (r != STATUS_OK)
		return own_failure(r);
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	for (size_t i = 0; i < ARRAY_SIZE(forwarded); i++)
		sigaddset(&signals, forwarded[i]);
	sigprocmask(SIG_BLOCK, &signals, &before);
	signal(SIGCHLD, SIG_DFL);
	r = start(&l, c->command, &before, &pid);
	/* Our copies of the devices would keep them open after the command. */
	lease_close_fds(&l, true);
	if (r < 0) {
		fail(STATUS_EXEC, "cannot run %s: %s", c->command[0], strerror(-r));
		give_back(c, &l);
		return STATUS_EXEC;
	}
	r = wait_for(pid, &signals);
	give_back(c, &l);
	return r;
}
