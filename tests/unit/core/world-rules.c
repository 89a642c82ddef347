/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Random policies, and the same ones made stricter by one step. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "machine.h"
#include "world.h"

static void random_rule(struct world *w, struct rng *r, struct world_rule *rule, bool last)
{
	static const enum verdict access[] = {VERDICT_ALLOW, VERDICT_ALLOW, VERDICT_ALLOW,
		VERDICT_ALLOW, VERDICT_ALLOW, VERDICT_ALLOW, VERDICT_ALLOW, VERDICT_ASK,
		VERDICT_ALLOW, VERDICT_ALLOW, VERDICT_DENY};
	static const unsigned handovers[] = {HANDOVER_ATTACHED, HANDOVER_OPENED, HANDOVER_ATTACHED,
		HANDOVER_ATTACHED | HANDOVER_OPENED, HANDOVER_ATTACHED | HANDOVER_OPENED,
		HANDOVER_ATTACHED | HANDOVER_OPENED, HANDOVER_ATTACHED | HANDOVER_OPENED};
	static const unsigned reset_sets[] = {RESET_SET_EXCLUSIVE, RESET_SET_EXCLUSIVE,
		RESET_SET_FUNCTION, RESET_SET_EXCLUSIVE | RESET_SET_FUNCTION, RESET_SET_TOLERATE,
		RESET_SET_TOLERATE};

	/* One draw a statement: compilers differ in the order of arguments. */
	*rule = (struct world_rule){.uid = -1};
	if (rng_one_in(r, last ? 16 : 4))
		snprintf(rule->device, sizeof(rule->device), "%s",
			w->devices[rng_below(r, w->n)].address);
	else if (!last)
		snprintf(rule->device, sizeof(rule->device), "0000:%02x:*", 1 + rng_below(r, 4));
	if (rng_one_in(r, 8))
		rule->uid = world_uid(r);
	rule->access = access[rng_below(r, ARRAY_SIZE(access))];
	rule->isolation = rng_one_in(r, 14) ? ISOLATION_STRICT : ISOLATION_GROUP;
	rule->reset_set = reset_sets[rng_below(r, ARRAY_SIZE(reset_sets))];
	rule->handovers = handovers[rng_below(r, ARRAY_SIZE(handovers))];
	rule->opened_first = rng_one_in(r, 2);
	if (rng_one_in(r, 4))
		rule->backend = rng_one_in(r, 2) ? BACKEND_LEGACY : BACKEND_IOMMUFD;
	rule->host_use_allow = rng_one_in(r, 2);
	if (rng_one_in(r, 6))
		rule->max_leases = 1 + rng_below(r, 3);
	if (rng_one_in(r, 6))
		rule->max_devices = 1 + rng_below(r, 5);
}

void world_rules(struct world *w, struct rng *r)
{
	w->n_rules = 2 + rng_below(r, WORLD_RULES - 1);
	for (size_t i = 0; i < w->n_rules; i++)
		random_rule(w, r, &w->rules[i], i + 1 == w->n_rules);
}

static const char *handover_words(const struct world_rule *rule)
{
	if (rule->handovers == HANDOVER_ATTACHED)
		return "attached";
	if (rule->handovers == HANDOVER_OPENED)
		return "opened";
	return rule->opened_first ? "opened attached" : "attached opened";
}

struct policy *world_policy(const struct world *w)
{
	_cleanup_text_ struct text t = {0};

	for (size_t i = 0; i < w->n_rules; i++) {
		const struct world_rule *rule = &w->rules[i];

		text_appendf(&t, "[Rule r%zu]\n", i);
		if (rule->device[0])
			text_appendf(&t, "Device=%s\n", rule->device);
		if (rule->uid >= 0)
			text_appendf(&t, "User=%d\n", rule->uid);
		text_appendf(&t, "Access=%s\nIsolation=%s\nResetSet=%s\n",
			verdict_to_string(rule->access), isolation_to_string(rule->isolation),
			reset_set_to_string(rule->reset_set));
		text_appendf(&t, "Backend=%s\nHandover=%s\n", backend_to_string(rule->backend),
			handover_words(rule));
		if (rule->host_use_allow)
			text_append(&t, "HostUse=allow\n");
		if (rule->max_leases)
			text_appendf(&t, "MaxLeases=%u\n", rule->max_leases);
		if (rule->max_devices)
			text_appendf(&t, "MaxDevices=%u\n", rule->max_devices);
	}
	cr_assert(t.data);
	return machine_policy(t.data);
}

static bool fewer(unsigned *limit)
{
	if (*limit == 1)
		return false;
	*limit = *limit ? *limit - 1 : 2;
	return true;
}

bool world_stricter(struct world *w, struct rng *r)
{
	struct world_rule before, *rule = &w->rules[rng_below(r, w->n_rules)];

	before = *rule;
	switch (rng_below(r, 8)) {
	case 0:
		rule->access = rule->access == VERDICT_ALLOW ? VERDICT_ASK : VERDICT_DENY;
		break;
	case 1:
		rule->isolation = ISOLATION_STRICT;
		break;
	case 2:
		rule->reset_set |= rng_one_in(r, 2) ? RESET_SET_EXCLUSIVE : RESET_SET_FUNCTION;
		break;
	case 3:
		if (rule->handovers == (HANDOVER_ATTACHED | HANDOVER_OPENED))
			rule->handovers = rng_one_in(r, 2) ? HANDOVER_ATTACHED : HANDOVER_OPENED;
		break;
	case 4:
		if (rule->backend == BACKEND_ANY)
			rule->backend = rng_one_in(r, 2) ? BACKEND_LEGACY : BACKEND_IOMMUFD;
		break;
	case 5:
		return fewer(&rule->max_leases);
	case 6:
		return fewer(&rule->max_devices);
	case 7:
		rule->host_use_allow = false;
	}
	return memcmp(&before, rule, sizeof(before)) != 0;
}
