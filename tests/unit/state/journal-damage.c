/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* No change of a journal goes unseen: every byte, line and cut of a real one is tried. */
#include <ctype.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fixture.h"

#define FILES 3
#define PER_FILE 40
#define LINES (FILES * PER_FILE)

static struct bench b;
static char *text; /* of all files, one after the other */
static size_t size;
static struct chain head;
static size_t starts[LINES + 1]; /* of each line, and the end */

static void rotate_at(uint64_t bytes)
{
	journal_set_limits(b.journal, &(struct journal_limits){bytes, UINT64_MAX, UINT64_MAX / 2});
}

static void write_files(void)
{
	for (int i = 0; i < LINES; i++) {
		bool first = i > 0 && i % PER_FILE == 0;

		rotate_at(first ? 1 : UINT64_MAX);
		bench_append(&b, "device.reset", i);
		if (first || i % PER_FILE == PER_FILE - 1)
			bench_run(&b, i + 1);
	}
}

static void setup(void)
{
	_cleanup_text_ struct text all = {0};
	char name[32];
	size_t n = 0;

	bench_setup(&b);
	write_files();
	for (int i = 1; i <= FILES; i++) {
		_cleanup_free_ char *part = NULL;

		snprintf(name, sizeof(name), i < FILES ? JOURNAL_FILE ".%d" : JOURNAL_FILE, i);
		cr_assert_eq(read_file_at(b.dir_fd, name, 1 << 20, &part, NULL), 0);
		text_append(&all, part);
	}
	size = all.size;
	text = text_steal(&all);
	journal_head(b.journal, &head.seq, head.hash);
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

/* The files as they were written, cut out of data. */
static void cut_out(const char *data, struct file_text ret[FILES])
{
	for (size_t i = 0; i < FILES; i++) {
		size_t start = starts[i * PER_FILE];

		ret[i] = (struct file_text){data + start, starts[(i + 1) * PER_FILE] - start};
	}
}

/* The first bad line, counted over all files as they were written; 0: the verifier saw nothing. */
static uint64_t bad_line_of(const struct file_text files[FILES], const struct chain *known)
{
	struct journal_verdict v = verify_texts(files, FILES, NULL, known);
	uint64_t bad = v.bad_line ? v.bad_file * PER_FILE + v.bad_line : 0;

	cr_assert_eq(!v.bad_line, !v.reason);
	for (const char *s = v.reason; s && *s; s++)
		cr_assert(isprint((unsigned char)*s));
	if (known && v.bad_line)
		cr_assert_lt(v.head.seq, bad, "%s", v.reason);
	journal_verdict_done(&v);
	return bad;
}

static uint64_t bad_line(const char *data)
{
	struct file_text files[FILES];

	cut_out(data, files);
	return bad_line_of(files, &head);
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
	struct journal_verdict v = bench_verify(&b);

	cr_expect_eq(bad_line(text), 0);
	cr_expect_eq(v.bad_line, 0, "%s", v.reason);
	cr_expect_eq(v.lines, LINES);
	cr_expect_str_eq(v.head.hash, head.hash);
}

Test(journal_damage, every_flipped_byte_is_found_in_its_line)
{
	for (size_t i = 0; i < size; i++) {
		text[i] ^= 1 << i % 8;
		cr_assert_eq(bad_line(text), line_of(i), "byte %zu of line %zu",
			i - starts[line_of(i) - 1], line_of(i));
		text[i] ^= 1 << i % 8;
	}
}

/* The line that follows it is bad, which may be the first of the next file. */
Test(journal_damage, every_dropped_line_is_found)
{
	_cleanup_free_ char *copy = malloc(size);

	for (size_t n = 0; n < LINES; n++) {
		size_t length = starts[n + 1] - starts[n];
		bool next_file = n % PER_FILE == PER_FILE - 1 && n + 1 < LINES;
		struct file_text files[FILES];

		memcpy(copy, text, starts[n]);
		memcpy(copy + starts[n], text + starts[n + 1], size - starts[n + 1]);
		cut_out(copy, files);
		files[n / PER_FILE].size -= length;
		for (size_t i = n / PER_FILE + 1; i < FILES; i++)
			files[i].data -= length;
		cr_assert_eq(bad_line_of(files, &head), n + 1 + next_file);
	}
}

Test(journal_damage, every_dropped_file_is_found)
{
	for (size_t i = 0; i < FILES; i++) {
		struct file_text files[FILES];

		cut_out(text, files);
		files[i].size = 0;
		cr_assert_eq(bad_line_of(files, &head), i * PER_FILE + 1 + (i < FILES - 1) * PER_FILE);
	}
}

Test(journal_damage, every_swap_and_repetition_is_found)
{
	_cleanup_free_ char *copy = malloc(size * 2);

	for (size_t n = 0; n + 1 < LINES; n++) {
		size_t first = starts[n + 1] - starts[n], second = starts[n + 2] - starts[n + 1];
		struct file_text files[FILES];

		memcpy(copy, text, size);
		memcpy(copy + starts[n], text + starts[n + 1], second);
		memcpy(copy + starts[n] + second, text + starts[n], first);
		cut_out(copy, files);
		if (n % PER_FILE == PER_FILE - 1) { /* their files swap them */
			files[n / PER_FILE].size += second - first;
			files[n / PER_FILE + 1].data += second - first;
			files[n / PER_FILE + 1].size += first - second;
		}
		cr_assert_eq(bad_line_of(files, &head), n + 1);
		memcpy(copy, text, starts[n + 1]);
		memcpy(copy + starts[n + 1], text + starts[n], size - starts[n]);
		cut_out(copy, files);
		files[n / PER_FILE].size += first;
		for (size_t i = n / PER_FILE + 1; i < FILES; i++)
			files[i].data += first;
		cr_assert_eq(bad_line_of(files, &head), n + 2);
	}
}

/* At the end, between two lines, a cut can only be told with the head; else without it, too. */
Test(journal_damage, every_cut_is_found)
{
	for (size_t i = 0; i < FILES; i++)
		for (size_t n = 0; n < starts[(i + 1) * PER_FILE] - starts[i * PER_FILE]; n++) {
			size_t at = starts[i * PER_FILE] + n;
			bool between = n == 0 || text[at - 1] == '\n';
			struct file_text files[FILES];

			cut_out(text, files);
			files[i].size = n;
			if (i < FILES - 1 && between)
				cr_assert_eq(bad_line_of(files, NULL), (i + 1) * PER_FILE + 1);
			else
				cr_assert_eq(bad_line_of(files, NULL), between ? 0 : line_of(at));
			if (i == FILES - 1)
				cr_assert_eq(bad_line_of(files, &head), line_of(at));
		}
}

/* Older files may be taken away, when the head at their end is known. */
Test(journal_damage, a_base_stands_for_older_files)
{
	struct file_text files[FILES];
	struct journal_verdict v;
	struct chain base;

	cut_out(text, files);
	v = verify_texts(files, 1, NULL, NULL);
	base = v.head;
	cr_assert_eq(base.seq, PER_FILE);
	v = verify_texts(files + 1, 2, &base, &head);
	cr_expect_eq(v.bad_line, 0, "%s", v.reason);
	v = verify_texts(files + 1, 2, NULL, &head);
	cr_expect_eq(v.bad_line, 1);
	cr_expect(strstr(v.reason, "--base="), "%s", v.reason);
	journal_verdict_done(&v);
	v = verify_texts(files + 2, 1, &base, &head);
	cr_expect_eq(v.bad_line, 1);
	journal_verdict_done(&v);
	base.hash[5] = base.hash[5] == '0' ? '1' : '0';
	v = verify_texts(files + 1, 2, &base, &head);
	cr_expect_eq(v.bad_line, 1);
	journal_verdict_done(&v);
	v = verify_texts(files + 1, 2, &base, &(struct chain){.seq = 3});
	cr_expect_neq(v.bad_line, 0);
	journal_verdict_done(&v);
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
	expect_reason(text, size - 2, LINES, "line 120, the last one, is cut off");
	expect_reason("{}\n", 3, 1, "line 1 has no valid seq and prev");
	v = verify_text(text, size, LINES + 1, head.hash);
	cr_expect_str_eq(v.reason, "the journal ends at seq 120, before the head that was given "
				   "(121): it was cut");
	journal_verdict_done(&v);
	v = verify_text(text, size, 50, head.hash);
	cr_expect_eq(v.bad_line, 50);
	journal_verdict_done(&v);
}

Test(journal_damage, a_rewritten_chain_needs_a_head)
{
	struct journal_verdict v = verify_text(text, starts[90], 0, NULL);

	cr_expect_eq(v.bad_line, 0);
	cr_expect_eq(v.lines, 90);
	v = verify_text(text, starts[90], LINES, head.hash);
	cr_expect_eq(v.bad_line, 91);
	journal_verdict_done(&v);
	v = verify_text("", 0, 0, NULL);
	cr_expect_eq(v.bad_line, 0);
	cr_expect_str_eq(v.head.hash, JOURNAL_HASH_ZERO);
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
	_cleanup_journal_set_ struct journal_set set = {0};
	int fd = memfd_create("journal", MFD_CLOEXEC);
	size_t long_line = 3 * JOURNAL_LINE_MAX;
	_cleanup_free_ char *huge = malloc(long_line);
	uint64_t skipped;
	int n = 0;

	memset(huge, 'x', long_line);
	cr_assert_eq(write_all(fd, "{}\ngarbage\n[]\n{}\n", 17), 0);
	cr_assert_eq(write_all(fd, huge, long_line), 0);
	cr_assert_eq(write_all(fd, "\n{}\n{", 5), 0);
	lseek(fd, 0, SEEK_SET);
	cr_assert_eq(journal_set_add(&set, -1, "memory", fd), 0);
	cr_expect_eq(journal_read(&set, count, &n, &skipped), 0);
	cr_expect_eq(n, 3);
	cr_expect_eq(skipped, 4);
	lseek(fd, 0, SEEK_SET);
	n = 6;
	cr_expect_eq(journal_read(&set, count, &n, &skipped), 42);
}
