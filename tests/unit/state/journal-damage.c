/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* No change of a journal goes unseen: every byte, line and cut of a real one is tried. */
#include <ctype.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fixture.h"

#define LINES 100

static struct bench b;
static char *text;
static size_t size;
static char head[JOURNAL_HASH_HEX + 1];
static size_t starts[LINES + 1]; /* of each line, and the end */

static void setup(void)
{
	size_t n = 0;
	uint64_t seq;

	bench_setup(&b);
	for (int i = 0; i < LINES; i++)
		bench_append(&b, "device.reset", i);
	bench_run(&b, LINES);
	text = bench_read(&b, &size);
	journal_head(b.journal, &seq, head);
	for (size_t i = 0; i < size; i++)
		if (i == 0 || text[i - 1] == '\n')
			starts[n++] = i;
	starts[n] = size;
	cr_assert_eq(n, LINES);
}

static void teardown(void)
{
	free(text);
	bench_teardown(&b);
}

TestSuite(journal_damage, .init = setup, .fini = teardown, .timeout = 300);

/* The first bad line, with the true head known; 0 when the verifier saw nothing. */
static uint64_t bad_line(const char *data, size_t n)
{
	struct journal_verdict v = verify_text(data, n, LINES, head);

	cr_assert_eq(!v.bad_line, !v.reason);
	if (v.bad_line) {
		cr_assert_eq(v.last_seq, v.bad_line - 1, "%s", v.reason);
		for (const char *s = v.reason; *s; s++)
			cr_assert(isprint((unsigned char)*s));
	}
	journal_verdict_done(&v);
	return v.bad_line;
}

static size_t line_of(size_t offset)
{
	size_t n = 0;

	while (starts[n + 1] <= offset)
		n++;
	return n + 1;
}

Test(journal_damage, untouched_is_good)
{
	cr_expect_eq(bad_line(text, size), 0);
}

Test(journal_damage, every_flipped_byte_is_found_in_its_line)
{
	for (size_t i = 0; i < size; i++) {
		text[i] ^= 1 << i % 8;
		cr_assert_eq(bad_line(text, size), line_of(i), "byte %zu of line %zu",
			i - starts[line_of(i) - 1], line_of(i));
		text[i] ^= 1 << i % 8;
	}
}

Test(journal_damage, every_dropped_line_is_found)
{
	_cleanup_free_ char *copy = malloc(size);

	for (size_t n = 0; n < LINES; n++) {
		memcpy(copy, text, starts[n]);
		memcpy(copy + starts[n], text + starts[n + 1], size - starts[n + 1]);
		cr_assert_eq(bad_line(copy, size - (starts[n + 1] - starts[n])), n + 1);
	}
}

Test(journal_damage, every_swap_and_repetition_is_found)
{
	_cleanup_free_ char *copy = malloc(size * 2);

	for (size_t n = 0; n + 1 < LINES; n++) {
		size_t first = starts[n + 1] - starts[n], second = starts[n + 2] - starts[n + 1];

		memcpy(copy, text, size);
		memcpy(copy + starts[n], text + starts[n + 1], second);
		memcpy(copy + starts[n] + second, text + starts[n], first);
		cr_assert_eq(bad_line(copy, size), n + 1);
		memcpy(copy, text, starts[n + 1]);
		memcpy(copy + starts[n + 1], text + starts[n], size - starts[n]);
		cr_assert_eq(bad_line(copy, size + first), n + 2);
	}
}

/* Between two lines a cut can only be told with the head, inside of one without it too. */
Test(journal_damage, every_cut_is_found)
{
	for (size_t n = 1; n < size; n++) {
		struct journal_verdict v = verify_text(text, n, 0, NULL);

		cr_assert_eq(!v.bad_line, text[n - 1] == '\n', "cut at %zu", n);
		if (text[n - 1] == '\n')
			cr_assert_eq(bad_line(text, n), line_of(n));
		journal_verdict_done(&v);
	}
	cr_assert_eq(bad_line(text, 0), 1);
}

static void expect_reason(const char *data, size_t n, uint64_t line, const char *reason)
{
	struct journal_verdict v = verify_text(data, n, 0, NULL);

	cr_expect_eq(v.bad_line, line);
	cr_expect(v.reason && strstr(v.reason, reason), "%s", v.reason);
	journal_verdict_done(&v);
}

Test(journal_damage, reasons_can_be_understood)
{
	_cleanup_free_ char *copy = malloc(size);
	struct journal_verdict v;
	char *event;

	memcpy(copy, text, starts[4]);
	memcpy(copy + starts[4], text + starts[5], size - starts[5]);
	expect_reason(copy, size - (starts[5] - starts[4]), 5, "seq jumps from 4 to 6 in line 5");
	memcpy(copy, text, size);
	event = strstr(copy + starts[3], "device.reset");
	memcpy(event, "device.erase", 12);
	expect_reason(copy, size, 4, "the hash of line 4 does not match the one in line 5");
	memcpy(copy, text, size);
	copy[starts[6]] = '[';
	expect_reason(copy, size, 7, "line 7 is not a JSON object");
	expect_reason(text, size - 2, LINES, "the last line (100) is cut off");
	expect_reason("{}\n", 3, 1, "line 1 has no valid seq and prev");
	v = verify_text(text, size, LINES + 1, head);
	cr_expect_str_eq(v.reason, "the journal ends at seq 100, before the head that was given "
				   "(101): it was cut");
	journal_verdict_done(&v);
	v = verify_text(text, size, 50, head);
	cr_expect_eq(v.bad_line, 50);
	journal_verdict_done(&v);
}

Test(journal_damage, a_rewritten_chain_needs_a_head)
{
	struct journal_verdict v = verify_text(text, starts[90], 0, NULL);

	cr_expect_eq(v.bad_line, 0);
	cr_expect_eq(v.lines, 90);
	v = verify_text(text, starts[90], LINES, head);
	cr_expect_eq(v.bad_line, 91);
	journal_verdict_done(&v);
	v = verify_text("", 0, 0, NULL);
	cr_expect_eq(v.bad_line, 0);
	cr_expect_str_eq(v.head, JOURNAL_HASH_ZERO);
}

Test(journal_damage, hostile_lines_are_a_verdict)
{
	size_t n = 3 * JOURNAL_LINE_MAX;
	_cleanup_free_ char *huge = malloc(n);
	static const char twice[] = "{\"seq\":1,\"seq\":1,\"prev\":\"" JOURNAL_HASH_ZERO "\"}\n";
	static const char negative[] = "{\"seq\":-1,\"prev\":\"" JOURNAL_HASH_ZERO "\"}\n";

	memset(huge, '[', n);
	expect_reason(huge, n, 1, "line 1 is longer than 1 MiB");
	huge[JOURNAL_LINE_MAX] = '\n';
	expect_reason(huge, n, 1, "line 1 is not a JSON object");
	huge[JOURNAL_LINE_MAX] = '[';
	huge[JOURNAL_LINE_MAX + 1] = '\n';
	expect_reason(huge, n, 1, "line 1 is longer than 1 MiB");
	expect_reason(huge, JOURNAL_LINE_MAX + 2, 1, "line 1 is longer than 1 MiB");
	memset(huge, 0, n);
	expect_reason(huge, 1000, 1, "cut off");
	expect_reason(twice, strlen(twice), 1, "names a key twice");
	expect_reason(negative, strlen(negative), 1, "no valid seq");
	expect_reason("\n", 1, 1, "line 1 is not a JSON object");
}

static int count(void *userdata, json_t *record)
{
	return ++*(int *)userdata == 7 ? 42 : 0;
}

Test(journal_damage, reading_passes_over_bad_lines)
{
	_cleanup_close_ int fd = memfd_create("journal", MFD_CLOEXEC);
	size_t long_line = 3 * JOURNAL_LINE_MAX;
	_cleanup_free_ char *huge = malloc(long_line);
	uint64_t skipped;
	int n = 0;

	memset(huge, 'x', long_line);
	cr_assert_eq(write_all(fd, "{}\ngarbage\n[]\n{}\n", 17), 0);
	cr_assert_eq(write_all(fd, huge, long_line), 0);
	cr_assert_eq(write_all(fd, "\n{}\n{", 5), 0);
	lseek(fd, 0, SEEK_SET);
	cr_expect_eq(journal_read(fd, count, &n, &skipped), 0);
	cr_expect_eq(n, 3);
	cr_expect_eq(skipped, 4);
	lseek(fd, 0, SEEK_SET);
	n = 6;
	cr_expect_eq(journal_read(fd, count, &n, &skipped), 42);
}
