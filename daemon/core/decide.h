/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The decision: may this client have these devices, on these terms, now? A pure function of a
 * request, the client, one snapshot, one policy and what other leases claim. Acquire and Explain
 * both call it, so they cannot differ.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/codes.h"
#include "core/host_use.h"
#include "core/topology.h"
#include "policy/policy.h"
#include "policy/verdict.h"

/* More devices than this in one request are InvalidArgs before anything is looked at. */
#define REQUEST_DEVICES_MAX 64

/* What the client asked for. Zero for an option it did not give. */
struct request {
	char **devices;         /* as given; decide() parses and checks them */
	unsigned handover;      /* one enum handover bit, or 0 */
	enum backend backend;   /* BACKEND_ANY when not given */
	unsigned reset_set;     /* additional requirement bits */
	enum isolation isolation;
};

/* What a device is already claimed for. At most one claim a device; sorted by address. */
enum claim_kind {
	CLAIM_LEASED,
	CLAIM_RESERVED,    /* a group mate or reset peer of a lease */
	CLAIM_RELEASING,
	CLAIM_QUARANTINED, /* no lease; an admin must clear it */
	CLAIM_STUCK,
	CLAIM_SAME_UID,    /* no lease; never reset since: only owner may have it, under tolerate */
};
struct claim {
	const char *address;
	enum claim_kind kind;
	const char *lease; /* id, NULL without lease */
	uid_t owner;
	const char *reason; /* of a quarantine, NULL when not known; for root alone */
	bool exclusive;    /* the lease requires this device's reset set for itself */
};
struct claims {
	const struct claim *items;
	size_t n;
	/* what the uid of the request holds already, per rule name and in all */
	size_t (*leases_of)(void *userdata, uid_t uid, const char *rule);
	size_t (*devices_of)(void *userdata, uid_t uid, const char *rule);
	void *userdata;
};

/* Why a device that was not requested is in the decision. Bits. */
enum peer_role {
	PEER_GROUP = 1 << 0, /* same IOMMU group: has to stay idle */
	PEER_RESET = 1 << 1, /* in the reset set under exclusive: goes on the vfio driver */
	PEER_BIND = 1 << 2,  /* reset peer in another group: bound to the lease's iommufd too */
	PEER_VF = 1 << 3,    /* VF of a PF in the lease: has to stay idle */
};

struct decided_device {
	const struct device *device;   /* borrowed from the snapshot */
	const struct policy_rule *rule; /* borrowed from the policy; NULL for peers */
	enum verdict access;           /* what the rule says to this client */
	enum isolation isolation;      /* what is required: rule and request together */
	unsigned reset_set;            /* likewise */
	bool reset_set_owned;          /* the whole set is in this lease or reserved with it */
	bool function_reset;           /* resets without touching another; else by bus or slot */
	unsigned peer;                 /* 0 for a requested device */
	size_t needed_by;              /* of a peer: the latest requested one, counted from 1 */
	bool host_use_allowed;         /* by its rule; of a peer, by those of all that need it */
	/* Its reset set, by address, the device itself included; borrowed from the snapshot. */
	const struct device **members;
	size_t n_members;
	bool bus_reset;                /* a reset of its bus or slot is possible */
};

struct decision {
	enum verdict verdict;
	enum refusal refusal; /* for the error name; REFUSAL_NONE unless verdict is deny */
	struct findings findings;
	enum backend backend; /* never BACKEND_ANY when allowed */
	enum handover handover;
	/* Requested ones first, in request order, then peers by address. */
	struct decided_device *devices;
	size_t n_devices;     /* requested */
	size_t n_all;         /* with peers */
};

/*
 * Returns 0 with a decision, allow or not, or -ENOMEM. The snapshot and the policy must outlive the
 * decision. uses NULL: what the host does with the devices is not known yet; then nothing may be
 * taken on the strength of this decision. client->uid 0 bypasses only the Access of [Defaults].
 * told: the uid that reads the findings, who is not the client in a request for another user. Root
 * alone is told of others' leases and of what the host does with a device.
 */
int decide(const struct topology *t, const struct policy *p, const struct claims *claims,
	const struct host_uses *uses, const struct policy_client *client, uid_t told,
	const struct request *r, struct decision **ret);
/* Turns a decision that does not refuse into one that does, by a finding on a requested device or
 * "". 0 or -ENOMEM. */
int decision_refuse(struct decision *d, enum code code, const char *device, const char *text);
void decision_free(struct decision *d);
DEFINE_CLEANUP(struct decision *, decision_free);
#define _cleanup_decision_free_ _cleanup_(decision_free_cleanup)

/*
 * Whether a lease still owns the reset set of its device d: every member is the lease's, reserved
 * with it, or used by nobody. Without exclusive that can change while the lease lives. True when
 * out of memory, since no news is no change.
 */
bool reset_set_is_owned(const struct topology *t, const struct claims *claims,
	const struct device *d, const char *lease);
