/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* reload: has the daemon read its policy again. */
#include "bus.h"

int verb_reload(struct ctl *c)
{
	_cleanup_message_ sd_bus_message *m = NULL;
	int r = bus_new_call(c, BUS_PATH, BUS_MANAGER, "Reload", &m);

	return r ? r : bus_call(c, m, BUS_LONG_USEC, NULL);
}
