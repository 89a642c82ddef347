/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Host use in an inquiry: before a decision that would grant counts, for Acquire and Explain alike,
 * its devices are surveyed. What is refused anyway is not: a survey is a walk through all of /proc,
 * and whom the policy denies a device does not learn what the host does with it. Peers are surveyed,
 * too: they have no driver, or vfio's, but without one a display can still show the console.
 */
#include <errno.h>

#include "base/text.h"
#include "manager.h"

static bool is_surveyed(const struct inquiry *i, const char *address)
{
	for (size_t k = 0; k < i->facts.n; k++)
		if (streq(i->facts.items[k]->address, address))
			return true;
	return false;
}

static bool must_survey(const struct inquiry *i, const struct device *d)
{
	return host_use_concerns(d) && !is_surveyed(i, d->address);
}

bool inquiry_must_survey(const struct inquiry *i, const struct decision *d)
{
	if (d->verdict == VERDICT_DENY)
		return false;
	for (size_t k = 0; k < d->n_all; k++)
		if (must_survey(i, d->devices[k].device))
			return true;
	return false;
}

/* The thread that hangs keeps the charge, so that nobody can have ever more of them. */
static void on_late(void *userdata)
{
	struct inquiry *i = userdata;

	bus_reply_kernel(TAKE_PTR(i->call),
		"%s: what the host does with it cannot be found out, the kernel does not answer",
		i->request.request.devices[0]);
}

static void on_surveyed(void *userdata, struct survey_result *result)
{
	struct inquiry *i = userdata;

	survey_result_done(&i->facts);
	i->facts = *result;
	*result = (struct survey_result){0};
	if (!i->call)
		inquiry_free(i);
	else if (i->facts.n == 0)
		inquiry_fail(i, -ENOMEM, "What the host does with the devices is not known");
	else
		inquiry_proceed(i);
}

int inquiry_survey(struct inquiry *i, const struct decision *d)
{
	_cleanup_free_ const char **addresses = calloc(d->n_all, sizeof(*addresses));
	size_t n = 0;

	if (!addresses)
		return -ENOMEM;
	/* All anew when one is missing: facts of different ages are of no use. */
	for (size_t k = 0; k < d->n_all; k++)
		if (host_use_concerns(d->devices[k].device))
			addresses[n++] = d->devices[k].device->address;
	return survey_start(i->manager, i->peer->uid, addresses, n, on_late, on_surveyed, i);
}
