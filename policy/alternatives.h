/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is worked out of all rules together once they are read, for policy_match() alone. */
#pragma once

#include "policy/internal.h"

/* Numbers the alternatives of a policy that is complete but for that, and adds the demands of its
 * rules. 0 or -ENOMEM; policy_free() frees it all. */
int alternatives_index(struct policy *p);
