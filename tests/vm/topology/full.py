# SPDX-License-Identifier: LGPL-2.1-or-later
# One of every kind of device that decides something: alone, in a shared slot, behind a
# conventional bridge, behind a switch, with virtual functions, without any reset.
# New ports go after the last one, so that the bus numbers of the others stay.
from machine.topology import Node, port

EDU = {"dma_mask": "0xffffffffffffffff"}
NIC = {"romfile": ""}
VIRTIO = {"iommu_platform": "on", "disable-legacy": "on"}

# Controllers that give a physical function its virtual ones.
NVME_PF = {"subsys": "subsys0", "sriov_max_vfs": 4, "sriov_vq_flexible": 8,
	   "sriov_vi_flexible": 4, "max_ioqpairs": 10, "msix_qsize": 9}


def nvme(name, **more):
	return Node("nvme", name, disk="own", serial=name, **more)


def downstream(at, name, child):
	return Node("xio3130-downstream", name, at, children=[child], chassis=0x40 + at, slot=at)


NODES = [
	port(0x10, "rp-single", nvme("nvme-single", role="single")),
	port(0x11, "rp-slot",
	     Node("e1000e", "slot0", fn=0, role="slot", multifunction="on", **NIC),
	     Node("e1000e", "slot1", fn=1, role="slot", **NIC),
	     Node("virtio-rng-pci", "slot2", fn=2, role="slot", **VIRTIO)),
	port(0x12, "rp-conventional",
	     Node("pcie-pci-bridge", "conv", children=[
		     Node("edu", "conv-edu", 1, role="conventional", **EDU),
		     Node("e1000", "conv-e1000", 2, role="conventional", **NIC)])),
	port(0x13, "rp-switch",
	     Node("x3130-upstream", "switch", children=[
		     downstream(0, "switch-down0", nvme("switch-nvme", role="switch")),
		     downstream(1, "switch-down1",
				Node("e1000e", "switch-e1000e", role="switch", **NIC)),
		     downstream(2, "switch-down2",
				Node("virtio-net-pci", "switch-net", role="switch",
				     **VIRTIO, **NIC))])),
	port(0x14, "rp-igb", Node("igb", "igb-pf", role="pf-igb", **NIC)),
	port(0x15, "rp-nvme-pf",
	     Node("nvme", "nvme-pf", role="pf-nvme", disk="namespace", serial="nvme-pf",
		  before=["nvme-subsys,id=subsys0,nqn=subsys0"], **NVME_PF)),
	Node("edu", "edu-root0", 0x16, role="no-reset", **EDU),
	Node("edu", "edu-root1", 0x17, **EDU),
	port(0x18, "rp-dma", Node("edu", "edu-dma", role="single-dma", **EDU)),
	port(0x19, "rp-hotplug", role="hotplug-port"),
	Node("pci-testdev", "testdev", 0x1a),
	port(0x1b, "rp-split",
	     Node("e1000e", "split0", fn=0, role="split-slot", multifunction="on", **NIC),
	     Node("igb", "split1", fn=1, role="split-slot", **NIC)),
]
