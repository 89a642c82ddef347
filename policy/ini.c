/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One line at a time is copied, checked byte by byte, and cut up in place. */
#include <string.h>

#include "policy/ini.h"

void ini_init(struct ini *in, const char *text, size_t size)
{
	/* the mark that some editors put before UTF-8 */
	bool mark = size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0;

	in->next = mark ? text + 3 : text;
	in->end = text ? text + size : text;
	in->line = 0;
}

static enum ini_kind ini_error(struct ini *in, struct ini_item *ret, size_t offset,
	const char *problem)
{
	*ret = (struct ini_item){
		.kind = INI_ERROR,
		.line = in->line,
		.column = offset + 1,
		.problem = problem,
	};
	return INI_ERROR;
}

/* Length of the UTF-8 sequence at s, or 0 when there is none (RFC 3629). */
static size_t utf8_sequence(const unsigned char *s, size_t n)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t length;

	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		length = 2;
	else if ((s[0] & 0xf0) == 0xe0)
		length = 3;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		length = 4;
	else
		return 0;
	if (n < length)
		return 0;
	/* overlong forms, surrogates, and what is above U+10FFFF */
	if (s[0] == 0xe0)
		low = 0xa0;
	else if (s[0] == 0xed)
		high = 0x9f;
	else if (s[0] == 0xf0)
		low = 0x90;
	else if (s[0] == 0xf4)
		high = 0x8f;
	if (s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < length; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return length;
}

/* NULL when all bytes are fine, else the problem and where it is. */
static const char *check_bytes(const char *line, size_t size, size_t *ret_offset)
{
	for (size_t i = 0; i < size;) {
		unsigned char c = line[i];
		size_t n;

		*ret_offset = i;
		if (c == '\0')
			return "NUL byte in the file";
		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return "control character in the file";
		n = utf8_sequence((const unsigned char *)line + i, size - i);
		if (n == 0)
			return "the text is not valid UTF-8";
		i += n;
	}
	return NULL;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_comment(char c)
{
	return c == '#' || c == ';';
}

static void trim_end(char *s)
{
	size_t n = strlen(s);

	while (n > 0 && is_blank(s[n - 1]))
		s[--n] = '\0';
}

static void cut_comment(char *line)
{
	for (size_t i = 0; line[i]; i++)
		if (is_comment(line[i]) && (i == 0 || is_blank(line[i - 1]))) {
			line[i] = '\0';
			break;
		}
	trim_end(line);
}

static enum ini_kind read_section(struct ini *in, struct ini_item *ret, char *line)
{
	char *start = line + strspn(line, " \t");
	char *close = strchr(start, ']');

	if (!close || close[1]) {
		size_t offset = close ? (size_t)(close + 1 - line) : strlen(line);

		ini_error(in, ret, offset,
			close ? "text behind the section's ']'" : "the section's ']' is missing");
		ret->header = true;
		return INI_ERROR;
	}
	*close = '\0';
	*ret = (struct ini_item){
		.kind = INI_SECTION,
		.line = in->line,
		.column = start - line + 1,
		.name = start + 1 + strspn(start + 1, " \t"),
	};
	trim_end(start + 1);
	return INI_SECTION;
}

static enum ini_kind read_entry(struct ini *in, struct ini_item *ret, char *line)
{
	char *start = line + strspn(line, " \t");
	char *equals = strchr(start, '=');
	char *value;

	if (!equals)
		return ini_error(in, ret, start - line,
			"expected KEY=VALUE, [SECTION] or a comment");
	if (equals == start)
		return ini_error(in, ret, start - line, "'=' without a key before it");
	value = equals + 1 + strspn(equals + 1, " \t");
	if (*value && value[strlen(value) - 1] == '\\')
		return ini_error(in, ret, value + strlen(value) - 1 - line,
			"a line cannot be continued; give the key again instead");
	*equals = '\0';
	trim_end(start);
	*ret = (struct ini_item){
		.kind = INI_ENTRY,
		.line = in->line,
		.column = start - line + 1,
		.name = start,
		.value = value,
		.value_column = value - line + 1,
	};
	return INI_ENTRY;
}

enum ini_kind ini_next(struct ini *in, struct ini_item *ret)
{
	while (in->next < in->end) {
		const char *line = in->next;
		const char *newline = memchr(line, '\n', in->end - line);
		size_t size = (newline ? newline : in->end) - line, offset, start;
		const char *problem;

		in->next = newline ? newline + 1 : in->end;
		in->line++;
		if (size > 0 && line[size - 1] == '\r')
			size--;
		if (size > INI_LINE_MAX)
			return ini_error(in, ret, INI_LINE_MAX, "line longer than 4096 bytes");
		problem = check_bytes(line, size, &offset);
		if (problem)
			return ini_error(in, ret, offset, problem);
		memcpy(in->buffer, line, size);
		in->buffer[size] = '\0';
		cut_comment(in->buffer);
		start = strspn(in->buffer, " \t");
		if (in->buffer[start] == '[')
			return read_section(in, ret, in->buffer);
		if (in->buffer[start])
			return read_entry(in, ret, in->buffer);
	}
	*ret = (struct ini_item){.kind = INI_END, .line = in->line};
	return INI_END;
}
