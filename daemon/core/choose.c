/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Backend and handover of the whole lease. They are settled before anything is touched, and what
 * was demanded is never replaced by something else.
 */
#include <errno.h>

#include "core/context.h"

static bool backend_available(const struct context *c, enum backend b)
{
	const struct host_facts *facts = &c->topology->facts;

	return b == BACKEND_IOMMUFD ? facts->iommufd : facts->legacy;
}

/* What the rules demand in common; BACKEND_ANY when they leave it open or after a finding. */
static int demanded_by_rules(struct context *c, enum backend *ret)
{
	const struct decided_device *first = NULL;

	for (size_t i = 0; i < c->decision->n_devices; i++) {
		const struct decided_device *dd = &c->decision->devices[i];

		if (dd->rule->terms.backend == BACKEND_ANY)
			continue;
		if (first && first->rule->terms.backend != dd->rule->terms.backend) {
			*ret = BACKEND_ANY;
			return report(c, CODE_BACKEND_CONFLICT, dd->device->address, NULL,
				"its rule demands the backend %s, that of %s demands %s",
				backend_to_string(dd->rule->terms.backend), first->device->address,
				backend_to_string(first->rule->terms.backend));
		}
		first = dd;
	}
	*ret = first ? first->rule->terms.backend : BACKEND_ANY;
	return 0;
}

static int report_unavailable(struct context *c, enum backend demanded)
{
	if (demanded == BACKEND_IOMMUFD)
		return report(c, CODE_BACKEND_NOT_SUPPORTED, "",
			"use the backend legacy, or a kernel with CONFIG_IOMMUFD and "
			"CONFIG_VFIO_DEVICE_CDEV; Debian's own kernels are built without",
			"the backend iommufd is demanded, and this kernel has no iommufd");
	if (demanded == BACKEND_LEGACY)
		return report(c, CODE_BACKEND_NOT_SUPPORTED, "",
			"load vfio and vfio_iommu_type1, or use the backend iommufd",
			"the backend legacy is demanded, and this kernel has no VFIO container");
	return report(c, CODE_BACKEND_NOT_SUPPORTED, "", "load vfio_pci and vfio_iommu_type1",
		"this kernel offers neither iommufd nor a VFIO container");
}

int choose_backend(struct context *c)
{
	size_t findings = c->decision->findings.n;
	enum backend demanded, chosen;
	int r = demanded_by_rules(c, &demanded);

	if (r < 0 || c->decision->findings.n > findings)
		return r;
	if (c->request->backend != BACKEND_ANY) {
		if (demanded != BACKEND_ANY && demanded != c->request->backend)
			return report(c, CODE_BACKEND_NOT_PERMITTED, "", NULL,
				"the backend %s is asked for, and the policy demands %s",
				backend_to_string(c->request->backend),
				backend_to_string(demanded));
		demanded = c->request->backend;
	}
	chosen = demanded;
	if (chosen == BACKEND_ANY)
		chosen = c->topology->facts.iommufd ? BACKEND_IOMMUFD : BACKEND_LEGACY;
	if (!backend_available(c, chosen))
		return report_unavailable(c, demanded);
	c->decision->backend = chosen;
	return report(c, CODE_BACKEND_CHOSEN, "", NULL, "the lease runs on the backend %s",
		backend_to_string(chosen));
}

/* Why a backend cannot do a handover, or NULL when it can. */
static const char *handover_obstacle(enum backend b, enum handover h)
{
	if (h == HANDOVER_ATTACHED)
		return NULL;
	if (b == BACKEND_IOMMUFD) {
		if (h == HANDOVER_OPENED)
			return NULL;
		return "this version does not offer it";
	}
	switch (h) {
	case HANDOVER_OPENED:
		return "a group's device can only be opened once the group is attached to a "
		       "container, so there is no unbound fd to hand over";
	case HANDOVER_GUARDED:
		return "a container maps only the memory of the process that asks it to";
	case HANDOVER_NODE:
		return "this version does not offer it";
	case HANDOVER_ATTACHED:
		break;
	}
	return NULL;
}

static int report_obstacle(struct context *c, enum handover h)
{
	enum backend b = c->decision->backend;

	return report(c, CODE_HANDOVER_NOT_SUPPORTED, "",
		b == BACKEND_LEGACY ? "use the handover attached"
				    : "use the handover attached or opened",
		"the backend %s cannot do the handover %s: %s", backend_to_string(b),
		handover_to_string(h), handover_obstacle(b, h));
}

static int check_permitted(struct context *c, enum handover h)
{
	for (size_t i = 0; i < c->decision->n_devices; i++) {
		const struct decided_device *dd = &c->decision->devices[i];
		int r;

		if (dd->rule->terms.handovers & h)
			continue;
		r = report(c, CODE_HANDOVER_NOT_PERMITTED, dd->device->address, NULL,
			"%s%s does not permit the handover %s", dd->rule->name[0] ? "rule " : "",
			dd->rule->name[0] ? dd->rule->name : "[Defaults]", handover_to_string(h));
		if (r < 0)
			return r;
	}
	return 0;
}

/* The first entry of the first rule that all permit and the backend can do; 0 after a finding. */
static int choose_by_rules(struct context *c, unsigned *ret)
{
	const struct policy_terms *first = &c->decision->devices[0].rule->terms;
	unsigned common = first->handovers, undoable = 0;

	for (size_t i = 1; i < c->decision->n_devices; i++)
		common &= c->decision->devices[i].rule->terms.handovers;
	for (size_t i = 0; i < first->n_handovers; i++) {
		enum handover h = first->handover_order[i];

		if (!(common & h))
			continue;
		if (!handover_obstacle(c->decision->backend, h)) {
			*ret = h;
			return 0;
		}
		if (!undoable)
			undoable = h;
	}
	*ret = 0;
	if (undoable)
		return report_obstacle(c, undoable);
	return report(c, CODE_HANDOVER_NONE_PERMITTED, "", NULL,
		"the rules of the devices permit no handover in common");
}

static int check_demanded(struct context *c, enum handover h)
{
	bool doable = !handover_obstacle(c->decision->backend, h);
	int r = doable ? 0 : report_obstacle(c, h);

	/* No policy of this version can permit these two: only that they are missing is news. */
	if (r < 0 || h == HANDOVER_GUARDED || h == HANDOVER_NODE)
		return r;
	return check_permitted(c, h);
}

int choose_handover(struct context *c)
{
	size_t findings = c->decision->findings.n;
	unsigned chosen = c->request->handover;
	int r;

	if (c->decision->backend == BACKEND_ANY)
		return chosen ? check_permitted(c, chosen) : 0;
	r = chosen ? check_demanded(c, chosen) : choose_by_rules(c, &chosen);
	if (r < 0 || c->decision->findings.n > findings)
		return r;
	c->decision->handover = chosen;
	return report(c, CODE_HANDOVER_CHOSEN, "", NULL, "the handover is %s",
		handover_to_string(chosen));
}
