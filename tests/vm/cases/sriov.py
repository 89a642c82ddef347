# SPDX-License-Identifier: LGPL-2.1-or-later
"""A PF and its VFs are one trust domain: what one lease takes, the other side is kept from."""
from contextlib import contextmanager

from harness import *


def vfs_of(pf):
	return sorted(link.resolve().name for link in (PCI / pf).glob("virtfn*"))


def shown(address):
	return json.loads(ctl("show", address, "--json=short").stdout)[0]


@contextmanager
def virtual_functions(pf, n):
	"""n VFs without a driver, which the daemon knows of."""
	(PCI / pf / "sriov_drivers_autoprobe").write_text("0")
	(PCI / pf / "sriov_numvfs").write_text(str(n))
	try:
		vfs = vfs_of(pf)
		equal(len(vfs), n, "the number of VFs")
		wait_until(lambda: shown(pf)["VirtualFunctions"] == vfs, "the PF lists its VFs")
		yield vfs
	finally:
		settled()
		(PCI / pf / "sriov_numvfs").write_text("0")
		(PCI / pf / "sriov_drivers_autoprobe").write_text("1")
		wait_until(lambda: shown(pf)["VirtualFunctions"] == [], "the PF lists no VFs")


def rules(*addresses):
	return "".join(rule(a, HostUse="allow") for a in addresses)


def case_vfs_that_would_keep_vfio_pci_off():
	"""vfio-pci takes no PF with VFs. A driver may take them down when it is unbound; without one,
	nobody does."""
	pf = ROLES["pf-nvme"]
	with virtual_functions(pf, 2) as vfs:
		set_policy(rules(pf, *vfs))
		found = json.loads(ctl("explain", pf, "--json=short").stdout)
		check([f for f in found if f["code"] == "sriov.vfs-enabled" and f["severity"] == "warn"],
			"%s" % found)
		unbind(pf)
		try:
			wait_until(lambda: shown(pf)["Driver"] == "", "the PF has no driver")
			refused = ctl("exec", pf, "--", "true", status=3)
			check("set sriov_numvfs to 0" in refused.stderr, refused.stderr)
		finally:
			bind(pf, "nvme")


def case_a_pf_whose_vfs_vanish_with_its_driver():
	"""The igb driver takes its VFs down with it: a lease outlives what was reserved with it."""
	pf = ROLES.get("pf-igb")
	if not pf:
		print("this QEMU has no igb")
		return
	with virtual_functions(pf, 2) as vfs:
		set_policy(rules(pf))
		lease = Lease(pf)
		equal(shown(pf)["State"], "leased", "the state of the PF")
		lease.close()
		settled()
		equal(shown(pf)["State"], "free", "the state of the PF")
		equal(driver(pf), "igb", "the driver of the PF")


def case_a_vf_in_use_keeps_its_pf():
	pf = ROLES["pf-nvme"]
	with virtual_functions(pf, 2) as vfs:
		set_policy(rules(pf, *vfs))
		lease = Lease(vfs[0])
		try:
			refused = ctl("exec", pf, "--", "true", status=3)
			check("its VF %s belongs to a lease" % vfs[0] in refused.stderr, refused.stderr)
			ctl("exec", vfs[1], "--", "true")
		finally:
			lease.close()


main(globals())
