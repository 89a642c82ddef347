# SPDX-License-Identifier: LGPL-2.1-or-later
"""The main job on a real kernel: an unprivileged client leases a device, does DMA, gives it back."""
import json
import os
import time

from harness import *

EDU = ROLES["single-dma"]
BYTES = 2048


def pattern_file(directory):
	path = directory / "pattern"
	path.write_bytes(os.urandom(BYTES))
	return path


def scratch():
	"""A directory that the unprivileged client can write to."""
	directory = Path("/tmp/main-job-%d" % time.monotonic_ns())
	directory.mkdir()
	os.chown(directory, NOBODY, NOBODY)
	return directory


def faults():
	"""DMA faults of the edu device in the kernel log."""
	log = run("dmesg").stdout
	return [l for l in log.splitlines() if "[DMA" in l and EDU[5:] in l]


def case_an_unprivileged_client_does_dma_both_ways():
	set_policy(rule(EDU))
	directory = scratch()
	pattern, out = pattern_file(directory), directory / "out"
	ctl("exec", EDU, "--", EDU_CLIENT, "dma", pattern, out, uid=NOBODY)
	equal(out.read_bytes(), pattern.read_bytes(), "what came back from the device")


def case_dma_outside_the_mapping_faults():
	set_policy(rule(EDU))
	before = len(faults())
	ctl("exec", EDU, "--", EDU_CLIENT, "fault", "0x900000", uid=NOBODY)
	wait_until(lambda: len(faults()) > before, "the IOMMU reports a fault of " + EDU)


def case_a_second_user_is_refused_with_busy():
	set_policy(rule(EDU, User="nobody daemon"))
	holder = start("devleasectl", "exec", EDU, "--", "sleep", "60")
	try:
		wait_until(leases, "the first client has its lease")
		refused = ctl("exec", EDU, "--", "true", uid=OTHER, status=4)
		check(EDU in refused.stderr, "the refusal names no device: " + refused.stderr)
		for secret in (leases()[0]["Id"], "65534", "nobody"):
			check(secret not in refused.stderr, "the refusal tells %s: %s" % (
				secret, refused.stderr))
	finally:
		stop(holder)


def case_a_sibling_on_a_host_driver_is_named():
	first, second = ROLES["conventional"]
	set_policy(rule(first))
	refused = ctl("exec", first, "--", "true", uid=NOBODY, status=3)
	for word in (first, second, driver(second)):
		check(word in refused.stderr, "%s is not named: %s" % (word, refused.stderr))


def case_without_a_rule_nobody_gets_a_device():
	set_policy("")
	ctl("exec", EDU, "--", "true", uid=NOBODY, status=3)
	equal(driver(EDU), None, "the driver after a refusal")


def case_a_device_of_a_host_driver_comes_back_to_it():
	nvme = ROLES["single"]
	set_policy(rule(nvme))
	equal(driver(nvme), "nvme", "the driver before")
	ctl("exec", nvme, "--", EDU_CLIENT, "config", uid=NOBODY)
	settled()
	equal(driver(nvme), "nvme", "the driver after")


def case_a_device_stays_on_vfio_where_the_policy_says_so():
	nvme = ROLES["single"]
	set_policy(rule(nvme, WhenFree="vfio"))
	equal(driver(nvme), "nvme", "the driver before")
	try:
		for n in range(2):
			ctl("exec", nvme, "--", EDU_CLIENT, "config", uid=NOBODY)
			settled()
			equal((driver(nvme), override(nvme)), ("vfio-pci", "(null)"),
				"driver and override after lease %d" % n)
	finally:
		unbind(nvme)
		bind(nvme, "nvme")


def case_an_override_of_the_admin_is_kept():
	path = PCI / EDU / "driver_override"
	path.write_text("vfio-pci\n")
	try:
		set_policy(rule(EDU))
		ctl("exec", EDU, "--", "true", uid=NOBODY)
		settled()
		equal(override(EDU), "vfio-pci", "the override after the lease")
	finally:
		path.write_text("\n")


def case_a_device_bound_by_hand_comes_back_to_that_driver():
	# As other tools do it: the override is gone by the time the device is leased.
	path = PCI / EDU / "driver_override"
	path.write_text("vfio-pci\n")
	Path("/sys/bus/pci/drivers_probe").write_text(EDU)
	path.write_text("\n")
	try:
		set_policy(rule(EDU))
		ctl("exec", EDU, "--", EDU_CLIENT, "config", uid=NOBODY)
		settled()
		equal((driver(EDU), override(EDU)), ("vfio-pci", "(null)"), "driver and override")
	finally:
		unbind(EDU)


def case_a_device_that_somebody_uses_is_not_taken():
	path = PCI / EDU / "driver_override"
	path.write_text("vfio-pci\n")
	Path("/sys/bus/pci/drivers_probe").write_text(EDU)
	group = (PCI / EDU / "iommu_group").resolve().name
	holder = os.open("/dev/vfio/" + group, os.O_RDWR)
	try:
		set_policy(rule(EDU))
		for handover in ("attached", "opened") if CDEV else ("attached",):
			refused = ctl("exec", EDU, "--handover=" + handover, "--", "true", uid=NOBODY,
				status=None)
			check(refused.returncode in (3, 125), "status %d" % refused.returncode)
			check(EDU in refused.stderr, "the device is not named: " + refused.stderr)
	finally:
		os.close(holder)
		unbind(EDU)
		path.write_text("\n")


def case_a_killed_client_gives_its_device_back():
	set_policy(rule(EDU))
	client = start("devleasectl", "exec", EDU, "--", EDU_CLIENT, "hold", "60")
	wait_until(leases, "the client has its lease")
	equal(driver(EDU), "vfio-pci", "the driver while leased")
	run("pkill", "-KILL", "-u", str(NOBODY))
	stop(client)
	settled()


def case_the_whole_slot_is_leased_at_once():
	slot = ROLES["slot"]
	# Nobody can list who draws from the virtio-rng, so a rule has to let it go.
	set_policy("".join(rule(d) for d in slot))
	refused = ctl("exec", *slot, "--", "true", uid=NOBODY, status=3)
	check(slot[2] in refused.stderr, "the function in use is not named: " + refused.stderr)
	set_policy("".join(rule(d) for d in slot[:2]) + rule(slot[2], HostUse="allow"))
	alone = ctl("explain", slot[0], uid=NOBODY, status=3)
	check(slot[1] in alone.stdout, "the sibling is not named:\n" + alone.stdout)
	ctl("exec", *slot, "--", EDU_CLIENT, "config", uid=NOBODY)


def case_a_device_without_reset_needs_tolerate():
	edu = ROLES["no-reset"]
	set_policy(rule(edu))
	ctl("exec", edu, "--", "true", uid=NOBODY, status=3)
	set_policy(rule(edu, ResetSet="tolerate", User="nobody daemon"))
	ctl("exec", edu, "--", "true", uid=NOBODY)
	settled()
	# Nobody knows what is left in it, so only the same user may have it again.
	ctl("exec", edu, "--", "true", uid=OTHER, status=3)
	ctl("exec", edu, "--", "true", uid=NOBODY)
	settled()
	ctl("clear", edu, uid=NOBODY, status=3)
	ctl("clear", edu)
	ctl("exec", edu, "--", "true", uid=OTHER)
	settled()
	ctl("clear", edu)


def case_a_quarantined_device_is_not_leased():
	set_policy(rule(EDU))
	ctl("quarantine", EDU)
	equal(json.loads(ctl("show", EDU, "--json=short").stdout)[0]["State"], "quarantined", "State")
	ctl("exec", EDU, "--", "true", uid=NOBODY, status=3)
	ctl("exec", EDU, "--", "true", status=3)
	ctl("clear", EDU)
	ctl("exec", EDU, "--", "true", uid=NOBODY)


def case_the_backend_that_is_asked_for_is_used():
	set_policy(rule(EDU))
	command = "echo $DEVLEASE_BACKEND"
	got = ctl("exec", EDU, "--backend=legacy", "--", "sh", "-c", command, uid=NOBODY).stdout.strip()
	equal(got, "legacy", "the backend")
	settled()
	status = 0 if CDEV else 3
	got = ctl("exec", EDU, "--backend=iommufd", "--", "sh", "-c", command, uid=NOBODY, status=None)
	check((got.returncode == 0) == CDEV, "iommufd: status %d: %s" % (got.returncode, got.stderr))


def case_the_journal_tells_it_and_verifies():
	set_policy(rule(EDU))
	ctl("exec", EDU, "--label=vm-17", "--", "true", uid=NOBODY)
	settled()
	events = [r for r in journal() if r.get("caller", {}).get("label") == "vm-17"]
	equal([r["event"] for r in events], ["lease.requested", "lease.granted", "lease.released"],
		"the events of the lease")
	equal(events[1]["devices"][0]["address"], EDU, "the device")
	equal(events[1]["uid"], NOBODY, "the uid")
	equal(events[1]["backend"], BACKEND, "the backend")
	ctl("audit", "verify")
	copy = Path("/tmp/journal-copy")
	copy.write_text(JOURNAL.read_text().replace("vm-17", "vm-18"))
	ctl("audit", "verify", copy, status=1)


def case_listings_are_json_and_tables():
	devices = json.loads(ctl("list", "--json=short").stdout)
	addresses = [d["Address"] for d in devices]
	for address in (EDU, ROLES["single"], *ROLES["slot"]):
		check(address in addresses, "%s is not listed" % address)
	for verb in (["list"], ["show", EDU], ["tree"], ["leases"], ["audit"]):
		done = ctl(*verb, uid=0)
		long = [l for l in done.stdout.splitlines() if len(l) > 200]
		check(not long, "very long lines in %s: %s" % (verb, long[:1]))
	equal(json.loads(ctl("leases", "--json=short").stdout), [], "leases when there are none")


main(globals())
