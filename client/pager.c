/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The pager. It runs without shell escapes (LESSSECURE), since devleasectl is often run by sudo,
 * where an escape would be a root shell.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/text.h"
#include "terminal.h"

static pid_t pager_pid;

static const char *pager_command(void)
{
	const char *command = getenv("DEVLEASE_PAGER");

	if (!command)
		command = getenv("PAGER");
	if (!command)
		command = "less";
	if (!*command || streq(command, "cat") || streq(getenv("TERM"), "dumb"))
		return NULL;
	return command;
}

static _Noreturn void pager_child(char **argv, int input, int report)
{
	int error;

	if (dup2(input, STDIN_FILENO) >= 0) {
		setenv("LESS", "FRSX", true);
		setenv("LESSSECURE", "1", true);
		signal(SIGPIPE, SIG_DFL);
		execvp(argv[0], argv);
	}
	error = errno;
	(void)!write(report, &error, sizeof(error));
	_exit(EXIT_FAILURE);
}

/* Whether exec succeeded: then the report pipe was closed without a word. */
static bool pager_started(int report)
{
	int error;
	ssize_t n;

	do
		n = read(report, &error, sizeof(error));
	while (n < 0 && errno == EINTR);
	return n == 0;
}

static void pager_start(char **argv)
{
	int data[2], report[2];
	pid_t pid;

	if (pipe2(data, O_CLOEXEC) < 0)
		return;
	if (pipe2(report, O_CLOEXEC) < 0) {
		close_fd(data[0]);
		close_fd(data[1]);
		return;
	}
	pid = fork();
	if (pid == 0)
		pager_child(argv, data[0], report[1]);
	close_fd(report[1]);
	if (pid > 0 && pager_started(report[0]) && dup2(data[1], STDOUT_FILENO) >= 0) {
		/* Leaving the pager early is no failure of the verb. */
		signal(SIGPIPE, SIG_IGN);
		signal(SIGINT, SIG_IGN);
		pager_pid = pid;
	} else if (pid > 0) {
		waitpid(pid, NULL, 0);
	}
	close_fd(report[0]);
	close_fd(data[0]);
	close_fd(data[1]);
}

void pager_open(const struct ctl *c)
{
	_cleanup_strv_free_ char **argv = NULL;
	const char *command = pager_command();

	if (pager_pid > 0 || c->options.no_pager || !terminal_is_tty() || !command)
		return;
	if (strv_split(&argv, command) < 0 || !argv[0])
		return;
	fflush(stdout);
	pager_start(argv);
}

void pager_close(void)
{
	fflush(stdout);
	if (pager_pid <= 0)
		return;
	/* The pager sees the end of its input only when our end is closed. */
	close(STDOUT_FILENO);
	while (waitpid(pager_pid, NULL, 0) < 0 && errno == EINTR)
		;
	pager_pid = 0;
}
