/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The helper process: writes to sysfs that can wait in the kernel without bound and without
 * answering to a signal (an unbind waits for the last fd of a vfio device). A thread of the daemon
 * that waits there would keep the whole process, with all its device fds, from ending. The helper
 * holds nothing but a socket and the sysfs directory, and each request is taken by a child of its
 * own, so that a child that hangs holds up its request and nothing else. One child always waits
 * for the next request, which therefore costs no fork.
 *
 * Requests about one device wait for each other, also those of a daemon that was killed: its helper
 * ends what it began, and begins nothing more.
 *
 * Each request carries the write end of a pipe for the answer. The end of that pipe without an
 * answer means that nobody is left to give one: -EPIPE.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "core/address.h"
#include "base/macro.h"

#define HELPER_VALUE_MAX 256

enum helper_operation {
	HELPER_OVERRIDE_GET,
	HELPER_OVERRIDE_SET,
	HELPER_UNBIND,
	HELPER_PROBE,
	HELPER_BIND,
	HELPER_RESET,
	HELPER_MODPROBE,
};

struct helper_request {
	uint32_t operation;
	char address[ADDRESS_MAX];       /* a normalised PCI address, or "" for HELPER_MODPROBE */
	char value[HELPER_VALUE_MAX];    /* override to set, driver to bind, module to load */
};

struct helper_reply {
	int32_t result;                  /* 0 or -errno */
	char value[HELPER_VALUE_MAX];    /* the override that was read, "" for none */
};

struct helper;

/* Forks. sysfs is borrowed and has to stay open as long as the helper object lives. */
int helper_new(int sysfs, struct helper **ret);
/*
 * Sends one request and waits for its answer, without a time limit. Any number of threads may
 * wait at once. A helper that is gone is started again. Returns the reply's result.
 */
int helper_call(struct helper *h, const struct helper_request *request, struct helper_reply *reply);
/* The helper process, for tests. */
pid_t helper_pid(struct helper *h);
/* Ends the helper process. Children that hang in the kernel stay until the kernel lets go. */
void helper_free(struct helper *h);
DEFINE_CLEANUP(struct helper *, helper_free);
#define _cleanup_helper_free_ _cleanup_(helper_free_cleanup)

/*
 * The helper's side: never returns. Uses async-signal-safe calls only, since it may have been
 * forked from a process with threads.
 */
_Noreturn void helper_main(int socket_fd, int sysfs);
