/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What other leases, quarantine and hanging operations hold. A caller that is not root learns that
 * a device is taken, never by whom.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "core/context.h"

const struct claim *claim_of(const struct claims *claims, const struct device *d)
{
	for (size_t i = 0; i < claims->n; i++)
		if (streq(claims->items[i].address, d->address))
			return &claims->items[i];
	return NULL;
}

static int compare_claim(const void *address, const void *claim)
{
	return strcmp(address, ((const struct claim *)claim)->address);
}

const struct claim *claim_find(const struct context *c, const struct device *d)
{
	const struct claims *all = c->claims;

	return all->n == 0 ? NULL : bsearch(d->address, all->items, all->n, sizeof(*all->items),
		compare_claim);
}

bool claim_holds(const struct claim *claim)
{
	if (!claim)
		return false;
	switch (claim->kind) {
	case CLAIM_LEASED:
	case CLAIM_RESERVED:
	case CLAIM_RELEASING:
	case CLAIM_STUCK:
		return true;
	case CLAIM_QUARANTINED:
	case CLAIM_SAME_UID:
		return false;
	}
	return true;
}

bool claim_keeps_off(const struct context *c, const struct claim *claim)
{
	if (!claim || claim_holds(claim))
		return false;
	return claim->kind != CLAIM_SAME_UID || claim->owner != c->client->uid;
}

const struct device *claims_reset_set_around(const struct context *c, const struct device *d)
{
	for (size_t i = 0; i < c->claims->n; i++) {
		const struct claim *claim = &c->claims->items[i];
		const struct device *leased = claim->exclusive && claim_holds(claim) ?
			topology_find(c->topology, claim->address) : NULL;

		if (leased && leased != d && leased->parent && !leased->physical_function &&
			topology_is_below(c->topology, d, leased->parent))
			return leased;
	}
	return NULL;
}

/* Whose it is, as far as who asks may know; NULL when out of memory. */
static char *claim_owner(const struct context *c, const struct claim *claim)
{
	if (claim->lease && c->told == 0)
		return format_text(" (lease %s of uid %u)", claim->lease, (unsigned)claim->owner);
	if (claim->lease && c->told == claim->owner)
		return format_text(" (your lease %s)", claim->lease);
	return format_text("%s", "");
}

static int report_taken(struct context *c, const struct device *d, const struct claim *claim,
	enum code code, const char *what)
{
	/* Others can do nothing about the processes that hold it, and learn nothing of them. */
	bool may_know = c->told == 0 || c->told == claim->owner;
	const char *help = code != CODE_BUSY_RELEASING || !may_know ? NULL :
		"try again in a moment; when it stays so, a process still holds an fd of it, and "
		"the lease ends when that is closed";
	_cleanup_free_ char *owner = claim_owner(c, claim);

	if (!owner)
		return -ENOMEM;
	return report(c, code, d->address, help, "%s%s", what, owner);
}

/* The reason may tell of another user's lease, or be an administrator's words. */
static int report_quarantined(struct context *c, const struct device *d, const struct claim *claim)
{
	_cleanup_free_ char *reason = NULL;

	if (c->told != 0 || !claim->reason || !*claim->reason)
		return report(c, CODE_QUARANTINE_DEVICE, d->address, NULL, "is quarantined");
	reason = escape_text(claim->reason, 256);
	if (!reason)
		return -ENOMEM;
	return report(c, CODE_QUARANTINE_DEVICE, d->address, NULL, "is quarantined: %s", reason);
}

static int check_reset_set_around(struct context *c, const struct device *d)
{
	const struct device *leased = claims_reset_set_around(c, d);

	if (!leased)
		return 0;
	return report(c, CODE_BUSY_RESET_SET, d->address, NULL,
		"is in the reset set of %s, which a lease has for itself", leased->address);
}

int claims_check(struct context *c, size_t i)
{
	const struct decided_device *dd = &c->decision->devices[i];
	const struct claim *claim = claim_find(c, dd->device);

	if (!claim)
		return check_reset_set_around(c, dd->device);
	switch (claim->kind) {
	case CLAIM_LEASED:
		return report_taken(c, dd->device, claim, CODE_BUSY_LEASED, "is leased");
	case CLAIM_RESERVED:
		return report_taken(c, dd->device, claim, CODE_BUSY_RESERVED,
			"is reserved with a lease of its IOMMU group or reset set");
	case CLAIM_RELEASING:
		return report_taken(c, dd->device, claim, CODE_BUSY_RELEASING,
			"is on its way back from a lease");
	case CLAIM_STUCK:
		return report_taken(c, dd->device, claim, CODE_BUSY_STUCK,
			"is stuck in an operation of the kernel that does not end");
	case CLAIM_QUARANTINED:
		return report_quarantined(c, dd->device, claim);
	case CLAIM_SAME_UID:
		break;
	}
	if (claim->owner == c->client->uid && dd->reset_set == RESET_SET_TOLERATE)
		return check_reset_set_around(c, dd->device);
	return report(c, CODE_QUARANTINE_NEVER_RESET, dd->device->address, NULL,
		"could not be reset after its last lease");
}
