# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reset sets on a real kernel: hot resets of live leases, and the resets at their end."""
from harness import *

SLOT, SPLIT, CONVENTIONAL = ROLES["slot"], ROLES.get("split-slot"), ROLES["conventional"]
EDU = ROLES["single-dma"]


def idle(*addresses):
	"""Takes devices off their host drivers; returns what puts them back."""
	before = {a: driver(a) for a in addresses}
	for address in addresses:
		unbind(address)

	def restore():
		settled()
		for address, name in before.items():
			if name:
				bind(address, name)
	return restore


def state(address):
	return json.loads(ctl("show", address, "--json=short").stdout)[0]["State"]


def hot_reset_by_client(*addresses, **options):
	"""The client's own hot reset, with its fds alone; only cdevs can do that."""
	words = ["--%s=%s" % o for o in options.items()]
	ctl("exec", *addresses, *words, "--", EDU_CLIENT, "hot-reset", uid=NOBODY)


def resets_of(event="device.reset"):
	return [r for r in journal() if r["event"] == event]


def case_the_client_hot_resets_a_whole_slot():
	# Who draws from a virtio-rng cannot be listed.
	set_policy("".join(rule(d, User="nobody root", HostUse="allow") for d in SLOT))
	if CDEV:
		hot_reset_by_client(*SLOT)
	else:
		# Without the group's fd a client cannot: the daemon does it.
		lease = Lease(*SLOT)
		lease.call("Reset", GLib.Variant("(s)", ("hot",)))
		lease.close()


def case_the_client_hot_resets_a_split_slot_with_a_reserved_half():
	leased, reserved = SPLIT
	restore = idle(reserved)
	try:
		set_policy(rule(leased))
		if CDEV:
			hot_reset_by_client(leased)
		lease = Lease(leased)
		equal(lease.info["devices"][leased]["reset-set-owned"], True, "reset-set-owned")
		equal((state(leased), state(reserved)), ("leased", "reserved"), "the states")
		equal(driver(reserved), "vfio-pci", "the driver of the reserved half")
		lease.call("Reset", GLib.Variant("(s)", ("hot",)))
		lease.close()
		settled()
		equal(driver(reserved), None, "the driver of the reserved half afterwards")
	finally:
		restore()


def case_the_client_hot_resets_a_slot_of_which_it_leased_one():
	leased, *reserved = SLOT
	restore = idle(*reserved)
	try:
		set_policy(rule(leased))
		if CDEV:
			hot_reset_by_client(leased)
		lease = Lease(leased)
		equal([state(d) for d in reserved], ["reserved"] * len(reserved), "the other functions")
		lease.call("Reset", GLib.Variant("(s)", ("hot",)))
		lease.close()
	finally:
		restore()


def case_a_sibling_leased_later_takes_the_reset_set_away():
	first, second = SPLIT
	restore = idle(second)
	try:
		set_policy(rule(first, ResetSet="tolerate", User="root") +
			rule(second, ResetSet="tolerate", User="root"))
		lease = Lease(first)
		owned = lambda: [l["ResetSetOwned"] for l in leases() if l["Devices"] == [first]][0]
		equal(owned(), True, "ResetSetOwned while the sibling is idle")
		other = Lease(second)
		equal(owned(), False, "ResetSetOwned while the sibling is leased")
		other.close()
		wait_until(owned, "ResetSetOwned when the sibling is back")
		lease.close()
		wait_until(lambda: len(resets_of("lease.reset-set")) >= 2, "both changes are journaled")
	finally:
		restore()


def case_a_split_slot_is_refused_while_a_half_is_in_use():
	leased, other = SPLIT
	set_policy(rule(leased))
	refused = ctl("exec", leased, "--", "true", uid=NOBODY, status=3)
	for word in (other, driver(other)):
		check(word in refused.stderr, "%s is not named: %s" % (word, refused.stderr))
	set_policy(rule(leased, ResetSet="tolerate"))
	ctl("exec", leased, "--", "true", uid=NOBODY)
	set_policy(rule(leased, ResetSet="function"))
	ctl("exec", leased, "--", "true", uid=NOBODY)
	ctl("exec", leased, "--reset-set=exclusive", "--", "true", uid=NOBODY, status=3)


def case_a_function_reset_of_a_live_lease():
	lease = Lease(EDU)
	before = len(resets_of())
	lease.call("Reset", GLib.Variant("(s)", ("function",)))
	wait_until(lambda: len(resets_of()) > before, "the reset is in the journal")
	equal(resets_of()[-1]["result"], "ok", "the result")
	lease.close()


def case_what_has_no_function_reset_is_reset_by_the_bus():
	set_policy("".join(rule(d) for d in CONVENTIONAL))
	ctl("exec", *CONVENTIONAL, "--", "true", uid=NOBODY)
	settled()
	last = {r["devices"][0]["address"]: r["result"] for r in resets_of()[-2:]}
	equal(last, {d: "ok" for d in CONVENTIONAL}, "the resets after the lease")


main(globals())
