/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the service manager kept for us. Order means nothing, names do. Nothing here says that an
 * fd is what its name says: whoever takes it has to verify that.
 */
#include <errno.h>
#include <stdbool.h>
#include <systemd/sd-daemon.h>

#include "base/io.h"
#include "base/text.h"
#include "state/fdstore-name.h"
#include "state/store.h"

void stored_fds_free(struct stored_fd *fds, size_t n)
{
	for (size_t i = 0; fds && i < n; i++) {
		free(fds[i].lease);
		free(fds[i].role);
		close_fd(fds[i].fd);
	}
	free(fds);
}

int fdstore_take(struct stored_fd **ret)
{
	_cleanup_strv_free_ char **names = NULL;
	struct stored_fd *fds;
	/* the library sets CLOEXEC on each */
	int count = 0, r = 0, n = sd_listen_fds_with_names(true, &names);

	if (n < 0)
		return n;
	fds = calloc(n + 1, sizeof(*fds));
	if (!fds)
		r = -ENOMEM;
	for (int i = 0; i < n; i++) {
		int fd = SD_LISTEN_FDS_START + i;

		if (r >= 0)
			r = fdstore_name_decode(names[i], &fds[count].lease, &fds[count].role);
		if (r >= 0) {
			fds[count++].fd = fd;
			continue;
		}
		close_fd(fd);
		if (r == -EBADMSG)
			r = 0;
	}
	if (r < 0) {
		stored_fds_free(fds, count);
		return r;
	}
	*ret = fds;
	return count;
}
