# SPDX-License-Identifier: LGPL-2.1-or-later
# Runs in the test machine: compares the addresses by role, given as JSON, with what the kernel
# shows in sysfs. Prints "ok", "no" or "skip", a tab and the claim, one line for each.
import json
import os
import sys

PCI = "/sys/bus/pci/devices/"
NVME, NETWORK, EDU = "0x010802", "0x020000", ("0x1234", "0x11e8")

roles = json.loads(sys.argv[1])


def attribute(address, name):
	try:
		with open(PCI + address + "/" + name) as f:
			return f.read().strip()
	except OSError:
		return None


def ids(address):
	return attribute(address, "vendor"), attribute(address, "device")


def group(address):
	try:
		link = os.readlink(PCI + address + "/iommu_group")
	except OSError:
		return None
	return sorted(os.listdir("/sys/kernel/iommu_groups/%s/devices" % os.path.basename(link)))


def parent(address):
	return os.path.basename(os.path.dirname(os.path.realpath(PCI + address)))


def methods(address):
	return (attribute(address, "reset_method") or "").split()


def has_class(address, wanted):
	return attribute(address, "class") == wanted


def below_port(address):
	return (attribute(parent(address), "class") or "").startswith("0x0604")


def alone(address):
	"""No other endpoint in the group; a bridge may be in it."""
	return [a for a in group(address) or [] if not has_class(a, "0x060400")] == [address]


def say(claim, holds):
	print("%s\t%s" % ("ok" if holds else "no", claim))


def single(a):
	say("single is an nvme", has_class(a, NVME))
	say("single is alone in its group", group(a) == [a])
	say("single has flr and bus reset", methods(a) == ["flr", "bus"])
	say("single is behind a port", below_port(a))


def single_dma(a):
	say("single-dma is an edu", ids(a) == EDU)
	say("single-dma is alone in its group", group(a) == [a])
	say("single-dma has bus reset only", methods(a) == ["bus"])


def no_reset(a):
	say("no-reset is an edu", ids(a) == EDU)
	say("no-reset has no reset method", methods(a) == [])
	say("no-reset is on the root bus", parent(a) == "pci0000:00")


def slot(all):
	say("slot has three functions of one slot",
	    len(all) == 3 and len({a[:-2] for a in all}) == 1)
	say("slot is one group", group(all[0]) == sorted(all))


def split_slot(all):
	say("split-slot is one slot", len(all) == 2 and len({a[:-2] for a in all}) == 1)
	say("split-slot is two groups", [group(a) for a in all] == [[a] for a in all])


def conventional(all):
	say("conventional devices share a bus",
	    len(all) == 2 and len({parent(a) for a in all}) == 1)
	say("conventional is one group with its bridge",
	    group(all[0]) == sorted(all + [parent(all[0])]))
	say("one conventional device is an edu", ids(all[0]) == EDU)
	say("another is on a host driver",
	    os.path.exists(PCI + all[1] + "/driver") and has_class(all[1], NETWORK))


def switch(all):
	say("switch has three endpoints", len(all) == 3)
	say("each is alone in its group but for its port", [alone(a) for a in all] == [True] * 3)
	say("they are below one upstream port", len({parent(parent(a)) for a in all}) == 1)
	say("they are nvme, network, network",
	    [attribute(a, "class") for a in all] == [NVME, NETWORK, NETWORK])


def pf(name, wanted, least):
	def test(a):
		say("%s has its class" % name, has_class(a, wanted))
		say("%s can have VFs" % name, int(attribute(a, "sriov_totalvfs") or 0) >= least)
		say("%s is alone in its group" % name, group(a) == [a])
	return test


def hotplug(a):
	say("hotplug-port is a bridge", has_class(a, "0x060400"))
	say("hotplug-port is empty", not [e for e in os.listdir(PCI + a) if os.path.exists(PCI + e)])


TESTS = {
	"single": single, "single-dma": single_dma, "no-reset": no_reset, "slot": slot,
	"split-slot": split_slot, "conventional": conventional, "switch": switch,
	"pf-igb": pf("pf-igb", NETWORK, 7), "pf-nvme": pf("pf-nvme", NVME, 4),
	"hotplug-port": hotplug,
}
for role, test in TESTS.items():
	if role in roles:
		test(roles[role])
	else:
		print("skip\trole %s" % role)
say("every role is known here", set(roles) <= set(TESTS))
