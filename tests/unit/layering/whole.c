/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * base, policy and core linked whole with libc alone: that this links is the test. It runs, so
 * that a library which is merely found at run time shows as well.
 */
#include "core/decide.h"

int main(void)
{
	_cleanup_policy_free_ struct policy *policy = NULL;
	_cleanup_topology_unref_ struct topology *topology = NULL;
	_cleanup_decision_free_ struct decision *decision = NULL;
	struct host_facts facts = {0};
	struct policy_client client = {.uid = 1000};
	char address[] = "0000:01:00.0";
	char *devices[] = {address, NULL};
	struct request request = {.devices = devices};

	if (policy_new_deny_all(&policy) < 0 ||
		topology_new_consume(&facts, NULL, 0, &topology) < 0)
		return EXIT_FAILURE;
	if (decide(topology, policy, NULL, NULL, &client, client.uid, &request,
		    &decision) < 0)
		return EXIT_FAILURE;
	return decision->refusal == REFUSAL_NO_SUCH_DEVICE ? EXIT_SUCCESS : EXIT_FAILURE;
}
