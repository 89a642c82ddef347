/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Times of the command line, in the forms that journalctl users know. */
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "when.h"

#define USEC_PER_SEC UINT64_C(1000000)

uint64_t when_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * USEC_PER_SEC + t.tv_nsec / 1000;
}

void when_format_date(uint64_t usec, char buffer[static WHEN_SIZE])
{
	time_t seconds = usec / USEC_PER_SEC;
	struct tm tm;

	if (!localtime_r(&seconds, &tm) ||
		strftime(buffer, WHEN_SIZE, "%m-%d %H:%M:%S", &tm) == 0)
		buffer[0] = '\0';
}

void when_format_clock(uint64_t usec, char buffer[static WHEN_SIZE])
{
	time_t seconds = usec / USEC_PER_SEC;
	struct tm tm;

	if (!localtime_r(&seconds, &tm) || strftime(buffer, WHEN_SIZE, "%H:%M:%S", &tm) == 0)
		buffer[0] = '\0';
}

static int seconds_of_unit(const char *unit, size_t n, uint64_t *ret)
{
	static const struct {
		const char *name;
		uint64_t seconds;
	} units[] = {
		{"s", 1}, {"sec", 1}, {"second", 1}, {"seconds", 1},
		{"m", 60}, {"min", 60}, {"minute", 60}, {"minutes", 60},
		{"h", 3600}, {"hour", 3600}, {"hours", 3600},
		{"d", 86400}, {"day", 86400}, {"days", 86400},
		{"w", 604800}, {"week", 604800}, {"weeks", 604800},
	};

	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (strlen(units[i].name) == n && strncmp(units[i].name, unit, n) == 0) {
			*ret = units[i].seconds;
			return 0;
		}
	return -EINVAL;
}

/* "5min ago" and "-5min". */
static int parse_ago(const char *text, uint64_t now_usec, uint64_t *ret_usec)
{
	bool minus = *text == '-', ago;
	uint64_t count, unit;
	size_t n;
	char *end;

	text += minus;
	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	count = strtoull(text, &end, 10);
	if (errno)
		return -EINVAL;
	end += strspn(end, " ");
	n = strcspn(end, " ");
	if (seconds_of_unit(end, n, &unit) < 0)
		return -EINVAL;
	ago = streq(end + n, " ago");
	if (minus == ago || (minus && end[n]))
		return -EINVAL;
	if (count > now_usec / USEC_PER_SEC / unit)
		return -EINVAL;
	*ret_usec = now_usec - count * unit * USEC_PER_SEC;
	return 0;
}

static int to_usec(struct tm *tm, uint64_t *ret_usec)
{
	time_t t;

	tm->tm_isdst = -1;
	t = mktime(tm);
	if (t < 0)
		return -EINVAL;
	*ret_usec = t * USEC_PER_SEC;
	return 0;
}

static bool matches(const char *text, const char *format, const struct tm *base, struct tm *ret)
{
	struct tm tm = *base;
	const char *end = strptime(text, format, &tm);

	if (!end || *end)
		return false;
	*ret = tm;
	return true;
}

int when_parse(const char *text, uint64_t now_usec, uint64_t *ret_usec)
{
	static const char *const formats[] = {"%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S",
		"%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d", "%H:%M:%S", "%H:%M"};
	time_t seconds = now_usec / USEC_PER_SEC;
	struct tm midnight, tm;
	uint64_t number;

	if (!localtime_r(&seconds, &midnight))
		return -EINVAL;
	midnight.tm_hour = midnight.tm_min = midnight.tm_sec = 0;
	if (streq(text, "now")) {
		*ret_usec = now_usec;
		return 0;
	}
	if (streq(text, "today"))
		return to_usec(&midnight, ret_usec);
	if (streq(text, "yesterday")) {
		midnight.tm_mday--;
		return to_usec(&midnight, ret_usec);
	}
	if (*text == '@') {
		if (parse_u64(text + 1, &number) < 0 || number > UINT64_MAX / USEC_PER_SEC)
			return -EINVAL;
		*ret_usec = number * USEC_PER_SEC;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		if (matches(text, formats[i], &midnight, &tm))
			return to_usec(&tm, ret_usec);
	return parse_ago(text, now_usec, ret_usec);
}
