/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Records of the assignment journal, built from what the manager knows. Building never fails half
 * way: a value that cannot be made is left out, a record that cannot be made is NULL.
 */
#include <errno.h>
#include <stdio.h>
#include <systemd/sd-journal.h>
#include <time.h>

#include "base/text.h"
#include "manager.h"

json_t *record_event(const char *event)
{
	json_t *r = json_object();

	json_object_set_new(r, "event", json_string(event));
	return r;
}

/* Text from outside may be no UTF-8, which JSON cannot carry: it is escaped first. */
static json_t *safe_string(const char *s)
{
	_cleanup_free_ char *safe = s ? escape_text(s, 1024) : NULL;

	return safe ? json_string(safe) : json_null();
}

/* The polkit actions that the caller was authorised for. */
static json_t *record_actions(unsigned authorised)
{
	json_t *all = json_array();

	for (enum bus_action a = 0; a < BUS_ACTION_N; a++)
		if (authorised & (1U << a))
			json_array_append_new(all, json_string(bus_action_id(a)));
	return all;
}

json_t *record_caller(const struct peer *peer, uid_t for_uid, const char *label)
{
	json_t *c = json_object();

	if (!peer)
		return c;
	json_object_set_new(c, "uid", json_integer(peer->uid));
	if (peer->loginuid_known)
		json_object_set_new(c, "loginuid", json_integer(peer->loginuid));
	if (peer->pid > 0) {
		json_object_set_new(c, "pid", json_integer(peer->pid));
		json_object_set_new(c, "start-time", json_integer(peer->start_time));
	}
	if (peer->exe)
		json_object_set_new(c, "exe", safe_string(peer->exe));
	if (peer->unit)
		json_object_set_new(c, "unit", safe_string(peer->unit));
	if (label)
		json_object_set_new(c, "label", safe_string(label));
	if (peer->authorised)
		json_object_set_new(c, "polkit", record_actions(peer->authorised));
	if (for_uid != peer->uid)
		json_object_set_new(c, "for-uid", json_integer(for_uid));
	return c;
}

json_t *record_strings(char *const *v)
{
	json_t *a = json_array();

	for (; v && *v; v++)
		json_array_append_new(a, json_string(*v));
	return a;
}

static json_t *driver_name(const char *driver)
{
	return driver ? json_string(driver) : json_null();
}

static json_t *record_device(const struct lease *l, size_t i)
{
	const struct lease_device *d = &l->devices[i];
	const struct assigned_device *a = &l->assignment->devices[i];
	const struct device *now = topology_find(l->manager->topology, d->address);
	_cleanup_free_ char *id = NULL;
	json_t *o;

	if (asprintf(&id, "%04x:%04x", d->vendor, d->device) < 0)
		id = NULL;
	o = json_pack("{s:s, s:s?, s:i, s:o, s:b}", "address", d->address, "id", id, "iommu-group",
		a->group, "reset-set", record_strings(d->reset_set), "reset-set-owned",
		(int)d->reset_set_owned);
	json_object_set_new(o, "driver-before", driver_name(a->prior_driver));
	json_object_set_new(o, "driver-now", driver_name(now ? now->driver : NULL));
	json_object_set_new(o, "rule", json_pack("{s:s, s:s?, s:i}", "name",
		d->rule ? d->rule : "", "file", d->rule_file, "line", (int)d->rule_line));
	return o;
}

static json_t *record_peers(const struct assignment *a)
{
	json_t *all = json_array();

	for (size_t i = a->n_requested; i < a->n_devices; i++)
		json_array_append_new(all, json_string(a->devices[i].address));
	return all;
}

json_t *record_stuck(const struct lease *l)
{
	json_t *r = record_event("device.stuck"), *devices = json_array();

	for (size_t i = 0; i < l->n_devices; i++)
		json_array_append_new(devices, json_pack("{s:s}", "address", l->devices[i].address));
	json_object_set_new(r, "lease", json_string(l->id));
	json_object_set_new(r, "devices", devices);
	json_object_set_new(r, "uid", json_integer(l->uid));
	return r;
}

json_t *record_of_lease(const char *event, const struct lease *l)
{
	const struct assignment *a = l->assignment;
	json_t *r = record_event(event), *devices = json_array();

	json_object_set_new(r, "lease", json_string(l->id));
	for (size_t i = 0; i < l->n_devices; i++)
		json_array_append_new(devices, record_device(l, i));
	json_object_set_new(r, "devices", devices);
	if (a->n_devices > a->n_requested)
		json_object_set_new(r, "reserved", record_peers(a));
	json_object_set_new(r, "caller", record_caller(l->peer, l->uid, l->request.label));
	json_object_set_new(r, "uid", json_integer(l->uid));
	json_object_set_new(r, "policy-sha256", json_string(l->policy_sha256));
	json_object_set_new(r, "backend", json_string(backend_to_string(a->backend)));
	json_object_set_new(r, "handover", json_string(handover_to_string(a->handover)));
	if (a->trouble.size)
		json_object_set_new(r, "trouble", json_string(a->trouble.data));
	return r;
}

static void on_forgotten(void *userdata, int error)
{
	if (error < 0)
		sd_journal_print(LOG_ERR, "A record of the assignment journal is lost: %s",
			errno_name(-error));
}

int record_append(struct manager *m, json_t *record, journal_done_fn done, void *userdata)
{
	int r = record ? journal_append(m->journal, record, done ? done : on_forgotten, userdata) :
			 -ENOMEM;

	if (r < 0 && !done)
		on_forgotten(NULL, r);
	return r;
}
