/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON files and names, shared by the parts of the store. */
#pragma once

#include "state/store.h"

/* Lease ids become file names: [0-9a-z]+, up to 32 characters. */
bool lease_id_is_valid(const char *id);

/* One JSON object a file, 0600, replaced atomically and synced. */
int save_object(int dir_fd, const char *name, json_t *object);
/* -EBADMSG when the file holds something else, -ENOENT when there is none. */
int load_object(int dir_fd, const char *name, json_t **ret);
