/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What outlives the process: lease files and hold FIFOs under /run/devlease, quarantine under
 * /var/lib/devlease, and fds in the service manager's fd store. Files are replaced atomically, so
 * a crash leaves the old or the new state, never half of one.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/macro.h"

struct store {
	int leases_fd; /* /run/devlease/leases, 0700 */
	int hold_fd;   /* /run/devlease/hold, 0700 */
	int lib_fd;    /* /var/lib/devlease, 0700 */
};
/* Opens (and makes, where missing) the directories below run and lib; -EPERM when one of them is
 * not owned by us or writable by others. */
int store_open(const char *run, const char *lib, struct store *ret);
void store_done(struct store *s);

/*
 * Lease files: ID.json. save replaces; remove of a missing file is success. A lease id is
 * [0-9a-z]+, up to 32 characters, here and below: -EINVAL for anything else.
 */
int store_save_lease(struct store *s, const char *id, json_t *state);
int store_remove_lease(struct store *s, const char *id);
/* *ret: array of {"id":..., "state": object or null when the file could not be parsed}, by id.
 * Removes what saves that were cut short left behind. */
int store_load_leases(struct store *s, json_t **ret);

/* Quarantine and never-reset marks over reboots: one JSON object, quarantine.json. */
int store_save_devices(struct store *s, json_t *devices);
/* {} when there is no file. -EBADMSG when it is damaged: whatever was quarantined is not free. */
int store_load_devices(struct store *s, json_t **ret);

/*
 * The hold of a lease: FIFO hold/ID, 0600. create returns the read end (O_NONBLOCK) and the write
 * end (O_NONBLOCK too, so that a client that writes gets EAGAIN and never waits); both owned by
 * the caller. -EEXIST when the name is taken.
 *
 * Watch the read end with an empty event mask: EPOLLHUP is always reported, and a client that
 * writes into the FIFO does not wake the loop.
 */
int hold_create(struct store *s, const char *id, int *ret_read, int *ret_write);
/* After a restart: the read end again. -EBADMSG when the file is no FIFO. */
int hold_reopen(struct store *s, const char *id, int *ret_read);
/* 1 when a write end is open anywhere, 0 when nobody holds it, -errno. Throws away what was
 * written into it, up to a bound. */
int hold_is_held(int read_fd);
int hold_remove(struct store *s, const char *id);

/*
 * The fd store. Names are LEASE.ROLE with ':' written as '_' (and '_', '%' and what the service
 * manager does not take as %XX); -ENAMETOOLONG beyond 255 characters. push sends a duplicate with
 * FDSTORE=1 and FDPOLL=0; both are no-ops returning 0 when there is no service manager
 * ($NOTIFY_SOCKET). Success means sent: whether it was stored is not told. Sending waits while
 * the service manager's queue is full.
 */
int fdstore_push(const char *lease, const char *role, int fd);
int fdstore_remove(const char *lease, const char *role);
/* Sends BARRIER=1; *ret_fd becomes readable (HUP) when everything sent before was taken in.
 * Returns 1, or 0 (and no fd) when there is no service manager. */
int fdstore_barrier(int *ret_fd);

struct stored_fd {
	char *lease, *role; /* role as given to push */
	int fd;             /* CLOEXEC is set */
};
/* Takes the fds passed at start, unsets the environment. Fds with a name of no known form are
 * closed. *ret is allocated; returns the number. */
int fdstore_take(struct stored_fd **ret);
void stored_fds_free(struct stored_fd *fds, size_t n); /* closes what is not taken (fd -1) */
