/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is appended is on disk as it was given, in order, and few syncs serve many records. */
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"

static struct bench b;

static void setup(void)
{
	bench_setup(&b);
}

static void teardown(void)
{
	bench_teardown(&b);
}

TestSuite(journal_append, .init = setup, .fini = teardown, .timeout = 60);

static int check_order(void *userdata, json_t *record)
{
	int *n = userdata;

	return json_integer_value(json_object_get(record, "n")) == (*n)++ ? 0 : -ESTALE;
}

Test(journal_append, round_trip)
{
	_cleanup_journal_set_ struct journal_set set = {0};
	struct journal_verdict v;
	uint64_t skipped = 99, seq;
	char hash[JOURNAL_HASH_HEX + 1];
	int n = 0;

	for (int i = 0; i < 100; i++)
		cr_assert_eq(bench_append(&b, "device.reset", i), 0);
	bench_run(&b, 100);
	for (int i = 0; i < 100; i++)
		cr_expect_eq(b.errors[i], 0);
	v = bench_verify(&b);
	cr_expect_eq(v.bad_line, 0, "%s", v.reason);
	cr_expect_null(v.reason);
	cr_expect_eq(v.lines, 100);
	cr_expect_eq(v.head.seq, 100);
	journal_head(b.journal, &seq, hash);
	cr_expect_eq(seq, 100);
	cr_expect_str_eq(hash, v.head.hash);
	bench_set(&b, &set);
	cr_expect_eq(journal_read(&set, check_order, &n, &skipped), 0);
	cr_expect_eq(n, 100);
	cr_expect_eq(skipped, 0);
}

Test(journal_append, line_has_the_contract_form)
{
	_cleanup_free_ char *text = NULL;
	struct stat st;
	size_t size;
	json_t *record = json_pack("{s:s, s:s, s:{s:s}}", "label", "\x1b[31m\xc3\xa9\x7f\n", "event",
		"lease.granted", "caller", "user", "a\"b");

	cr_assert_eq(journal_append(b.journal, record, NULL, NULL), 0);
	bench_append(&b, "x", 1);
	bench_run(&b, 1);
	text = bench_read(&b, &size);
	cr_expect_eq(strncmp(text, "{\"seq\":1,\"prev\":\"0000", 21), 0);
	cr_expect(strstr(text, "0000\",\"boot\":\""));
	cr_expect(strstr(text, "\",\"realtime\":1"));
	cr_expect(strstr(text, ",\"monotonic\":"));
	cr_expect(strstr(text, ",\"event\":\"lease.granted\",\"label\":\"\\u001B[31m\\u00E9\\u007f\\n\""
			       ",\"caller\":{\"user\":\"a\\\"b\"}}\n"), "%s", text);
	for (size_t i = 0; i < size; i++)
		cr_expect((text[i] >= ' ' && text[i] <= '~') || text[i] == '\n');
	cr_assert_eq(fstatat(b.dir_fd, JOURNAL_FILE, &st, 0), 0);
	cr_expect_eq(st.st_mode & 07777, 0640);
}

Test(journal_append, refuses_what_it_cannot_write)
{
	_cleanup_free_ char *big = malloc(JOURNAL_LINE_MAX + 1);
	struct journal_verdict v;

	memset(big, 'x', JOURNAL_LINE_MAX);
	big[JOURNAL_LINE_MAX] = '\0';
	cr_expect_eq(journal_append(b.journal, NULL, NULL, NULL), -EINVAL);
	cr_expect_eq(journal_append(b.journal, json_array(), NULL, NULL), -EINVAL);
	cr_expect_eq(journal_append(b.journal, json_pack("{s:s}", "lease", "a"), NULL, NULL),
		-EINVAL);
	cr_expect_eq(bench_append(&b, "bad event", 1), -EINVAL);
	cr_expect_eq(bench_append(&b, "", 1), -EINVAL);
	cr_expect_eq(journal_append(b.journal, json_pack("{s:s, s:i}", "event", "x", "seq", 4), NULL,
			     NULL), -EINVAL);
	cr_expect_eq(journal_append(b.journal, json_pack("{s:s, s:s}", "event", "x", "text", big),
			     NULL, NULL), -E2BIG);
	big[JOURNAL_LINE_MAX - JOURNAL_PREFIX_MAX] = '\0';
	cr_expect_eq(journal_append(b.journal, json_pack("{s:s, s:s}", "event", "x", "text", big),
			     NULL, NULL), -E2BIG);
	big[JOURNAL_LINE_MAX - JOURNAL_PREFIX_MAX - 50] = '\0';
	cr_expect_eq(journal_append(b.journal, json_pack("{s:s, s:s}", "event", "x", "text", big),
			     NULL, NULL), 0);
	bench_append(&b, "x", 1);
	bench_run(&b, 1);
	v = bench_verify(&b);
	cr_expect_eq(v.bad_line, 0, "%s", v.reason);
	cr_expect_eq(v.lines, 2);
}

/* Holds the writer before its first group until the test has queued what it wants. */
static sem_t at_gate, open_gate;
static int gate_results[4096];
static int gates;

static int gate(void *userdata)
{
	sem_post(&at_gate);
	sem_wait(&open_gate);
	return gate_results[gates++];
}

static void hold_writer(void)
{
	sem_init(&at_gate, 0, 0);
	sem_init(&open_gate, 0, 0);
	journal_set_gate(b.journal, gate, NULL);
	cr_assert_eq(bench_append(&b, "first", 0), 0);
	sem_wait(&at_gate);
}

static void release_writer(void)
{
	for (int i = 0; i < 100; i++)
		sem_post(&open_gate);
}

Test(journal_append, many_records_share_a_sync)
{
	struct journal_stats stats;
	struct journal_verdict v;

	hold_writer();
	for (int i = 0; i < 1000; i++)
		cr_assert_eq(bench_append(&b, "x", i), 0);
	release_writer();
	bench_run(&b, 1001);
	journal_get_stats(b.journal, &stats);
	cr_expect_eq(stats.groups, 2);
	cr_expect_eq(stats.failed_groups, 0);
	cr_expect_eq(stats.records, 1001);
	v = bench_verify(&b);
	cr_expect_eq(v.bad_line, 0, "%s", v.reason);
	cr_expect_eq(v.lines, 1001);
}

Test(journal_append, queue_is_bounded)
{
	int queued = 1, r;

	hold_writer();
	while ((r = bench_append(&b, "x", queued)) == 0)
		queued++;
	cr_expect_eq(r, -ENOBUFS);
	cr_expect_eq(queued, JOURNAL_QUEUE_RECORDS);
	release_writer();
	bench_run(&b, queued);
	cr_expect_eq(bench_append(&b, "x", 0), 0);
	bench_run(&b, queued + 1);
}

Test(journal_append, queue_is_bounded_in_bytes)
{
	_cleanup_free_ char *big = malloc(512 * 1024);
	int queued = 0, r;

	memset(big, 'x', 512 * 1024 - 1);
	big[512 * 1024 - 1] = '\0';
	hold_writer();
	while ((r = journal_append(b.journal, json_pack("{s:s, s:s}", "event", "x", "t", big), NULL,
			NULL)) == 0)
		queued++;
	cr_expect_eq(r, -ENOBUFS);
	cr_expect_eq(queued, 31);
	release_writer();
}

Test(journal_append, failed_group_leaves_the_chain_good)
{
	struct journal_stats stats;
	struct journal_verdict v;

	gate_results[1] = -EIO;
	hold_writer();
	for (int i = 0; i < 10; i++)
		cr_assert_eq(bench_append(&b, "lost", i), 0);
	release_writer();
	bench_run(&b, 11);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(bench_append(&b, "kept", i), 0);
	bench_run(&b, 14);
	cr_expect_eq(b.errors[0], 0);
	for (int i = 1; i <= 10; i++)
		cr_expect_eq(b.errors[i], -EIO);
	for (int i = 11; i < 14; i++)
		cr_expect_eq(b.errors[i], 0);
	journal_get_stats(b.journal, &stats);
	cr_expect_eq(stats.failed_groups, 1);
	cr_expect_eq(stats.records, 4);
	v = bench_verify(&b);
	cr_expect_eq(v.bad_line, 0, "%s", v.reason);
	cr_expect_eq(v.lines, 4);
	cr_expect_eq(v.head.seq, 4);
}

Test(journal_append, free_writes_what_is_queued)
{
	struct journal_verdict v;

	for (int i = 0; i < 500; i++)
		cr_assert_eq(bench_append(&b, "x", i), 0);
	bench_close(&b);
	cr_expect_eq(b.done, 0);
	v = bench_verify(&b);
	cr_expect_eq(v.bad_line, 0, "%s", v.reason);
	cr_expect_eq(v.lines, 500);
}

Test(journal_append, one_writer_at_a_time_and_the_chain_goes_on)
{
	struct journal *first = b.journal;
	struct journal_verdict v;

	cr_expect_eq(bench_open(&b), -EBUSY);
	cr_expect_eq(b.journal, first);
	bench_append(&b, "x", 0);
	bench_run(&b, 1);
	bench_close(&b);
	cr_assert_eq(bench_open(&b), 0);
	bench_append(&b, "x", 1);
	bench_run(&b, 2);
	v = bench_verify(&b);
	cr_expect_eq(v.bad_line, 0, "%s", v.reason);
	cr_expect_eq(v.head.seq, 2);
}

Test(journal_append, refuses_a_file_that_others_may_write)
{
	bench_close(&b);
	cr_assert_eq(fchmodat(b.dir_fd, JOURNAL_FILE, 0660, 0), 0);
	cr_expect_eq(bench_open(&b), -EPERM);
	cr_assert_eq(unlinkat(b.dir_fd, JOURNAL_FILE, 0), 0);
	cr_assert_eq(symlinkat("elsewhere", b.dir_fd, JOURNAL_FILE), 0);
	cr_expect_eq(bench_open(&b), -ELOOP);
}
