/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* MaxLeases= and MaxDevices=, which count per uid and rule; root is counted like anybody. */
#include "base/text.h"
#include "core/context.h"

static size_t devices_under(const struct context *c, const char *rule)
{
	size_t n = 0;

	for (size_t i = 0; i < c->decision->n_devices; i++)
		n += streq(c->decision->devices[i].rule->name, rule);
	return n;
}

static bool seen_before(const struct context *c, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (streq(c->decision->devices[j].rule->name, c->decision->devices[i].rule->name))
			return true;
	return false;
}

/* held + wanted > max, without overflow. */
static bool exceeds(size_t held, size_t wanted, uint64_t max)
{
	return held > max || wanted > max - held;
}

static int check_rule(struct context *c, const struct policy_rule *rule)
{
	const struct claims *claims = c->claims;
	uid_t uid = c->client->uid;
	const char *name = rule->name[0] ? rule->name : "[Defaults]";
	size_t leases =
		claims->leases_of ? claims->leases_of(claims->userdata, uid, rule->name) : 0;
	size_t devices =
		claims->devices_of ? claims->devices_of(claims->userdata, uid, rule->name) : 0;
	size_t wanted = devices_under(c, rule->name);
	int r = 0;

	if (exceeds(leases, 1, rule->terms.max_leases))
		r = report(c, CODE_LIMITS_LEASES, "", NULL,
			"rule %s permits uid %u %llu leases, and %zu are held", name, (unsigned)uid,
			(unsigned long long)rule->terms.max_leases, leases);
	if (r >= 0 && exceeds(devices, wanted, rule->terms.max_devices))
		r = report(c, CODE_LIMITS_DEVICES, "", NULL,
			"rule %s permits uid %u %llu devices, %zu are held and %zu asked for", name,
			(unsigned)uid, (unsigned long long)rule->terms.max_devices, devices,
			wanted);
	return r;
}

int limits_check(struct context *c)
{
	for (size_t i = 0; i < c->decision->n_devices; i++) {
		int r = seen_before(c, i) ? 0 : check_rule(c, c->decision->devices[i].rule);

		if (r < 0)
			return r;
	}
	return 0;
}
