/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A lease as JSON in /run: what is needed to give everything back after a crash, and to show the
 * lease again. Its content is ours alone (0600 in a 0700 directory), yet a file of an older version
 * or a damaged one must not do harm: everything is checked on the way in.
 */
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "manager.h"

#define FILE_VERSION 1

static json_t *save_device(const struct lease *l, size_t i)
{
	const struct assigned_device *a = &l->assignment->devices[i];
	json_t *o = json_pack("{s:s, s:i, s:b, s:i, s:s?, s:s?, s:b, s:b}", "address", a->address,
		"group", a->group, "requested", (int)a->requested, "peer", (int)a->peer,
		"prior-driver", a->prior_driver, "prior-override", a->prior_override, "resettable",
		(int)a->resettable, "hot-resettable", (int)a->hot_resettable);

	if (i < l->n_devices) {
		const struct lease_device *d = &l->devices[i];

		json_object_update_new(o, json_pack("{s:i, s:i, s:s?, s:s?, s:i, s:b, s:b}",
			"vendor", (int)d->vendor, "device", (int)d->device, "rule", d->rule,
			"rule-file", d->rule_file, "rule-line", (int)d->rule_line,
			"reset-set-owned", (int)d->reset_set_owned, "exclusive",
			(int)d->exclusive));
	}
	json_object_set_new(o, "stays", json_boolean(a->stays));
	json_object_set_new(o, "dev-id", json_integer(a->devid));
	json_object_set_new(o, "reset-set", record_strings(a->reset_set));
	json_object_set_new(o, "reset-result", json_integer(a->reset_result));
	json_object_set_new(o, "broken", json_boolean(a->broken));
	return o;
}

int lease_save(struct lease *l, enum lease_state as)
{
	const struct assignment *a = l->assignment;
	json_t *devices = json_array(), *o;
	int r;

	for (size_t i = 0; i < a->n_devices; i++)
		json_array_append_new(devices, save_device(l, i));
	o = json_pack("{s:i, s:s, s:s, s:s, s:I, s:I, s:I, s:s, s:o, s:o}", "version",
		FILE_VERSION, "state", lease_state_to_string(as), "backend",
		backend_to_string(a->backend), "handover", handover_to_string(a->handover), "uid",
		(json_int_t)l->uid, "since", (json_int_t)l->since, "ioas", (json_int_t)a->ioas,
		"policy-sha256", l->policy_sha256 ? l->policy_sha256 : "", "caller",
		/* Labels and paths may be no UTF-8: escaped, as the journal has them. */
		record_caller(l->peer, l->uid, l->request.label),
		"devices", devices);
	json_object_set_new(o, "granted", json_boolean(l->granted));
	/* Signals about a lease go to its holder alone, by this name. */
	json_object_set_new(o, "holder", json_pack("{s:s, s:s?}", "bus", l->bus_id, "name",
		l->peer ? l->peer->name : NULL));
	r = o ? store_save_lease(&l->manager->store, l->id, o) : -ENOMEM;
	json_decref(o);
	return r;
}

/* --- loading --- */

static const char *get_string(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static int64_t get_integer(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static bool get_bool(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}

/* Undoes escape_text(), which all text from outside is saved with. */
static int load_text(const json_t *o, const char *key, char **ret)
{
	int r = strdup_to(ret, get_string(o, key));
	char *to = *ret;

	if (r < 0 || !to)
		return r;
	for (const char *from = to; *from; to++) {
		uint64_t byte;

		if (strncmp(from, "\\x", 2) == 0 && from[2] && from[3] &&
			parse_hex((char[]){from[2], from[3], '\0'}, 255, &byte) >= 0 && byte) {
			*to = (char)byte;
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = '\0';
	return 0;
}

static int load_strings(const json_t *from, char ***to)
{
	json_t *member;
	size_t i;

	json_array_foreach(from, i, member)
		if (json_is_string(member) && strv_append(to, json_string_value(member)) < 0)
			return -ENOMEM;
	return 0;
}

static int load_assigned(const json_t *o, struct assigned_device *a)
{
	const char *address = get_string(o, "address");

	a->fd = -1;
	a->reset_result = get_integer(o, "reset-result");
	if (!address || address_parse(address, a->address, NULL) < 0)
		return -EBADMSG;
	a->group = get_integer(o, "group");
	a->requested = get_bool(o, "requested");
	a->broken = get_bool(o, "broken");
	a->peer = get_integer(o, "peer");
	a->resettable = get_bool(o, "resettable");
	a->hot_resettable = get_bool(o, "hot-resettable");
	a->stays = get_bool(o, "stays");
	a->devid = get_integer(o, "dev-id");
	/* What may have been changed is put back; that it was not is found out then. */
	a->override_changed = a->driver_changed = a->requested || (a->peer & PEER_RESET);
	if (load_strings(json_object_get(o, "reset-set"), &a->reset_set) < 0)
		return -ENOMEM;
	if (strdup_to(&a->prior_driver, get_string(o, "prior-driver")) < 0)
		return -ENOMEM;
	return strdup_to(&a->prior_override, get_string(o, "prior-override"));
}

static int load_leased(const json_t *o, struct lease_device *d)
{
	if (address_parse(get_string(o, "address"), d->address, NULL) < 0)
		return -EBADMSG;
	d->vendor = get_integer(o, "vendor");
	d->device = get_integer(o, "device");
	d->rule_line = get_integer(o, "rule-line");
	d->reset_set_owned = get_bool(o, "reset-set-owned");
	d->exclusive = get_bool(o, "exclusive");
	if (load_strings(json_object_get(o, "reset-set"), &d->reset_set) < 0)
		return -ENOMEM;
	if (strdup_to(&d->rule, get_string(o, "rule")) < 0)
		return -ENOMEM;
	return strdup_to(&d->rule_file, get_string(o, "rule-file"));
}

static int load_devices(struct lease *l, const json_t *devices)
{
	struct assignment *a = l->assignment;
	size_t n = json_array_size(devices), i;
	json_t *o;

	if (n == 0)
		return -EBADMSG;
	a->devices = calloc(n, sizeof(*a->devices));
	a->groups = calloc(n, sizeof(*a->groups));
	l->devices = calloc(n, sizeof(*l->devices));
	l->view = calloc(n, sizeof(*l->view));
	if (!a->devices || !a->groups || !l->devices || !l->view)
		return -ENOMEM;
	json_array_foreach(devices, i, o) {
		int r = load_assigned(o, &a->devices[a->n_devices++]);

		if (r >= 0 && a->devices[i].requested) {
			if (a->n_requested != i)
				return -EBADMSG;
			a->n_requested++;
			r = load_leased(o, &l->devices[l->n_devices++]);
		}
		if (r < 0)
			return r;
	}
	return a->n_requested > 0 ? 0 : -EBADMSG;
}

static unsigned load_actions(const json_t *c)
{
	const json_t *names = json_object_get(c, "polkit"), *name;
	unsigned authorised = 0;
	size_t i;

	json_array_foreach(names, i, name)
		for (enum bus_action a = 0; a < BUS_ACTION_N; a++)
			if (streq(json_string_value(name), bus_action_id(a)))
				authorised |= 1U << a;
	return authorised;
}

static int load_peer(struct lease *l, const json_t *c)
{
	struct peer *p = l->peer = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->uid = get_integer(c, "uid");
	p->pid = get_integer(c, "pid");
	p->start_time = get_integer(c, "start-time");
	p->loginuid_known = json_is_integer(json_object_get(c, "loginuid"));
	p->loginuid = get_integer(c, "loginuid");
	p->authorised = load_actions(c);
	if (load_text(c, "unit", &p->unit) < 0 || load_text(c, "exe", &p->exe) < 0)
		return -ENOMEM;
	return load_text(c, "label", &l->request.label);
}

static int load_holder(struct lease *l, const json_t *holder)
{
	const char *bus = get_string(holder, "bus");

	if (bus && strlen(bus) < sizeof(l->bus_id))
		strcpy(l->bus_id, bus);
	return strdup_to(&l->peer->name, get_string(holder, "name"));
}

static int load_terms(struct lease *l, const json_t *o)
{
	int state = lease_state_from_string(get_string(o, "state"));
	const char *backend = get_string(o, "backend"), *handover = get_string(o, "handover");
	struct assignment *a = l->assignment;
	int b = backend ? backend_from_string(backend) : -EBADMSG;
	int h = handover ? handover_from_string(handover) : -EBADMSG;

	if (state < 0 || b <= BACKEND_ANY || h < 0)
		return -EBADMSG;
	l->state = state;
	a->backend = b;
	a->handover = h;
	a->ioas = get_integer(o, "ioas");
	l->granted = get_bool(o, "granted");
	l->uid = get_integer(o, "uid");
	l->since = get_integer(o, "since");
	return strdup_to(&l->policy_sha256, get_string(o, "policy-sha256"));
}

int lease_load(struct manager *m, const char *id, json_t *o, struct lease **ret)
{
	_cleanup_(lease_free_cleanup) struct lease *l = lease_alloc(m);
	int r;

	if (!l)
		return -ENOMEM;
	if (strlen(id) >= sizeof(l->id) || get_integer(o, "version") != FILE_VERSION)
		return -EBADMSG;
	strcpy(l->id, id);
	l->assignment = calloc(1, sizeof(*l->assignment));
	if (!l->assignment)
		return -ENOMEM;
	l->assignment->host = m->host;
	l->assignment->iommu_fd = -1;
	l->assignment->assumed = true;
	r = load_terms(l, o);
	if (r >= 0)
		r = load_devices(l, json_object_get(o, "devices"));
	if (r >= 0)
		r = load_peer(l, json_object_get(o, "caller"));
	if (r >= 0)
		r = load_holder(l, json_object_get(o, "holder"));
	if (r < 0)
		return r;
	*ret = TAKE_PTR(l);
	return 0;
}
