/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether a reset of a leased device's set would hit somebody else, as things are now. */
#include "base/text.h"
#include "core/context.h"

static bool is_ours_or_idle(const struct topology *t, const struct claims *claims,
	const struct device *d, const char *lease)
{
	const struct claim *claim = claim_of(claims, d);

	if (claim && claim_holds(claim))
		return streq(claim->lease, lease);
	return !d->driver || device_on_vfio_driver(d);
}

bool reset_set_is_owned(const struct topology *t, const struct claims *claims,
	const struct device *d, const char *lease)
{
	_cleanup_free_ const struct device **members = NULL;
	bool possible;
	int n = topology_reset_set(t, d, &members, &possible);

	for (int i = 0; i < n; i++)
		if (members[i] != d && !is_ours_or_idle(t, claims, members[i], lease))
			return false;
	return true;
}
