/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What polkit is asked about, and whether that is still what would be granted. An authorisation
 * counts for exactly what was shown: the same devices, under the same rule of the same policy.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/decide.h"

/* One device whose rule says ask. */
struct consent_device {
	char address[ADDRESS_MAX];
	char **details; /* key, value, key, value, ...: as polkit sees them */
	char *rule_file;
	unsigned rule_line;
};

struct consent {
	struct consent_device *devices;
	size_t n;
	char *policy_sha256;
};

/* What the details tell beside the decision; strings may be "". */
struct consent_context {
	const char *policy_sha256;
	void (*names)(void *userdata, const struct device *d, const char **ret_vendor,
		const char **ret_model);
	void *userdata;
	/* whom the lease is for, where that is not who asks */
	bool for_other;
	uid_t uid;
};

/* Of a decision; n is 0 when nothing has to be asked. 0 or -ENOMEM. */
int consent_new(const struct decision *d, const struct consent_context *c, struct consent **ret);
void consent_free(struct consent *c);
DEFINE_CLEANUP(struct consent *, consent_free);
#define _cleanup_consent_free_ _cleanup_(consent_free_cleanup)

/* NULL when nothing changed; else the first device with which something did. asked->n > 0. */
const char *consent_changed(const struct consent *asked, const struct consent *now);
