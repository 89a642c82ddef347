/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is the same for every host: closing and freeing, announced to the gate. */
#include <stddef.h>

#include "host/host.h"

void host_close(struct host *h, int fd)
{
	if (fd < 0)
		return;
	/* A close cannot be failed: the fd has to go in any case. */
	if (h->gate)
		h->gate(h->gate_userdata, "close", "");
	h->ops->close(h, fd);
}

void host_free(struct host *h)
{
	if (h)
		h->ops->free(h);
}
