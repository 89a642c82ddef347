/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One file for each lease, leases/ID.json. A file that cannot be understood is still reported: its
 * lease exists, and its devices must not be taken for free.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "state/journal-line.h"
#include "state/store-internal.h"

#define SUFFIX ".json"
#define LEFTOVER SUFFIX ".new"
#define NAME_SPACE 64

static int file_name(const char *id, char ret[NAME_SPACE])
{
	if (!lease_id_is_valid(id))
		return -EINVAL;
	snprintf(ret, NAME_SPACE, "%s" SUFFIX, id);
	return 0;
}

/* The id of a lease file's name into ret; false for any other name. */
static bool id_of(const char *name, char ret[NAME_SPACE])
{
	size_t n = strlen(name), suffix = strlen(SUFFIX);

	if (n <= suffix || n >= NAME_SPACE || strcmp(name + n - suffix, SUFFIX) != 0)
		return false;
	memcpy(ret, name, n - suffix);
	ret[n - suffix] = '\0';
	return lease_id_is_valid(ret);
}

int store_save_lease(struct store *s, const char *id, json_t *state)
{
	char name[NAME_SPACE];
	int r = file_name(id, name);

	return r < 0 ? r : save_object(s->leases_fd, name, state);
}

int store_remove_lease(struct store *s, const char *id)
{
	char name[NAME_SPACE];
	int r = file_name(id, name);

	if (r < 0)
		return r;
	if (unlinkat(s->leases_fd, name, 0) < 0 && errno != ENOENT)
		return -errno;
	return fsync(s->leases_fd) < 0 ? -errno : 0;
}

static int load_lease(int dir_fd, const char *name, const char *id, json_t *list)
{
	json_t *entry, *state = NULL;
	int r = load_object(dir_fd, name, &state);

	if (r == -ENOENT)
		return 0;
	if (r == -ENOMEM || r == -EMFILE || r == -ENFILE)
		return r; /* says nothing about the file */
	entry = json_pack("{s:s, s:o?}", "id", id, "state", state);
	return json_array_append_new(list, entry) < 0 ? -ENOMEM : 0;
}

static int is_candidate(const struct dirent *entry)
{
	char id[NAME_SPACE];

	return id_of(entry->d_name, id);
}

/* A temporary file whose writer was killed before it could take the place of the old one. */
static int is_leftover(const struct dirent *entry)
{
	const char *name = entry->d_name;
	size_t n = strlen(name), suffix = strlen(LEFTOVER);

	return name[0] == '.' && n > suffix && strcmp(name + n - suffix, LEFTOVER) == 0;
}

static void free_entries(struct dirent **entries, int n)
{
	for (int i = 0; i < n; i++)
		free(entries[i]);
	free(entries);
}

static int remove_leftovers(int dir_fd)
{
	struct dirent **entries;
	int n = scandirat(dir_fd, ".", &entries, is_leftover, alphasort);

	if (n < 0)
		return -errno;
	for (int i = 0; i < n; i++)
		unlinkat(dir_fd, entries[i]->d_name, 0);
	free_entries(entries, n);
	return 0;
}

int store_load_leases(struct store *s, json_t **ret)
{
	_cleanup_json_ json_t *list = json_array();
	struct dirent **entries;
	int n, r = list ? remove_leftovers(s->leases_fd) : -ENOMEM;

	if (r < 0)
		return r;
	n = scandirat(s->leases_fd, ".", &entries, is_candidate, alphasort);
	if (n < 0)
		return -errno;
	for (int i = 0; i < n && r >= 0; i++) {
		char id[NAME_SPACE];

		if (id_of(entries[i]->d_name, id))
			r = load_lease(s->leases_fd, entries[i]->d_name, id, list);
	}
	free_entries(entries, n);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(list);
	return 0;
}
