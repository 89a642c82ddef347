/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A PF and its VFs are one trust domain: cdev binds of Linux 6.6 to 6.12 never check VF tokens, so
 * who has the PF has the VFs. They are in one lease, or only one side is in use.
 */
#include "base/text.h"
#include "core/context.h"

static int check_vf(struct context *c, size_t i, const struct device *pf, const struct device *vf)
{
	const struct device *requested = c->decision->devices[i].device;
	const char *whose = pf == requested ? "its" : pf->address;
	const char *possessive = pf == requested ? "" : "'s";

	if (context_is_requested(c, vf))
		return 0;
	if (claim_holds(claim_find(c, vf)))
		return report(c, CODE_SRIOV_VF_IN_USE, requested->address, NULL,
			"%s%s VF %s belongs to a lease", whose, possessive, vf->address);
	if (vf->driver)
		return report(c, CODE_SRIOV_VF_IN_USE, requested->address, NULL,
			"%s%s VF %s is bound to the driver %s", whose, possessive, vf->address,
			vf->driver);
	return 0;
}

int sriov_check(struct context *c, size_t i, const struct device *d)
{
	const struct device *pf;

	for (char **name = d->virtual_functions; name && *name; name++) {
		const struct device *vf = topology_find(c->topology, *name);
		int r = vf ? check_vf(c, i, d, vf) : 0;

		if (r < 0)
			return r;
	}
	if (!d->physical_function)
		return 0;
	pf = topology_find(c->topology, d->physical_function);
	if (!pf || context_is_requested(c, pf) || !claim_holds(claim_find(c, pf)))
		return 0;
	return report(c, CODE_SRIOV_PF_LEASED, c->decision->devices[i].device->address, NULL,
		"%s, the PF of %s, belongs to another lease", pf->address, d->address);
}
