/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is remembered of devices over reboots: quarantine.json. A damaged file is an error and not
 * an empty one, since that would set quarantined devices free.
 */
#include <errno.h>

#include "state/store-internal.h"

#define DEVICES_FILE "quarantine.json"

int store_save_devices(struct store *s, json_t *devices)
{
	return save_object(s->lib_fd, DEVICES_FILE, devices);
}

int store_load_devices(struct store *s, json_t **ret)
{
	json_t *none;
	int r = load_object(s->lib_fd, DEVICES_FILE, ret);

	if (r != -ENOENT)
		return r;
	none = json_object();
	if (!none)
		return -ENOMEM;
	*ret = none;
	return 0;
}
