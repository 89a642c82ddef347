/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the assignment share with each other and with nobody else. */
#pragma once

#include <errno.h>
#include <unistd.h>

#include "assignment.h"

/* Tries of an operation that has to succeed for a device to come back, and the pause between. */
#define CALL_TRIES 3
#define CALL_PAUSE_USEC 20000

/* The steps of assignment_take() that the reset by the bus needs again. */
int assignment_open_group(struct assignment *a, int group);
int assignment_open_device(struct assignment *a, struct assigned_device *d);
/* -EBUSY while anybody holds a device of d's group, not noted as trouble. */
int assignment_check_group(struct assignment *a, const struct assigned_device *d);
/* Reads the devices' facts anew. */
void assignment_refresh(struct assignment *a);

/* An operation of the host on one device (or ""), its failure noted. */
#define CALL(a, op, address, ...)                                                                  \
	assignment_note(a, #op, address, HOST((a)->host, op, address, ##__VA_ARGS__))

/* Requested, or taken along for the reset set: on the vfio driver while the lease lives. */
static inline bool is_taken(const struct assigned_device *d)
{
	return d->requested || (d->peer & (PEER_RESET | PEER_BIND));
}

static inline bool is_gone(int result)
{
	return result == -ENODEV || result == -ENOENT;
}

/* The same, tried again: for what puts a device back. A device that is gone is not retried. */
#define CALL_INSIST(a, op, address, ...)                                                           \
	({                                                                                         \
		int result_;                                                                       \
		for (unsigned try_ = 1;; try_++) {                                                 \
			result_ = CALL(a, op, address, ##__VA_ARGS__);                             \
			if (result_ >= 0 || is_gone(result_) || try_ == CALL_TRIES)                \
				break;                                                             \
			usleep(CALL_PAUSE_USEC);                                                   \
		}                                                                                  \
		result_;                                                                           \
	})
