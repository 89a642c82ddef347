/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Each requested device on its own rule. The request's own requirements are added to the rule's,
 * so a client can only make them stricter.
 */
#include <errno.h>

#include "core/context.h"

struct policy_device policy_device_of(const struct device *d)
{
	return (struct policy_device){
		.address = d->address,
		.vendor = d->vendor,
		.device = d->device,
		.class_code = d->class_code,
		.driver = d->driver,
		.physical_function = d->physical_function,
		.numa_node = d->numa_node,
	};
}

static int report_allowed(struct context *c, const struct device *d, const struct policy_rule *rule)
{
	if (rule->name[0])
		return report(c, CODE_ACCESS_ALLOWED, d->address, NULL,
			"rule %s (%s:%u) permits it to uid %u", rule->name, rule->file, rule->line,
			(unsigned)c->client->uid);
	if (c->client->uid == 0)
		return report(c, CODE_ACCESS_ALLOWED, d->address, NULL,
			"no rule matches, and uid 0 needs none");
	return report(c, CODE_ACCESS_ALLOWED, d->address, NULL,
		"no rule matches, and [Defaults] permit it");
}

static int report_denied(struct context *c, const struct device *d, const struct policy_rule *rule)
{
	_cleanup_free_ char *help = NULL;

	if (rule->name[0])
		return report(c, CODE_ACCESS_DENIED, d->address, NULL,
			"rule %s (%s:%u) denies it to uid %u", rule->name, rule->file, rule->line,
			(unsigned)c->client->uid);
	help = format_text("a rule in /etc/devlease/policy.d/ with Device=%s, User=%u and "
		"Access=allow would permit it", d->address, (unsigned)c->client->uid);
	if (!help)
		return -ENOMEM;
	return report(c, CODE_ACCESS_DEFAULT, d->address, help,
		"no rule of the policy permits %s to uid %u", d->address,
		(unsigned)c->client->uid);
}

static int report_ask(struct context *c, const struct device *d, const struct policy_rule *rule)
{
	c->ask = true;
	if (!rule->name[0])
		return report(c, CODE_ACCESS_ASK, d->address, NULL,
			"no rule matches, and [Defaults] want an authorisation by polkit");
	return report(c, CODE_ACCESS_ASK, d->address, NULL,
		"rule %s (%s:%u) wants an authorisation by polkit", rule->name, rule->file,
		rule->line);
}

int access_check(struct context *c)
{
	for (size_t i = 0; i < c->decision->n_devices; i++) {
		struct decided_device *dd = &c->decision->devices[i];
		struct policy_device pd = policy_device_of(dd->device);
		int r;

		dd->rule = policy_match(c->policy, c->client, &pd, &dd->access);
		dd->host_use_allowed = dd->rule->terms.host_use_allow;
		dd->isolation = dd->rule->terms.isolation;
		if (c->request->isolation > dd->isolation)
			dd->isolation = c->request->isolation;
		dd->reset_set = dd->rule->terms.reset_set | c->request->reset_set;

		if (policy_is_deny_all(c->policy)) {
			dd->access = VERDICT_DENY;
			r = report(c, CODE_ACCESS_NO_POLICY, dd->device->address, NULL,
				"the policy could not be read when the daemon started, so nobody "
				"is given a device");
		} else if (dd->access == VERDICT_ALLOW)
			r = report_allowed(c, dd->device, dd->rule);
		else if (dd->access == VERDICT_ASK)
			r = report_ask(c, dd->device, dd->rule);
		else
			r = report_denied(c, dd->device, dd->rule);
		if (r < 0)
			return r;
	}
	return 0;
}
