/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* release ID...: ends leases and waits until their devices are back. */
#include "request.h"

int verb_release(struct ctl *c)
{
	int status = STATUS_OK;

	for (char **id = c->args; *id; id++) {
		int r = lease_release(c, *id, false);

		if (r != STATUS_OK)
			status = r;
	}
	return status;
}
