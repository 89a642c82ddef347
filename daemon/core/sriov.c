/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A PF and its VFs are one trust domain: cdev binds of Linux 6.6 to 6.12 never check VF tokens, so
 * who has the PF has the VFs. They are in one lease, or only one side is in use: the VFs of a PF
 * that a lease takes are reserved with it.
 */
#include "base/text.h"
#include "core/context.h"

static int report_vf(struct context *c, size_t i, const struct device *pf, const struct device *vf,
	enum code code, const char *state, const char *driver)
{
	const struct device *requested = c->decision->devices[i].device;

	return report(c, code, requested->address, NULL, "%s%s VF %s %s%s",
		pf == requested ? "its" : pf->address, pf == requested ? "" : "'s", vf->address,
		state, driver);
}

/* Who has the PF can make a VF do anything, in whatever group it is. */
static int reserve_vf(struct context *c, size_t i, const struct device *vf)
{
	static const struct peer_group group_of = {", a VF",
		{CODE_ISOLATION_GROUP_IN_USE, CODE_ISOLATION_GROUP_CLAIMED,
			CODE_ISOLATION_GROUP_QUARANTINED}, NULL, 0};
	bool first = context_find(c, vf) < 0;
	int r = peer_add(c, i, vf, PEER_VF);

	return r < 0 || !first ? r : peer_add_group_of(c, i, vf, &group_of);
}

static int check_vf(struct context *c, size_t i, const struct device *pf, const struct device *vf)
{
	const struct claim *claim = claim_find(c, vf);

	if (context_is_requested(c, vf))
		return 0;
	if (claim_holds(claim))
		return report_vf(c, i, pf, vf, CODE_SRIOV_VF_IN_USE, "belongs to a lease", "");
	if (claim_keeps_off(c, claim))
		return report_vf(c, i, pf, vf, CODE_SRIOV_VF_QUARANTINED, "is in quarantine", "");
	if (vf->driver)
		return report_vf(c, i, pf, vf, CODE_SRIOV_VF_IN_USE, "is bound to the driver ",
			vf->driver);
	if (vf->iommu_group < 0)
		return report(c, CODE_ISOLATION_NO_IOMMU, c->decision->devices[i].device->address,
			NULL, "its VF %s is behind no IOMMU", vf->address);
	return reserve_vf(c, i, vf);
}

/*
 * vfio-pci does not bind to a PF with VFs (drivers/vfio/pci/vfio_pci_core.c, EBUSY). Some drivers
 * take them down when they are unbound, others leave them.
 */
int sriov_check_bind(struct context *c, size_t i, const struct device *pf)
{
	const struct device *requested = c->decision->devices[i].device;
	const char *whose = pf == requested ? "" : pf->address;
	struct device *const *vfs;

	if (topology_virtual_functions(c->topology, pf, &vfs) == 0 || device_on_vfio_driver(pf))
		return 0;
	if (!pf->driver)
		return report(c, CODE_SRIOV_VFS_ENABLED, requested->address, NULL,
			"%s%shas VFs, and vfio-pci takes no PF that has", whose,
			*whose ? " " : "");
	return report_as_warning(c, CODE_SRIOV_VFS_ENABLED, requested->address,
		"%s%shas VFs: the lease fails unless %s takes them down when it is unbound",
		whose, *whose ? " " : "", pf->driver);
}

static int check_pf(struct context *c, size_t i, const struct device *d, const struct device *pf)
{
	const char *requested = c->decision->devices[i].device->address;
	const struct claim *claim = claim_find(c, pf);

	if (context_is_requested(c, pf))
		return 0;
	if (claim_holds(claim))
		return report(c, CODE_SRIOV_PF_LEASED, requested, NULL,
			"%s, the PF of %s, belongs to another lease", pf->address, d->address);
	if (claim_keeps_off(c, claim))
		return report(c, CODE_SRIOV_PF_QUARANTINED, requested, NULL,
			"%s, the PF of %s, is in quarantine", pf->address, d->address);
	return 0;
}

int sriov_check(struct context *c, size_t i, const struct device *d)
{
	struct device *const *vfs;
	const struct device *pf;
	size_t n = topology_virtual_functions(c->topology, d, &vfs);
	int r = 0;

	for (size_t k = 0; r >= 0 && k < n; k++)
		r = check_vf(c, i, d, vfs[k]);
	if (r < 0)
		return r;
	if (!d->physical_function)
		return 0;
	pf = topology_find(c->topology, d->physical_function);
	return pf ? check_pf(c, i, d, pf) : 0;
}
