# SPDX-License-Identifier: LGPL-2.1-or-later
"""No-IOMMU mode is refused on every path. Run with --append=intel_iommu=off: no device of the
machine is behind an IOMMU then. A kernel with CONFIG_VFIO_NOIOMMU has the mode switched on."""
import os

from harness import *

EDU = ROLES["single-dma"]
MODE = Path("/sys/module/vfio/parameters/enable_unsafe_noiommu_mode")
GROUPS = Path("/dev/vfio")


def refused(*options):
	done = ctl("exec", *options, EDU, "--", "true", status=3)
	check("is behind no IOMMU" in done.stderr and EDU in done.stderr, done.stderr)


def refused_on_every_path():
	refused()
	for backend in ("iommufd", "legacy"):
		refused("--backend=" + backend)
	refused("--handover=opened")
	refused("--reset-set=tolerate")
	found = json.loads(ctl("explain", EDU, "--json=short", status=3).stdout)
	check(any(f["code"] == "isolation.no-iommu" and f["severity"] == "refuse" for f in found),
		"%s" % found)
	equal(json.loads(ctl("show", EDU, "--json=short").stdout)[0]["Isolation"], "none", "Isolation")


def case_without_an_iommu():
	check(not list(Path("/sys/class/iommu").iterdir()), "the machine has an IOMMU")
	refused_on_every_path()


def case_with_the_mode_switched_on():
	"""vfio-pci makes a group for the device then, and a node that root can open."""
	if not MODE.exists():
		skip("this kernel is built without no-IOMMU mode")
	MODE.write_text("1")
	(PCI / EDU / "driver_override").write_text("vfio-pci")
	try:
		Path("/sys/bus/pci/drivers_probe").write_text(EDU)
		equal(driver(EDU), "vfio-pci", "the driver")
		group = os.path.basename(os.readlink(PCI / EDU / "iommu_group"))
		check((GROUPS / ("noiommu-" + group)).exists(), "%s" % list(GROUPS.iterdir()))
		wait_until(lambda: json.loads(ctl("show", EDU, "--json=short").stdout)[0]["Driver"] ==
			"vfio-pci", "the daemon knows of it")
		refused_on_every_path()
		check(not leases(), "a lease")
	finally:
		unbind(EDU)
		(PCI / EDU / "driver_override").write_text("\n")
		MODE.write_text("0")


main(globals())
