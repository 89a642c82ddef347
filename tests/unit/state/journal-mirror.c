/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What reaches the system journal, and that one which hangs holds up nothing. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fixture.h"
#include "state/message-ids.h"

static struct bench b;
static int journald = -1;

static void setup(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	bench_setup(&b);
	bench_close(&b);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", b.path);
	journald = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	cr_assert_eq(bind(journald, (struct sockaddr *)&address, sizeof(address)), 0);
	cr_assert_eq(journal_open_full(b.event, b.dir_fd, address.sun_path, &b.journal), 0);
}

static void teardown(void)
{
	bench_teardown(&b);
}

TestSuite(journal_mirror, .init = setup, .fini = teardown, .timeout = 60);

Test(journal_mirror, fields)
{
	static const char start[] = "MESSAGE=Lease granted k3\\x0aPRIORITY=0: 0000:01:00.0 and 1 more\n"
				    "PRIORITY=6\n";
	char message[4096], expected[256], hash[JOURNAL_HASH_HEX + 1];
	json_t *record = json_pack("{s:s, s:s, s:[{s:s}, s]}", "event", "lease.granted", "lease",
		"k3\nPRIORITY=0", "devices", "address", "0000:01:00.0", "0000:02:00.0");
	uint64_t seq;
	ssize_t n;

	cr_assert_eq(journal_append(b.journal, record, NULL, NULL), 0);
	bench_append(&b, "daemon.restored", 0);
	bench_run(&b, 1);
	journal_free(TAKE_PTR(b.journal));
	n = recv(journald, message, sizeof(message) - 1, 0);
	cr_assert_gt(n, 0);
	message[n] = '\0';
	cr_expect_eq(strncmp(message, start, strlen(start)), 0, "%s", message);
	cr_expect(strstr(message, "\nMESSAGE_ID=2e4a35a82ab8400283b927eb67adbfda\n"));
	cr_expect(strstr(message, "\nDEVLEASE_EVENT=lease.granted\n"));
	cr_expect(strstr(message, "\nDEVLEASE_LEASE=k3\\x0aPRIORITY=0\n"), "%s", message);
	cr_expect(strstr(message, "\nDEVLEASE_DEVICE=0000:01:00.0\nDEVLEASE_DEVICE=0000:02:00.0\n"));
	cr_expect(strstr(message, "\nDEVLEASE_SEQ=1\nDEVLEASE_HASH="));
	n = recv(journald, message, sizeof(message) - 1, 0);
	cr_assert_gt(n, 0);
	message[n] = '\0';
	cr_expect_null(strstr(message, "MESSAGE_ID"));
	{
		struct journal_verdict v = bench_verify(&b);

		seq = v.head.seq;
		memcpy(hash, v.head.hash, sizeof(hash));
	}
	snprintf(expected, sizeof(expected), "\nDEVLEASE_SEQ=%d\nDEVLEASE_HASH=%s\n", (int)seq,
		hash);
	cr_expect(strstr(message, expected), "%s", message);
}

/* The next message with the MESSAGE_ID of a head, checked against the journal's; "" at the end. */
static void next_head(char ret[JOURNAL_HASH_HEX + 32])
{
	char message[4096], *at;
	ssize_t n;

	ret[0] = '\0';
	while ((n = recv(journald, message, sizeof(message) - 1, 0)) > 0) {
		message[n] = '\0';
		if (!strstr(message, "\nMESSAGE_ID=" MESSAGE_ID_JOURNAL_HEAD "\n"))
			continue;
		at = strstr(message, "journal: ");
		cr_assert(at);
		sscanf(at, "journal: %95s", ret);
		return;
	}
}

static void append_some(int n, const struct journal_limits *limits)
{
	journal_set_limits(b.journal, limits);
	for (int i = 0; i < n; i++) {
		bench_append(&b, "x", i);
		bench_run(&b, b.done + 1);
	}
}

static void expect_head(uint64_t seq)
{
	char head[JOURNAL_HASH_HEX + 32], expected[16];
	int n = snprintf(expected, sizeof(expected), "%d:", (int)seq);

	next_head(head);
	cr_expect_eq(strncmp(head, expected, n), 0, "%s", head);
	cr_expect_eq(strlen(head), (size_t)n + JOURNAL_HASH_HEX);
}

Test(journal_mirror, heads)
{
	uint64_t never = UINT64_MAX / 2;
	char head[JOURNAL_HASH_HEX + 32], hash[JOURNAL_HASH_HEX + 1];
	uint64_t seq;

	append_some(10, &(struct journal_limits){never, 4, never});
	expect_head(4);
	expect_head(8);
	next_head(head);
	cr_expect_str_eq(head, "");
	/* at rotation */
	append_some(1, &(struct journal_limits){1, never, never});
	usleep(50 * 1000);
	expect_head(11);
	/* after some time, with nothing more written */
	append_some(1, &(struct journal_limits){never, never, 200 * 1000});
	usleep(500 * 1000);
	expect_head(12);
	usleep(300 * 1000);
	next_head(head);
	cr_expect_str_eq(head, "", "there is nothing new to tell");
	/* and at the end */
	append_some(1, &(struct journal_limits){never, never, never});
	journal_head(b.journal, &seq, hash);
	bench_close(&b);
	next_head(head);
	cr_expect_eq(seq, 13);
	cr_expect_str_eq(strchr(head, ':') + 1, hash);
}

Test(journal_mirror, a_reader_that_hangs)
{
	struct journal_stats stats;

	for (int i = 0; i < 3000; i++)
		cr_assert_eq(bench_append(&b, "x", i), 0);
	bench_run(&b, 3000);
	bench_append(&b, "x", 0);
	bench_run(&b, 3001);
	journal_get_stats(b.journal, &stats);
	cr_expect_eq(stats.records, 3001);
	cr_expect_gt(stats.not_mirrored, 0);
	cr_expect_lt(stats.not_mirrored, 3001);
}

Test(journal_mirror, no_reader)
{
	close(journald);
	bench_append(&b, "x", 0);
	bench_run(&b, 1);
	cr_expect_eq(b.errors[0], 0);
}
