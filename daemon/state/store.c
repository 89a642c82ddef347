/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The directories of the state, and JSON files in them. All are reached through directory fds
 * that were checked once: ours, and writable by nobody else, so that no file in them is anyone
 * else's doing.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "state/store-internal.h"

#define FILE_MAX ((size_t)16 * 1024 * 1024)
#define LEASE_ID_MAX 32

bool lease_id_is_valid(const char *id)
{
	size_t n = id ? strspn(id, "0123456789abcdefghijklmnopqrstuvwxyz") : 0;

	return n > 0 && n <= LEASE_ID_MAX && !id[n];
}

/* An existing directory keeps its mode, if nobody else may write to it. */
static int open_dir(int parent_fd, const char *path, mode_t mode)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (mkdirat(parent_fd, path, mode) < 0 && errno != EEXIST)
		return -errno;
	fd = openat(parent_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_uid != geteuid() || (st.st_mode & 022))
		return -EPERM;
	return TAKE_FD(fd);
}

/* As open_dir, for what nobody else may even look into. */
static int open_private_dir(int parent_fd, const char *path)
{
	int fd = open_dir(parent_fd, path, 0700);

	if (fd >= 0 && fchmod(fd, 0700) < 0) {
		int r = -errno;

		close_fd(fd);
		return r;
	}
	return fd;
}

int store_open(const char *run, const char *lib, struct store *ret)
{
	_cleanup_close_ int run_fd = open_dir(AT_FDCWD, run, 0755);
	_cleanup_close_ int leases_fd = -1, hold_fd = -1, lib_fd = -1;

	if (run_fd < 0)
		return run_fd;
	leases_fd = open_private_dir(run_fd, "leases");
	if (leases_fd < 0)
		return leases_fd;
	hold_fd = open_private_dir(run_fd, "hold");
	if (hold_fd < 0)
		return hold_fd;
	lib_fd = open_private_dir(AT_FDCWD, lib);
	if (lib_fd < 0)
		return lib_fd;
	*ret = (struct store){
		.leases_fd = TAKE_FD(leases_fd),
		.hold_fd = TAKE_FD(hold_fd),
		.lib_fd = TAKE_FD(lib_fd),
	};
	return 0;
}

void store_done(struct store *s)
{
	s->leases_fd = close_fd(s->leases_fd);
	s->hold_fd = close_fd(s->hold_fd);
	s->lib_fd = close_fd(s->lib_fd);
}

int save_object(int dir_fd, const char *name, json_t *object)
{
	_cleanup_free_ char *text = NULL;

	if (!json_is_object(object))
		return -EINVAL;
	text = json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII);
	if (!text)
		return -ENOMEM;
	return replace_file_at(dir_fd, name, 0600, text, strlen(text), true);
}

int load_object(int dir_fd, const char *name, json_t **ret)
{
	_cleanup_free_ char *text = NULL;
	json_t *object;
	size_t size;
	int r = read_file_at(dir_fd, name, FILE_MAX, &text, &size);

	if (r == -EFBIG || r == -EISDIR)
		return -EBADMSG;
	if (r < 0)
		return r;
	object = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(object)) {
		json_decref(object);
		return -EBADMSG;
	}
	*ret = object;
	return 0;
}
