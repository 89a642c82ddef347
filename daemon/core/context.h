/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the parts of a decision share; private to core/. Requested devices are in
 * decision->devices first and never move relative to each other; peers follow.
 */
#pragma once

#include "base/macro.h"
#include "core/codes.h"
#include "core/decide.h"

struct context {
	const struct topology *topology;
	const struct policy *policy;
	const struct claims *claims; /* never NULL */
	const struct host_uses *uses; /* NULL: not gathered yet */
	const struct policy_client *client; /* whose policy and claims count */
	uid_t told; /* who reads the findings */
	const struct request *request;
	struct decision *decision;
	bool ask; /* a rule wants polkit to be asked */
	struct missing {
		const struct device *device;
		size_t finding; /* its place, before the findings are sorted */
	} *missing;
	size_t n_missing;
};

/* Adds the finding of this code; help NULL takes the table's. 0 or -ENOMEM. */
int report(struct context *c, enum code code, const char *device, const char *help,
	const char *format, ...) PRINTF_LIKE(5, 6);
/* The finding of a refusing code as a warning, where a rule permits what it tells. */
int report_as_warning(struct context *c, enum code code, const char *device,
	const char *format, ...) PRINTF_LIKE(4, 5);
/* asprintf without the traps; NULL when out of memory. */
char *format_text(const char *format, ...) PRINTF_LIKE(1, 2);

/* The place of a device in the decision, or -1. */
ssize_t context_find(const struct context *c, const struct device *d);
bool context_is_requested(const struct context *c, const struct device *d);
int context_append(struct context *c, const struct device *d, unsigned peer);

/* What the rules know of a device; borrowed from it. */
struct policy_device policy_device_of(const struct device *d);

/* request.c: fills the requested devices. */
int request_check(struct context *c);

/* access.c: sets rule and terms of each requested device. */
int access_check(struct context *c);

/* choose.c: backend and handover of the lease. */
int choose_backend(struct context *c);
int choose_handover(struct context *c);

/* claims.c */
const struct claim *claim_of(const struct claims *claims, const struct device *d);
const struct claim *claim_find(const struct context *c, const struct device *d);
bool claim_holds(const struct claim *claim);
/* No lease has it, and yet this client may not have it reserved. */
bool claim_keeps_off(const struct context *c, const struct claim *claim);
/* The device of a lease that requires a reset set for itself in which d is; NULL when none. Only
 * a device that came after that lease can be in it without being claimed. */
const struct device *claims_reset_set_around(const struct context *c, const struct device *d);
int claims_check(struct context *c, size_t i);

/* peers.c: devices that were not requested. where: "in the same IOMMU group 7". */
struct peer_codes {
	enum code in_use, claimed, quarantined;
};
/* 1 when the device is idle, 0 after a finding against requested device i, or -ENOMEM. */
int peer_check_idle(struct context *c, size_t i, const struct device *peer, const char *where,
	const struct peer_codes *codes);
/* Adds a checked peer, or a role to one, for requested device i. */
int peer_add(struct context *c, size_t i, const struct device *peer, unsigned role);
/* The group of a peer has to be idle too: the kernel has one owner for the whole of it. */
struct peer_group {
	const char *which; /* which peer it is: " of the reset set" */
	struct peer_codes codes;
	const struct device **looked_at; /* these are left out; or NULL */
	int n_looked_at;
};
int peer_add_group_of(struct context *c, size_t i, const struct device *peer,
	const struct peer_group *g);

/* missing.c: the finding of a device that the host uses and that would have to be in the request;
 * once all are known, each tells of all. */
int missing_report(struct context *c, size_t i, const struct device *d, const char *where,
	enum code code);
int missing_finish(struct context *c);

/* host_use.c: what the host does with requested device i. */
int host_use_check(struct context *c, size_t i);
/* The same with a peer of it: no driver has it, and the console may draw on it all the same. */
int host_use_check_peer(struct context *c, size_t i, const struct device *peer);

/* isolation.c, reset_set.c, sriov.c, limits.c */
int isolation_check(struct context *c, size_t i);
/* isolation_reasons.c: why the group is as large as it is, and what is weak about it. */
int isolation_explain(struct context *c, const struct device *d, const struct device **mates,
	int n_mates);
int reset_set_check(struct context *c, size_t i);
/* Once all peers are known: addresses and ownership of each device's reset set. */
int reset_set_finish(struct context *c);
int sriov_check(struct context *c, size_t i, const struct device *d);
/* For a device that goes on the vfio driver. */
int sriov_check_bind(struct context *c, size_t i, const struct device *pf);
int limits_check(struct context *c);
