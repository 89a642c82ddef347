/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Why a device is isolated as it is. The decision goes by the kernel's groups alone; these findings
 * tell what made them. The kernel adds a bridge to the group of what is below it when the bridge
 * does not isolate, so a bridge in the device's own group is a reason, and one outside of it was
 * good enough, by ACS or by a quirk (drivers/iommu/iommu.c: pci_device_group()).
 */
#include <errno.h>

#include "base/text.h"
#include "core/context.h"

static const char *kind_name(enum bridge_kind kind)
{
	switch (kind) {
	case BRIDGE_ROOT_PORT:
		return "root port";
	case BRIDGE_UPSTREAM_PORT:
		return "upstream port";
	case BRIDGE_DOWNSTREAM_PORT:
		return "downstream port";
	default:
		return "bridge";
	}
}

/* "source validation, request redirect"; NULL when out of memory. */
static char *acs_names(uint16_t bits)
{
	static const struct {
		uint16_t bit;
		const char *name;
	} controls[] = {
		{ACS_SOURCE_VALIDATION, "source validation"},
		{ACS_REQUEST_REDIRECT, "request redirect"},
		{ACS_COMPLETION_REDIRECT, "completion redirect"},
		{ACS_UPSTREAM_FORWARDING, "upstream forwarding"},
	};
	_cleanup_text_ struct text t = {0};

	text_append(&t, "");
	for (size_t i = 0; i < ARRAY_SIZE(controls); i++)
		if (bits & controls[i].bit)
			text_appendf(&t, "%s%s", t.size ? ", " : "", controls[i].name);
	return text_steal(&t);
}

static int report_acs(struct context *c, const struct device *d, const struct device *bridge)
{
	_cleanup_free_ char *names = acs_names(bridge->bridge.acs_missing);

	if (!names)
		return -ENOMEM;
	return report(c, CODE_ISOLATION_NO_ACS, d->address, NULL, "%s %s lacks ACS %s%s",
		kind_name(bridge->bridge.kind), bridge->address, names,
		bridge->bridge.has_acs ? ": switched off" : "");
}

/* Goes up while the bridges are in d's group; 1 when one of them is a reason. */
static int explain_bridges(struct context *c, const struct device *d)
{
	const struct device *bridge = d;
	int found = 0, r = 0;

	/* The bound matters only for a loop of parents in a false tree. */
	for (unsigned depth = 0; r >= 0 && bridge->parent && depth < 256; depth++) {
		bridge = topology_find(c->topology, bridge->parent);
		if (!bridge || bridge->iommu_group != d->iommu_group)
			break;
		if (bridge->bridge.kind == BRIDGE_CONVENTIONAL)
			r = report(c, CODE_ISOLATION_CONVENTIONAL, d->address, NULL,
				"is on conventional PCI below the bridge %s", bridge->address);
		else if (bridge->bridge.kind != BRIDGE_UNKNOWN && bridge->bridge.acs_missing)
			r = report_acs(c, d, bridge);
		else
			continue;
		found = 1;
	}
	return r < 0 ? r : found;
}

static bool same_slot(const struct device *a, const struct device *b)
{
	return a->pci.domain == b->pci.domain && a->pci.bus == b->pci.bus &&
		a->pci.device == b->pci.device && !a->physical_function && !b->physical_function;
}

static int explain_slot(struct context *c, const struct device *d, const struct device **mates,
	int n)
{
	for (int i = 0; i < n; i++)
		if (same_slot(d, mates[i]))
			return report(c, CODE_ISOLATION_NO_ACS, d->address, NULL,
				"its slot lacks ACS between its functions");
	return 0;
}

int isolation_explain(struct context *c, const struct device *d, const struct device **mates,
	int n_mates)
{
	int r = explain_bridges(c, d);

	if (r == 0)
		r = explain_slot(c, d, mates, n_mates);
	if (r < 0 || !d->identity_domain)
		return r;
	return report(c, CODE_ISOLATION_PASSTHROUGH, d->address, NULL,
		"IOMMU group %d has an identity domain outside leases", d->iommu_group);
}
