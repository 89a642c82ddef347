/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The facts of bridges come into the snapshot after the scan, by a job of their own: they only
 * explain, and reading configuration space can wait for a bridge that is being reset. A bridge that
 * sleeps stays unknown until it is looked at the next time.
 */
#include <errno.h>
#include <systemd/sd-journal.h>

#include "base/text.h"
#include "manager.h"

#define LOOK_LIMIT_USEC (30 * 1000000ULL)

struct look {
	struct manager *manager; /* the main loop's */
	struct host *host;       /* the job's */
	char **addresses;
	struct device **found;
	size_t n_found;
};

static void look_free(struct look *l)
{
	for (size_t i = 0; i < l->n_found; i++)
		device_unref(l->found[i]);
	free(l->found);
	strv_free(l->addresses);
	free(l);
}

/* A bridge is scanned anew, so that the snapshot's own stays as it is. */
static int look_job(void *arg)
{
	struct look *l = arg;
	struct host *h = l->host;

	for (char **s = l->addresses; s && *s; s++) {
		struct bridge_facts facts;
		struct device *d;

		/* Past the gate: it counts what requests do, and this comes at any time. */
		if (h->ops->bridge_facts(h, *s, &facts) < 0 ||
			h->ops->scan_device(h, *s, &d) < 0)
			continue;
		d->bridge = facts;
		l->found[l->n_found++] = d;
	}
	return 0;
}

static void on_looked(void *arg, int result)
{
	struct look *l = arg;
	struct manager *m = l->manager;

	inventory_update(m, l->found, l->n_found);
	l->n_found = 0;
	look_free(l);
	m->looking = false;
	if (m->look_again)
		bridges_look(m);
}

static int collect(struct look *l)
{
	const struct topology *t = l->manager->topology;

	l->found = calloc(t->n_devices + 1, sizeof(*l->found));
	if (!l->found)
		return -ENOMEM;
	for (size_t i = 0; i < t->n_devices; i++)
		if (t->devices[i]->is_bridge && t->devices[i]->bridge.kind == BRIDGE_UNKNOWN &&
			strv_append(&l->addresses, t->devices[i]->address) < 0)
			return -ENOMEM;
	return 0;
}

void bridges_look(struct manager *m)
{
	struct look *l;

	m->look_again = m->looking;
	if (m->looking)
		return;
	l = calloc(1, sizeof(*l));
	if (!l)
		return;
	l->manager = m;
	l->host = m->host;
	/* Without it findings give no reasons; the decision is the same. */
	if (collect(l) < 0 || !l->addresses ||
		jobs_start(m->jobs, LOOK_LIMIT_USEC, look_job, NULL, on_looked, l) < 0)
		look_free(l);
	else
		m->looking = true;
}
