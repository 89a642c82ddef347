# SPDX-License-Identifier: LGPL-2.1-or-later
"""Isolation with its reasons, as the real kernel's groups and configuration space have them."""
from harness import *

SINGLE, SLOT, SWITCH = ROLES["single"], ROLES["slot"], ROLES["switch"]
CONVENTIONAL, EDU = ROLES["conventional"], ROLES["single-dma"]
SWITCHES = [Path("/sys/module") / m / "parameters/allow_unsafe_interrupts"
	for m in ("vfio_iommu_type1", "iommufd")]


def explain(*devices, **options):
	"""Findings by code: lists of texts."""
	words = ["--%s=%s" % o for o in options.items()]
	done = ctl("explain", "--json=short", *words, *devices, status=None)
	found = {}
	for f in json.loads(done.stdout):
		found.setdefault(f["code"], []).append(f["text"])
	return found


def group(address):
	return (PCI / address / "iommu_group").resolve()


def isolation(address):
	return json.loads(ctl("show", address, "--json=short").stdout)[0]["Isolation"]


def case_root_ports_have_acs():
	found = explain(SINGLE)
	check("isolation.no-acs" not in found, "%s" % found)
	check("isolation.alone" in found, "%s" % found)
	equal(isolation(SINGLE), "strict", "Isolation of a device that is alone")


def case_a_switch_without_acs_is_named():
	for address in SWITCH:
		port = (PCI / address).resolve().parent.name
		wait_until(lambda: "isolation.no-acs" in explain(address), "a reason for %s" % address)
		text = explain(address)["isolation.no-acs"][0]
		check(text.startswith("downstream port %s lacks ACS source validation" % port), text)


def case_a_slot_without_acs_is_named():
	for address in SLOT:
		equal(explain(*SLOT)["isolation.no-acs"], ["its slot lacks ACS between its functions"] * 3,
			"the reason of %s" % address)
		equal(isolation(address), "group", "Isolation")


def case_conventional_pci_is_named():
	bridge = (PCI / CONVENTIONAL[0]).resolve().parent.name
	equal(explain(CONVENTIONAL[0])["isolation.conventional"],
		["is on conventional PCI below the bridge %s" % bridge], "the reason")


def case_strict_is_refused_with_unsafe_interrupts():
	found = 0
	for switch in SWITCHES:
		if not switch.exists():
			continue
		found += 1
		check("isolation.strict" in explain(SINGLE, isolation="strict"), "strict at first")
		switch.write_text("Y")
		try:
			codes = explain(SINGLE, isolation="strict")
			check("isolation.unsafe-interrupts" in codes, "%s" % codes)
			check(switch.parts[3] in codes["isolation.unsafe-interrupts"][0], "%s" % codes)
			check("isolation.weak" in explain(SINGLE), "a warning without strict")
			ctl("exec", "--isolation=strict", SINGLE, "--", "true", status=3)
		finally:
			switch.write_text("N")
		check("isolation.strict" in explain(SINGLE, isolation="strict"), "strict again")
	check(found > 0, "no module has the switch")


def case_passthrough_is_told():
	before = driver(EDU)
	unbind(EDU)
	kind = group(EDU) / "type"
	check("isolation.passthrough" not in explain(EDU), "translated at first")
	was = kind.read_text().strip()
	kind.write_text("identity")
	try:
		# No event tells of it; the next one of the device does.
		(PCI / EDU / "uevent").write_text("change")
		wait_until(lambda: "isolation.passthrough" in explain(EDU), "passthrough is told")
	finally:
		kind.write_text(was)
		(PCI / EDU / "uevent").write_text("change")
		if before:
			bind(EDU, before)
	wait_until(lambda: "isolation.passthrough" not in explain(EDU), "translated again")


main(globals())
