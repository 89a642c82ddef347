/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of keys, and the readers and printers of the terms. */
#include <errno.h>
#include <string.h>

#include "policy/hint.h"
#include "policy/identity.h"
#include "policy/keys.h"
#include "policy/loader.h"
#include "policy/pattern.h"

static int bad_word(struct loader *l, const struct policy_key *key, const struct word *w,
	const char *problem)
{
	_cleanup_free_ char *shown = escape_text(w->text, 64);

	if (!shown)
		return -ENOMEM;
	return loader_problem(l, w->line, w->column, "%s=: '%s': %s", key->name, shown, problem);
}

static int bad_choice(struct loader *l, const struct policy_key *key, const struct word *w)
{
	_cleanup_free_ char *shown = escape_text(w->text, 64);

	if (!shown)
		return -ENOMEM;
	return loader_problem(l, w->line, w->column, "%s=: '%s' is not one of: %s", key->name,
		shown, key->values);
}

static int parse_pattern(struct loader *l, const struct policy_key *key, const struct word *w)
{
	struct condition c;
	const char *problem;
	int r = pattern_parse(key->number, w->text, &c, &problem);

	if (r == -EINVAL)
		return bad_word(l, key, w, problem);
	return r < 0 ? r : loader_add_condition(l, &c);
}

static int add_identity(struct loader *l, const struct policy_key *key, const struct word *w, int r,
	uint32_t id)
{
	struct condition c = {
		.key = key->number, .kind = CONDITION_NUMBER, .value = id, .mask = UINT32_MAX,
	};

	if (r == -ENOMEM)
		return r;
	if (r == -ERANGE)
		return bad_word(l, key, w, "not a valid id");
	if (r == -ESRCH && strpbrk(w->text, "*?["))
		return bad_word(l, key, w,
			"names only, no patterns; leave the key out for everyone");
	if (r == -ESRCH && key->number == MATCH_USER)
		return bad_word(l, key, w, "no such user");
	if (r == -ESRCH)
		return bad_word(l, key, w, "no such group");
	if (r < 0)
		return bad_word(l, key, w, strerrordesc_np(-r));
	if (strdup_to(&c.text, w->text) < 0)
		return -ENOMEM;
	return loader_add_condition(l, &c);
}

static int parse_user(struct loader *l, const struct policy_key *key, const struct word *w)
{
	uid_t uid = 0;
	int r = identity_user(w->text, &uid);

	return add_identity(l, key, w, r, uid);
}

static int parse_group(struct loader *l, const struct policy_key *key, const struct word *w)
{
	gid_t gid = 0;
	int r = identity_group(w->text, &gid);

	return add_identity(l, key, w, r, gid);
}

static int parse_unit(struct loader *l, const struct policy_key *key, const struct word *w)
{
	if (l->unit.line == 0)
		l->unit = (struct word){.line = w->line, .column = w->column};
	return parse_pattern(l, key, w);
}

static int parse_access(struct loader *l, const struct policy_key *key, const struct word *w)
{
	int v = verdict_from_string(w->text);

	if (v < 0)
		return bad_choice(l, key, w);
	l->terms.access = v;
	return 0;
}

static void print_access(struct text *t, const struct policy_terms *terms)
{
	text_append(t, verdict_to_string(terms->access));
}

static int parse_handover(struct loader *l, const struct policy_key *key, const struct word *w)
{
	int v = handover_from_string(w->text);

	if (v < 0)
		return bad_choice(l, key, w);
	if (v != HANDOVER_ATTACHED && v != HANDOVER_OPENED)
		return bad_word(l, key, w, "not supported by this version");
	if (l->terms.handovers & v)
		return bad_word(l, key, w, "given twice");
	l->terms.handovers |= v;
	l->terms.handover_order[l->terms.n_handovers++] = v;
	return 0;
}

static void print_handover(struct text *t, const struct policy_terms *terms)
{
	for (size_t i = 0; i < terms->n_handovers; i++)
		text_appendf(t, "%s%s", i > 0 ? " " : "",
			handover_to_string(terms->handover_order[i]));
}

static int parse_isolation(struct loader *l, const struct policy_key *key, const struct word *w)
{
	int v = isolation_from_string(w->text);

	if (v < 0)
		return bad_choice(l, key, w);
	l->terms.isolation = v;
	return 0;
}

static void print_isolation(struct text *t, const struct policy_terms *terms)
{
	text_append(t, isolation_to_string(terms->isolation));
}

static int parse_reset_set(struct loader *l, const struct policy_key *key, const struct word *w)
{
	int v = reset_set_from_string(w->text);

	if (v < 0)
		return bad_choice(l, key, w);
	l->terms.reset_set = v;
	return 0;
}

static void print_reset_set(struct text *t, const struct policy_terms *terms)
{
	text_append(t, reset_set_to_string(terms->reset_set));
}

static int parse_host_use(struct loader *l, const struct policy_key *key, const struct word *w)
{
	l->terms.host_use_allow = streq(w->text, "allow");
	if (!l->terms.host_use_allow && !streq(w->text, "refuse"))
		return bad_choice(l, key, w);
	return 0;
}

static void print_host_use(struct text *t, const struct policy_terms *terms)
{
	text_append(t, terms->host_use_allow ? "allow" : "refuse");
}

static int parse_backend(struct loader *l, const struct policy_key *key, const struct word *w)
{
	int v = backend_from_string(w->text);

	if (v < 0)
		return bad_choice(l, key, w);
	l->terms.backend = v;
	return 0;
}

static void print_backend(struct text *t, const struct policy_terms *terms)
{
	text_append(t, backend_to_string(terms->backend));
}

static int parse_limit(struct loader *l, const struct policy_key *key, const struct word *w)
{
	uint64_t v = UINT64_MAX;

	if (!streq(w->text, "infinity") && (parse_u64(w->text, &v) < 0 || v == 0))
		return bad_word(l, key, w, "expected a number from 1, or infinity");
	if (key->number == TERM_MAX_LEASES)
		l->terms.max_leases = v;
	else
		l->terms.max_devices = v;
	return 0;
}

static void print_limit(struct text *t, uint64_t limit)
{
	if (limit == UINT64_MAX)
		text_append(t, "infinity");
	else
		text_appendf(t, "%llu", (unsigned long long)limit);
}

static void print_max_leases(struct text *t, const struct policy_terms *terms)
{
	print_limit(t, terms->max_leases);
}

static void print_max_devices(struct text *t, const struct policy_terms *terms)
{
	print_limit(t, terms->max_devices);
}

const struct policy_key policy_keys[] = {
	{"Id", KEY_MATCH, MATCH_ID, true, parse_pattern, NULL, "VENDOR:DEVICE...",
		"Vendor and device id in four hex digits each. Either half may be a pattern."},
	{"Device", KEY_MATCH, MATCH_DEVICE, true, parse_pattern, NULL, "ADDRESS...",
		"The device's address, as 0000:01:00.0, or KIND:NAME; or a pattern. A PCI "
		"address without its domain is in domain 0000. A rule with this key that denies "
		"is also heeded for a device that would only be reserved."},
	{"Class", KEY_MATCH, MATCH_CLASS, true, parse_pattern, NULL, "CLASS...",
		"PCI class code: 2, 4 or 6 hex digits from its beginning, as 0200 for Ethernet, "
		"or a pattern of all 6."},
	{"CurrentDriver", KEY_MATCH, MATCH_CURRENT_DRIVER, true, parse_pattern, NULL, "DRIVER...",
		"The driver that the device has when it is asked for; or a pattern. A device "
		"without a driver matches none, not even '*'."},
	{"PhysicalFunction", KEY_MATCH, MATCH_PHYSICAL_FUNCTION, true, parse_pattern, NULL,
		"ADDRESS...",
		"The address of the physical function that a virtual function belongs to; or a "
		"pattern. Other devices match none."},
	{"NumaNode", KEY_MATCH, MATCH_NUMA_NODE, true, parse_pattern, NULL, "NODE...",
		"The number of the device's NUMA node, -1 for devices without one."},
	{"User", KEY_MATCH, MATCH_USER, true, parse_user, NULL, "USER...",
		"The client's user, by name or number."},
	{"Group", KEY_MATCH, MATCH_GROUP, true, parse_group, NULL, "GROUP...",
		"A group that the client's process is in, by name or number."},
	{"Unit", KEY_MATCH, MATCH_UNIT, true, parse_unit, NULL, "UNIT...",
		"The system unit that the client runs in, as spdk.service; or a pattern. Needs "
		"User= beside it, since a process id can be stale by the time its unit is "
		"looked up."},
	{"Access", KEY_TERM, TERM_ACCESS, false, parse_access, print_access, "allow, ask, deny",
		"Whether the client may have the device. The strictest of all devices of a "
		"request counts."},
	{"Handover", KEY_TERM, TERM_HANDOVER, true, parse_handover, print_handover,
		"attached, opened",
		"In which states the client may get its file descriptors. A client that does "
		"not say gets the first that all of its devices permit."},
	{"Isolation", KEY_TERM, TERM_ISOLATION, false, parse_isolation, print_isolation,
		"strict, group",
		"strict: the IOMMU group holds only this device, interrupt remapping is on, and "
		"no ACS override is in force. group: other devices of the group are in the same "
		"lease or idle, and reserved with it."},
	{"ResetSet", KEY_TERM, TERM_RESET_SET, false, parse_reset_set, print_reset_set,
		"exclusive, function, both, tolerate",
		"exclusive: every device that a bus or slot reset of this one resets is in the "
		"lease or reserved with it. function: the device can be reset without touching "
		"another. both: both of these. tolerate: nothing is required."},
	{"HostUse", KEY_TERM, TERM_HOST_USE, false, parse_host_use, print_host_use,
		"refuse, allow",
		"refuse: a device that the host is using is not leased, nor one of which that "
		"cannot be told. allow: it may be taken from the host."},
	{"Backend", KEY_TERM, TERM_BACKEND, false, parse_backend, print_backend,
		"any, iommufd, legacy",
		"The kernel interface. any: iommufd where the device has a character device of "
		"its own, else legacy."},
	{"MaxLeases", KEY_TERM, TERM_MAX_LEASES, false, parse_limit, print_max_leases, "NUMBER",
		"How many leases one user may hold by this rule; infinity is no limit."},
	{"MaxDevices", KEY_TERM, TERM_MAX_DEVICES, false, parse_limit, print_max_devices, "NUMBER",
		"How many devices one user may hold by this rule; infinity is no limit."},
	{"Driver", KEY_UNKNOWN},
	{"Migration", KEY_UNKNOWN},
	{"WhenFree", KEY_UNKNOWN},
	{"AfterRelease", KEY_UNKNOWN},
	{"MaxPinned", KEY_UNKNOWN},
	{"Kill", KEY_UNKNOWN},
	{"Controls", KEY_UNKNOWN},
};
const size_t policy_keys_n = ARRAY_SIZE(policy_keys);
_Static_assert(ARRAY_SIZE(policy_keys) <= KEYS_MAX, "KEYS_MAX is too small");

const struct policy_key *policy_key_find(const char *name)
{
	for (size_t i = 0; i < policy_keys_n; i++)
		if (streq(policy_keys[i].name, name))
			return &policy_keys[i];
	return NULL;
}

const struct policy_key *policy_key_nearest(const char *name)
{
	const char *names[ARRAY_SIZE(policy_keys)];
	const char *nearest;

	for (size_t i = 0; i < policy_keys_n; i++)
		names[i] = policy_keys[i].name;
	nearest = hint_nearest(name, names, policy_keys_n);
	return nearest ? policy_key_find(nearest) : NULL;
}

void policy_terms_copy(struct policy_terms *to, const struct policy_terms *from, unsigned which)
{
	if (which & 1U << TERM_ACCESS)
		to->access = from->access;
	if (which & 1U << TERM_HANDOVER) {
		to->handovers = from->handovers;
		to->n_handovers = from->n_handovers;
		memcpy(to->handover_order, from->handover_order, sizeof(to->handover_order));
	}
	if (which & 1U << TERM_ISOLATION)
		to->isolation = from->isolation;
	if (which & 1U << TERM_RESET_SET)
		to->reset_set = from->reset_set;
	if (which & 1U << TERM_HOST_USE)
		to->host_use_allow = from->host_use_allow;
	if (which & 1U << TERM_BACKEND)
		to->backend = from->backend;
	if (which & 1U << TERM_MAX_LEASES)
		to->max_leases = from->max_leases;
	if (which & 1U << TERM_MAX_DEVICES)
		to->max_devices = from->max_devices;
}
