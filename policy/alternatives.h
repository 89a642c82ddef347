/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "policy/internal.h"

/* Numbers the alternatives of a policy that is complete but for that. 0 or -ENOMEM. */
int alternatives_index(struct policy *p);
