/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Token buckets, the count of outstanding requests, and the bounded table. */
#include <criterion/criterion.h>
#include <errno.h>

#include "core/quota.h"

#define SECOND 1000000ULL

static struct quota *new_quota(unsigned per_second, unsigned burst, unsigned outstanding,
	size_t uids)
{
	struct quota_limits limits = {per_second, burst, outstanding, uids};
	struct quota *q = NULL;

	cr_assert_eq(quota_new(&limits, &q), 0);
	return q;
}

Test(quota, burst_then_rate)
{
	_cleanup_quota_free_ struct quota *q = new_quota(10, 5, 1, 4);

	for (int i = 0; i < 5; i++)
		cr_expect_eq(quota_charge(q, 1000, 1, SECOND), 0);
	cr_expect_eq(quota_charge(q, 1000, 1, SECOND), -EDQUOT);
	cr_expect_eq(quota_charge(q, 1000, 1, SECOND + 99999), -EDQUOT);
	cr_expect_eq(quota_charge(q, 1000, 1, SECOND + 100000), 0);
	cr_expect_eq(quota_charge(q, 1000, 1, SECOND + 100000), -EDQUOT);
	/* A long rest fills it up to the burst, and no further. */
	for (int i = 0; i < 5; i++)
		cr_expect_eq(quota_charge(q, 1000, 1, 3600 * SECOND), 0);
	cr_expect_eq(quota_charge(q, 1000, 1, 3600 * SECOND), -EDQUOT);
}

/* Refusals cost nothing, and small steps of time lose nothing. */
Test(quota, refill_is_exact)
{
	_cleanup_quota_free_ struct quota *q = new_quota(3, 1, 1, 4);
	unsigned granted = 0;

	for (uint64_t now = 0; now < 100 * SECOND; now += 7)
		granted += quota_charge(q, 1000, 1, now) == 0;
	cr_expect(granted >= 300 && granted <= 301, "%u", granted);
}

Test(quota, uids_are_apart)
{
	_cleanup_quota_free_ struct quota *q = new_quota(1, 1, 1, 4);

	cr_expect_eq(quota_charge(q, 1000, 1, 0), 0);
	cr_expect_eq(quota_charge(q, 1000, 1, 0), -EDQUOT);
	cr_expect_eq(quota_charge(q, 1001, 1, 0), 0);
	cr_expect_eq(quota_charge(q, 0, 1, 0), 0);
}

Test(quota, big_cost_leaves_a_debt)
{
	_cleanup_quota_free_ struct quota *q = new_quota(10, 10, 1, 4);

	cr_expect_eq(quota_charge(q, 1000, 100, 0), 0);
	cr_expect_eq(quota_charge(q, 1000, 1, 9 * SECOND), -EDQUOT);
	cr_expect_eq(quota_charge(q, 1000, 1, 9 * SECOND + 100000), 0);
	cr_expect_eq(quota_charge(q, 1000, 11, 10 * SECOND), -EDQUOT);
	cr_expect_eq(quota_charge(q, 1000, UINT32_MAX, 1000000 * SECOND), 0);
	cr_expect_eq(quota_charge(q, 1000, 1, 2000000 * SECOND), -EDQUOT);
	cr_expect_eq(quota_charge(q, 1000, 1, UINT64_MAX), 0);
}

Test(quota, time_that_goes_back)
{
	_cleanup_quota_free_ struct quota *q = new_quota(1, 1, 1, 4);

	cr_expect_eq(quota_charge(q, 1000, 1, 100 * SECOND), 0);
	cr_expect_eq(quota_charge(q, 1000, 1, 50 * SECOND), -EDQUOT);
	cr_expect_eq(quota_charge(q, 1000, 1, 100 * SECOND), -EDQUOT);
	cr_expect_eq(quota_charge(q, 1000, 1, 101 * SECOND), 0);
}

Test(quota, no_refill_at_all)
{
	_cleanup_quota_free_ struct quota *q = new_quota(0, 2, 1, 4);

	cr_expect_eq(quota_charge(q, 1000, 1, 0), 0);
	cr_expect_eq(quota_charge(q, 1000, 1, UINT64_MAX), 0);
	cr_expect_eq(quota_charge(q, 1000, 1, UINT64_MAX), -EDQUOT);
}

Test(quota, outstanding)
{
	_cleanup_quota_free_ struct quota *q = new_quota(100, 100, 2, 4);

	cr_expect_eq(quota_begin(q, 1000, 0), 0);
	cr_expect_eq(quota_begin(q, 1000, 0), 0);
	cr_expect_eq(quota_begin(q, 1000, 0), -EDQUOT);
	cr_expect_eq(quota_begin(q, 1001, 0), 0);
	quota_end(q, 1000);
	cr_expect_eq(quota_begin(q, 1000, 0), 0);
	cr_expect_eq(quota_begin(q, 1000, 0), -EDQUOT);
	/* One end too many does not make room for more than the limit. */
	for (int i = 0; i < 5; i++)
		quota_end(q, 1000);
	quota_end(q, 4711);
	cr_expect_eq(quota_begin(q, 1000, 0), 0);
	cr_expect_eq(quota_begin(q, 1000, 0), 0);
	cr_expect_eq(quota_begin(q, 1000, 0), -EDQUOT);
}

Test(quota, table_is_bounded)
{
	_cleanup_quota_free_ struct quota *q = new_quota(1, 10, 1, 3);

	for (uid_t uid = 1; uid <= 3; uid++)
		cr_expect_eq(quota_charge(q, uid, 1, 0), 0);
	cr_expect_eq(quota_charge(q, 4, 1, 0), -EUSERS);
	cr_expect_eq(quota_begin(q, 4, 0), -EUSERS);
	cr_expect_eq(quota_charge(q, 0, 1, 0), 0, "root always has a place");
	cr_expect_eq(quota_begin(q, 2, 0), 0);
	/* After a second the buckets are full again, and an idle uid gives its place up. */
	cr_expect_eq(quota_charge(q, 4, 1, SECOND), 0);
	cr_expect_eq(quota_charge(q, 5, 1, SECOND), 0);
	cr_expect_eq(quota_charge(q, 6, 1, SECOND), -EUSERS, "2 has a request outstanding");
	cr_expect_eq(quota_begin(q, 2, SECOND), -EDQUOT, "2 was not forgotten");
	quota_end(q, 2);
	cr_expect_eq(quota_charge(q, 6, 1, SECOND), 0);
}

/* Being forgotten gives nothing away. */
Test(quota, a_debt_is_not_forgotten)
{
	_cleanup_quota_free_ struct quota *q = new_quota(1, 2, 1, 1);

	cr_expect_eq(quota_charge(q, 1000, 2, 0), 0);
	cr_expect_eq(quota_charge(q, 1001, 1, SECOND), -EUSERS);
	cr_expect_eq(quota_charge(q, 1000, 2, SECOND), -EDQUOT);
	cr_expect_eq(quota_charge(q, 1001, 1, 2 * SECOND), 0);
}

Test(quota, limits_out_of_range)
{
	const struct quota_limits bad[] = {
		{1, 0, 1, 1}, {1, 1, 1, 0}, {1000001, 1, 1, 1}, {1, 1000001, 1, 1},
	};
	struct quota *q = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		cr_expect_eq(quota_new(&bad[i], &q), -EINVAL);
	cr_expect_null(q);
}
