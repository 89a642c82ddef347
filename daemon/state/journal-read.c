/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Hands out the records of a file in order. The chain is not looked at: see journal_verify. */
#include <errno.h>
#include <unistd.h>

#include "state/journal-line.h"

static int read_one(struct line_reader *reader, json_t **ret)
{
	const char *line;
	size_t size;
	int r = line_reader_next(reader, &line, &size);

	if (r <= 0)
		return r;
	r = journal_line_load(line, size, ret);
	return r < 0 ? r : 1;
}

int journal_read(int fd, int (*each)(void *userdata, json_t *record), void *userdata,
	uint64_t *ret_skipped)
{
	_cleanup_(line_reader_done) struct line_reader reader = {.fd = fd};
	uint64_t skipped = 0;

	for (;;) {
		_cleanup_json_ json_t *record = NULL;
		int r = read_one(&reader, &record);

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

int journal_read_last(int fd, off_t max, int (*each)(void *userdata, json_t *record),
	void *userdata)
{
	off_t size = lseek(fd, 0, SEEK_END);

	if (size < 0)
		return -errno;
	/* A line that begins before is seen as no JSON object. */
	if (lseek(fd, size > max ? size - max : 0, SEEK_SET) < 0)
		return -errno;
	return journal_read(fd, each, userdata, NULL);
}
