/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Hands out the records of a journal in order. The chain is not looked at: see journal_verify. */
#include <errno.h>
#include <unistd.h>

#include "state/journal-line.h"
#include "state/journal-set.h"

static int read_one(struct line_source *source, json_t **ret)
{
	const char *line;
	size_t size;
	int r = line_source_next(source, &line, &size);

	if (r <= 0)
		return r;
	r = journal_line_load(line, size, ret);
	return r < 0 ? r : 1;
}

static int read_from(struct line_source *source, int (*each)(void *userdata, json_t *record),
	void *userdata, uint64_t *ret_skipped)
{
	uint64_t skipped = 0;

	for (;;) {
		_cleanup_json_ json_t *record = NULL;
		int r = read_one(source, &record);

		if (r == 0)
			break;
		if (r == -EBADMSG || r == -EMSGSIZE) {
			skipped++;
			continue;
		}
		if (r < 0)
			return r;
		r = each(userdata, record);
		if (r != 0)
			return r;
	}
	if (ret_skipped)
		*ret_skipped = skipped;
	return 0;
}

int journal_read(struct journal_set *set, int (*each)(void *userdata, json_t *record),
	void *userdata, uint64_t *ret_skipped)
{
	_cleanup_(line_source_done) struct line_source source = {.set = set};

	return read_from(&source, each, userdata, ret_skipped);
}

int journal_read_last(struct journal_set *set, off_t max,
	int (*each)(void *userdata, json_t *record), void *userdata)
{
	_cleanup_(line_source_done) struct line_source source = {.set = set};

	for (source.file = set->n; source.file > 0 && max > 0;) {
		int fd = journal_set_fd(set, --source.file);
		off_t size = fd < 0 ? fd : lseek(fd, 0, SEEK_END);

		if (size < 0)
			return fd < 0 ? fd : -errno;
		/* A line that begins before is seen as no JSON object. */
		if (lseek(fd, size > max ? size - max : 0, SEEK_SET) < 0)
			return -errno;
		max -= size;
	}
	return read_from(&source, each, userdata, NULL);
}
