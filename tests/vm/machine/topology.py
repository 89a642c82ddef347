# SPDX-License-Identifier: LGPL-2.1-or-later
# A topology is one tree of PCI devices, from which come QEMU's arguments and every address, so
# the two cannot disagree. The firmware numbers buses depth first in the order of the slots; the
# self test compares the result with the running machine.
import importlib.util
import re
import subprocess

from . import VM, Failure

LIST_ROLES = {"slot", "split-slot", "conventional", "switch"}
DISK_SIZE = 64 << 20


class Node:
	"""One function: a device, or a bridge with children on its secondary bus."""

	def __init__(self, model, name, at=0, fn=0, role=None, disk=None, children=None,
		     before=(), **options):
		self.model, self.name, self.at, self.fn = model, name, at, fn
		self.role, self.disk, self.children = role, disk, children
		self.before, self.options = before, options
		self.address = self.bus = None

	def argument(self):
		options = {"id": self.name, "bus": self.bus, "addr": "0x%x.%d" % (self.at, self.fn)}
		options.update(self.options)
		return ",".join([self.model] + ["%s=%s" % i for i in options.items()])


def port(at, name, *children, **more):
	"""A root port. With QEMU's default link speed the link does not come back after a
	secondary bus reset, and a hot reset then fails with ENOTTY."""
	options = {"chassis": at, "slot": at, "x-speed": "2_5", "x-width": 1}
	return Node("pcie-root-port", name, at, children=list(children), **options, **more)


class Topology:
	def __init__(self, name, models):
		path = VM / "topology" / (name + ".py")
		if not re.fullmatch(r"[a-z0-9-]+", name) or not path.exists():
			known = ", ".join(sorted(p.stem for p in path.parent.glob("*.py")))
			raise Failure("no topology '%s'; there are: %s" % (name, known))
		spec = importlib.util.spec_from_file_location("topology", path)
		module = importlib.util.module_from_spec(spec)
		spec.loader.exec_module(module)
		self.missing = []
		self.nodes = []
		self.last_bus = 0
		self._number(module.NODES, 0, "pcie.0", models)

	def _number(self, nodes, bus, bus_name, models):
		for node in sorted(nodes, key=lambda n: (n.at, n.fn)):
			if node.model not in models:
				self.missing.append(node)
				continue
			node.address = "0000:%02x:%02x.%d" % (bus, node.at, node.fn)
			node.bus = bus_name
			self.nodes.append(node)
			if node.children is not None:
				self.last_bus += 1
				self._number(node.children, self.last_bus, node.name, models)

	def roles(self):
		"""Addresses by role; a role that misses one of its devices is left out."""
		roles, missing = {}, {n.role for n in self.missing}
		for node in self.nodes:
			if not node.role or node.role in missing:
				continue
			if node.role in LIST_ROLES:
				roles.setdefault(node.role, []).append(node.address)
			else:
				roles[node.role] = node.address
		return roles

	def arguments(self, directory):
		"""QEMU's arguments; disks become sparse files in directory."""
		args = []
		for node in self.nodes:
			if node.disk:
				image = directory / (node.name + ".img")
				with open(image, "wb") as f:
					f.truncate(DISK_SIZE)
				args += ["-drive", "if=none,id=%s-disk,format=raw,cache=unsafe,"
					 "file=%s" % (node.name, image)]
			for extra in node.before:
				args += ["-device", extra]
			own = ",drive=%s-disk" % node.name if node.disk == "own" else ""
			args += ["-device", node.argument() + own]
			if node.disk == "namespace":
				args += ["-device", "nvme-ns,drive=%s-disk,nsid=1,shared=on,bus=%s"
					 % (node.name, node.name)]
		return args


def known_models(qemu):
	"""The device models that this QEMU has."""
	out = subprocess.run([qemu, "-device", "help"], capture_output=True, text=True, check=True)
	return set(re.findall(r'name "([^"]+)"', out.stdout))
