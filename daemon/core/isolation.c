/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Isolation goes by the IOMMU group alone, which is what the kernel enforces. No lease is ever
 * given without an IOMMU, whatever the policy says.
 */
#include <errno.h>

#include "base/text.h"
#include "core/context.h"

static const char *remapping_state(enum tristate interrupt_remapping)
{
	return interrupt_remapping == NO ? "interrupt remapping is off"
					 : "interrupt remapping is not known to be on";
}

/* The modules whose switches are on, as the beginning of a sentence, or NULL. */
static const char *unsafe_switch(const struct host_facts *facts)
{
	if (facts->unsafe_interrupts_type1 && facts->unsafe_interrupts_iommufd)
		return "the modules vfio_iommu_type1 and iommufd allow";
	if (facts->unsafe_interrupts_type1)
		return "the module vfio_iommu_type1 allows";
	return facts->unsafe_interrupts_iommufd ? "the module iommufd allows" : NULL;
}

static int check_strict(struct context *c, const struct device *d, const struct device **mates,
	int n)
{
	const struct host_facts *facts = &c->topology->facts;
	bool good = true;
	int r = 0;

	if (n > 0) {
		_cleanup_free_ char *names = join_addresses(mates, n, ", ");

		if (!names)
			return -ENOMEM;
		good = false;
		r = report(c, CODE_ISOLATION_STRICT_SHARED, d->address, NULL,
			"strict isolation is required, and IOMMU group %d also holds %s",
			d->iommu_group, names);
	}
	if (r >= 0 && facts->interrupt_remapping != YES) {
		good = false;
		r = report(c, CODE_ISOLATION_INTERRUPTS, d->address, NULL,
			"strict isolation is required, and %s",
			remapping_state(facts->interrupt_remapping));
	}
	if (r >= 0 && facts->acs_override) {
		good = false;
		r = report(c, CODE_ISOLATION_ACS_OVERRIDE, d->address, NULL,
			"strict isolation is required, and the kernel runs with an ACS override");
	}
	if (r >= 0 && unsafe_switch(facts)) {
		good = false;
		r = report(c, CODE_ISOLATION_UNSAFE_INTERRUPTS, d->address, NULL,
			"strict isolation is required, and %s unsafe interrupts",
			unsafe_switch(facts));
	}
	if (r < 0 || !good)
		return r;
	return report(c, CODE_ISOLATION_STRICT, d->address, NULL,
		"is alone in IOMMU group %d, with interrupt remapping", d->iommu_group);
}

static int report_weak(struct context *c, const struct device *d)
{
	const struct host_facts *facts = &c->topology->facts;
	int r = 0;

	if (facts->interrupt_remapping != YES)
		r = report(c, CODE_ISOLATION_WEAK, d->address, NULL, "%s",
			remapping_state(facts->interrupt_remapping));
	if (r >= 0 && facts->acs_override)
		r = report(c, CODE_ISOLATION_WEAK, d->address, NULL,
			"the kernel runs with an ACS override, so IOMMU groups may be untrue");
	if (r >= 0 && unsafe_switch(facts))
		r = report(c, CODE_ISOLATION_WEAK, d->address, NULL,
			"%s unsafe interrupts", unsafe_switch(facts));
	return r;
}

static int check_mates(struct context *c, size_t i, const struct device *d,
	const struct device **mates, int n)
{
	static const struct peer_codes codes = {
		.in_use = CODE_ISOLATION_GROUP_IN_USE,
		.claimed = CODE_ISOLATION_GROUP_CLAIMED,
		.quarantined = CODE_ISOLATION_GROUP_QUARANTINED,
	};
	_cleanup_free_ char *where = format_text("in the same IOMMU group %d", d->iommu_group);
	_cleanup_free_ char *names = join_addresses(mates, n, ", ");
	bool good = true;

	if (!where || !names)
		return -ENOMEM;
	for (int k = 0; k < n; k++) {
		int r;

		if (context_is_requested(c, mates[k]))
			continue;
		r = peer_check_idle(c, i, mates[k], where, &codes);
		if (r == 0)
			good = false;
		else if (r > 0)
			r = peer_add(c, i, mates[k], PEER_GROUP);
		if (r < 0)
			return r;
	}
	if (!good)
		return 0;
	return report(c, CODE_ISOLATION_SHARED, d->address, NULL,
		"shares IOMMU group %d with %s, in this lease or reserved with it",
		d->iommu_group, names);
}

int isolation_check(struct context *c, size_t i)
{
	const struct decided_device *dd = &c->decision->devices[i];
	const struct device *d = dd->device;
	bool strict = dd->isolation == ISOLATION_STRICT;
	_cleanup_free_ const struct device **mates = NULL;
	int n, r;

	if (d->iommu_group < 0)
		return report(c, CODE_ISOLATION_NO_IOMMU, d->address, NULL,
			"is behind no IOMMU, and devices are never leased without one");
	n = topology_group_mates(c->topology, d, &mates);
	if (n < 0)
		return n;
	r = isolation_explain(c, d, mates, n);
	if (r < 0)
		return r;
	if (strict)
		return check_strict(c, d, mates, n);
	r = report_weak(c, d);
	if (r < 0)
		return r;
	if (n == 0)
		return report(c, CODE_ISOLATION_ALONE, d->address, NULL,
			"is alone in IOMMU group %d", d->iommu_group);
	return check_mates(c, i, d, mates, n);
}
