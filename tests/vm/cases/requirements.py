# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every combination of isolation and reset-set requirement, over every device with a role.

What has to come out is worked out here from sysfs alone, in a second way, and compared with what
the daemon explains; what it says it permits is then leased, and what it refuses is asked for too.
"""
import itertools

from harness import *

ISOLATION = ("group", "strict")
RESET_SET = ("tolerate", "function", "exclusive", "both")
ROLE_DEVICES = sorted(a for r, v in ROLES.items() if r != "hotplug-port"
	for a in ([v] if isinstance(v, str) else v))
ERRORS = "org.devlease1.Error."
MANAGER = ("org.devlease1", "/org/devlease1", "org.devlease1.Manager")


def is_bridge(address):
	return (PCI / address / "class").read_text().startswith("0x0604")


def group(address):
	members = (PCI / address / "iommu_group/devices").iterdir()
	return {m.name for m in members if not is_bridge(m.name)}


def below(directory):
	"""The functions below a bridge, at any depth."""
	found = set()
	for child in directory.iterdir():
		if (child / "config").exists() and child.name.count(":") == 2:
			found |= {child.name} | below(child)
	return {a for a in found if not is_bridge(a)}


def reset_set(address):
	"""What a reset of the bus that the device is on resets; alone on a root bus."""
	bridge = (PCI / address).resolve().parent
	return below(bridge) if (bridge / "config").exists() else {address}


def bus_reset_possible(address):
	bridge = (PCI / address).resolve().parent
	bridges = {c.name for c in bridge.iterdir() if (c / "config").exists() and is_bridge(c.name)}
	return (bridge / "config").exists() and not bridges


def function_reset(address):
	"""The kernel lists "bus" for the first device of a bus, though it may not stay alone."""
	methods = PCI / address / "reset_method"
	listed = set(methods.read_text().split()) if methods.exists() else set()
	return bool(listed - {"bus"} or (listed and len(reset_set(address)) == 1))


def idle(address):
	return driver(address) in (None, "vfio-pci")


def expected(address, isolation, wanted):
	"""The codes of the refusals that a request for this device alone has to meet."""
	codes = set()
	mates, peers = group(address) - {address}, reset_set(address) - {address}
	if isolation == "strict" and mates:
		codes.add("isolation.strict-shared")
	elif any(not idle(m) for m in mates):
		codes.add("isolation.group-in-use")
	if not function_reset(address) and not bus_reset_possible(address):
		return codes | ({"reset-set.no-reset"} if wanted != "tolerate" else set())
	if wanted in ("function", "both") and not function_reset(address):
		codes.add("reset-set.no-function-reset")
	if wanted in ("exclusive", "both"):
		outside = peers - mates
		if any(not idle(p) for p in peers):
			codes.add("reset-set.shared")
		if any(not idle(g) for p in outside for g in group(p) - peers - {address}):
			codes.add("reset-set.group-in-use")
	return codes


def call(method, address, reply):
	return system_bus().call_sync(*MANAGER, method, GLib.Variant("(asa{sv})", ([address], {})),
		GLib.VariantType(reply), 0, -1, None).unpack()


def explained(address):
	verdict, findings = call("Explain", address, "(saa{sv})")
	return verdict, {f["code"] for f in findings if f["severity"] == "refuse"}, findings


def refused(address):
	try:
		Lease(address).close()
	except GLib.Error as e:
		return Gio.DBusError.get_remote_error(e)
	return None


def rules(isolation, wanted):
	return "".join(rule(a, User="root", HostUse="allow", Isolation=isolation, ResetSet=wanted)
		for a in ROLE_DEVICES)


def combinations():
	"""Each device under each pair of requirements, with the policy set."""
	for isolation, wanted in itertools.product(ISOLATION, RESET_SET):
		set_policy(rules(isolation, wanted))
		for address in ROLE_DEVICES:
			yield address, isolation, wanted


def compare(address, isolation, wanted):
	verdict, codes, findings = explained(address)
	what = "%s, %s, %s" % (address, isolation, wanted)
	equal(codes, expected(address, isolation, wanted), what)
	equal(verdict, "deny" if codes else "allow", what)
	for finding in findings:
		check(finding["severity"] != "refuse" or (finding["device"] == address and
			finding["text"] and finding["help"]), "%s: no full reason: %s" % (what, finding))
	return codes


def case_each_refusal_is_the_one_that_sysfs_calls_for():
	granted = seen = 0
	for address, isolation, wanted in combinations():
		codes = compare(address, isolation, wanted)
		seen, granted = seen + 1, granted + (not codes)
		if codes:
			error = refused(address)
			check(error and error.startswith(ERRORS), "%s was not refused: %s" % (
				address, error))
	print("       %d combinations with drivers as they came, %d permitted" % (seen, granted))
	check(0 < granted < seen, "the table has both outcomes")


def case_what_is_permitted_with_idle_neighbours_is_leased():
	before = {a: driver(a) for a in ROLE_DEVICES}
	granted = seen = 0
	for address in ROLE_DEVICES:
		unbind(address)
	try:
		for address, isolation, wanted in combinations():
			codes = compare(address, isolation, wanted)
			seen, granted = seen + 1, granted + (not codes)
			if codes:
				continue
			lease = Lease(address)
			owned = lease.info["devices"][address]["reset-set-owned"]
			lease.close()
			check(owned or wanted in ("tolerate", "function"), "%s: not owned" % address)
			settled()
			if not function_reset(address) and not bus_reset_possible(address):
				ctl("clear", address)
	finally:
		settled()
		for address, name in before.items():
			if name and driver(address) is None:
				bind(address, name)
	print("       %d combinations with idle neighbours, %d leased" % (seen, granted))
	check(0 < granted < seen, "the table has both outcomes")


def case_one_endpoint_of_a_switch_is_hot_reset_beside_the_others():
	leased, *others = ROLES["switch"]
	drivers = {d: driver(d) for d in others}
	set_policy(rule(leased))
	if CDEV:
		ctl("exec", leased, "--", EDU_CLIENT, "hot-reset", uid=NOBODY)
	lease = Lease(leased)
	try:
		states = {d: json.loads(ctl("show", d, "--json=short").stdout)[0]["State"] for d in others}
		# Each is below a downstream port of its own: a group and a reset set of one.
		equal(states, {d: "free" for d in others}, "the other endpoints")
		lease.call("Reset", GLib.Variant("(s)", ("hot",)))
		equal({d: driver(d) for d in others}, drivers, "the drivers of the other endpoints")
	finally:
		lease.close()


main(globals())
