/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages to the service manager's fd store. One fd a message, since a name applies to all fds of
 * its message. FDPOLL=0, or the manager drops an entry that hangs up while the daemon is away.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/io.h"
#include "state/fdstore-name.h"
#include "state/store.h"

int fdstore_push(const char *lease, const char *role, int fd)
{
	char name[FDSTORE_NAME_MAX + 1], message[FDSTORE_NAME_MAX + 64];
	int r = fdstore_name_encode(lease, role, name);

	if (r < 0)
		return r;
	snprintf(message, sizeof(message), "FDSTORE=1\nFDPOLL=0\nFDNAME=%s", name);
	r = sd_pid_notify_with_fds(0, false, message, &fd, 1);
	return r < 0 ? r : 0;
}

int fdstore_remove(const char *lease, const char *role)
{
	char name[FDSTORE_NAME_MAX + 1], message[FDSTORE_NAME_MAX + 64];
	int r = fdstore_name_encode(lease, role, name);

	if (r < 0)
		return r;
	snprintf(message, sizeof(message), "FDSTOREREMOVE=1\nFDNAME=%s", name);
	r = sd_pid_notify_with_fds(0, false, message, NULL, 0);
	return r < 0 ? r : 0;
}

int fdstore_barrier(int *ret_fd)
{
	_cleanup_close_ int read_fd = -1, write_fd = -1;
	int fds[2], r;

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	read_fd = fds[0];
	write_fd = fds[1];
	r = sd_pid_notify_with_fds(0, false, "BARRIER=1", &write_fd, 1);
	if (r <= 0)
		return r;
	*ret_fd = TAKE_FD(read_fd);
	return 1;
}
