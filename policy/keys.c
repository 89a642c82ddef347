/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of keys, and the readers of the conditions. */
#include <errno.h>
#include <string.h>

#include "policy/hint.h"
#include "policy/identity.h"
#include "policy/keys.h"
#include "policy/loader.h"
#include "policy/pattern.h"
#include "policy/terms.h"

static int parse_pattern(struct loader *l, const struct policy_key *key, const struct word *w)
{
	struct condition c;
	const char *problem;
	int r = pattern_parse(key->number, w->text, &c, &problem);

	if (r == -EINVAL)
		return key_bad_word(l, key, w, problem);
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
		return key_bad_word(l, key, w, "not a valid id");
	if (r == -ESRCH && strpbrk(w->text, "*?["))
		return key_bad_word(l, key, w,
			"names only, no patterns; leave the key out for everyone");
	if (r == -ESRCH && strchr(w->text, ','))
		return key_bad_word(l, key, w, "no such name; blanks separate values, not commas");
	if (r == -ESRCH && key->number == MATCH_USER)
		return key_bad_word(l, key, w, "no such user");
	if (r == -ESRCH)
		return key_bad_word(l, key, w, "no such group");
	if (r < 0)
		return key_bad_word(l, key, w, strerrordesc_np(-r));
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
		"A group that the client's process is in, by name or number. In a request on "
		"behalf of another user nobody knows them: then a rule with this key that denies "
		"is taken to match in it, and any other not to."},
	{"Unit", KEY_MATCH, MATCH_UNIT, true, parse_unit, NULL, "UNIT...",
		"The system unit that the client runs in, as spdk.service; or a pattern. Needs "
		"User= beside it, since a process id can be stale by the time its unit is "
		"looked up. Where it is not known, a rule that denies is taken to match in this "
		"key, and any other not to."},
	{"Access", KEY_TERM, TERM_ACCESS, false, term_parse_access, term_print_access,
		"allow, ask, deny",
		"Whether the client may have the device. ask: polkit decides, by the action "
		"org.devlease1.acquire and once for each device. The strictest of all devices of a "
		"request counts. Root bypasses this key in [Defaults], and nothing else."},
	{"Handover", KEY_TERM, TERM_HANDOVER, true, term_parse_handover, term_print_handover,
		"attached, opened",
		"In which states the client may get its file descriptors. A client that does "
		"not say gets the first that all of its devices permit.",
		"guarded, node"},
	{"Isolation", KEY_TERM, TERM_ISOLATION, false, term_parse_isolation, term_print_isolation,
		"strict, group",
		"strict: the IOMMU group holds only this device, interrupt remapping is on, and "
		"no ACS override is in force. group: other devices of the group are in the same "
		"lease or idle, and reserved with it."},
	{"ResetSet", KEY_TERM, TERM_RESET_SET, false, term_parse_reset_set, term_print_reset_set,
		"exclusive, function, both, tolerate",
		"exclusive: every device that a bus or slot reset of this one resets is in the "
		"lease or reserved with it. function: the device can be reset without touching "
		"another. both: both of these. tolerate: nothing is required."},
	{"HostUse", KEY_TERM, TERM_HOST_USE, false, term_parse_host_use, term_print_host_use,
		"refuse, allow",
		"refuse: a device that the host is using is not leased, nor one of which that "
		"cannot be told. allow: it may be taken from the host."},
	{"Driver", KEY_TERM, TERM_DRIVER, false, term_parse_only, NULL, "vfio-pci",
		"The driver that a leased device is bound to. A device that is on another VFIO "
		"driver is moved to this one while it is leased.",
		"*"},
	{"Backend", KEY_TERM, TERM_BACKEND, false, term_parse_backend, term_print_backend,
		"any, iommufd, legacy",
		"The kernel interface. any: iommufd where the device has a character device of "
		"its own, else legacy."},
	{"Migration", KEY_TERM, TERM_MIGRATION, false, term_parse_only, NULL, "deny",
		"Whether the client may read and write the device's state to move it to another "
		"host. deny: not; vfio-pci has no such interface.",
		"allow"},
	{"WhenFree", KEY_TERM, TERM_WHEN_FREE, false, term_parse_when_free, term_print_when_free,
		"driver, vfio",
		"What becomes of a device after its lease. driver: it goes back to the driver "
		"that it had before, and to no driver when it had none. vfio: it stays bound to "
		"vfio-pci, so that the next lease begins sooner and no driver of the host finds "
		"it meanwhile.",
		"ready"},
	{"AfterRelease", KEY_TERM, TERM_AFTER_RELEASE, false, term_parse_only, NULL, "",
		"A system unit to run after each lease, before the device is free again. This "
		"version runs none: only the empty value is taken.",
		"*"},
	{"MaxLeases", KEY_TERM, TERM_MAX_LEASES, false, term_parse_limit, term_print_max_leases,
		"NUMBER", "How many leases one user may hold by this rule; infinity is no limit."},
	{"MaxDevices", KEY_TERM, TERM_MAX_DEVICES, false, term_parse_limit, term_print_max_devices,
		"NUMBER", "How many devices one user may hold by this rule; infinity is no limit."},
	{"MaxPinned", KEY_TERM, TERM_MAX_PINNED, false, term_parse_only, NULL, "infinity",
		"How much memory the daemon may pin for a lease; it pins none under the "
		"handovers of this version, where the client's own RLIMIT_MEMLOCK counts.",
		"*"},
	{"Kill", KEY_TERM, TERM_KILL, false, term_parse_only, NULL, "no",
		"Whether processes may be killed to take a device back.", "yes"},
	{"Controls", KEY_TERM, TERM_CONTROLS, false, term_parse_only, NULL, "",
		"Another device that controls this one, where the kernel does not show it. "
		"This version knows physical functions only: only the empty value is taken.",
		"*"},
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

void policy_key_print(const struct policy_key *key, struct text *t,
	const struct policy_terms *terms)
{
	if (key->print)
		key->print(t, terms);
	else
		text_append(t, key->values);
}
