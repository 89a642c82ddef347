# SPDX-License-Identifier: LGPL-2.1-or-later
"""The running daemon's introspection is what dbus/*.xml says, no less and no more."""
import os
import xml.etree.ElementTree as ElementTree

import case
from buses import SOURCE
from client import DEVICE, LEASE, MANAGER, PATH, device_path

EMITS = "org.freedesktop.DBus.Property.EmitsChangedSignal"
STANDARD = {"org.freedesktop.DBus." + n
            for n in ("Peer", "Introspectable", "Properties", "ObjectManager")}


def annotations(element):
    return {a.get("name"): a.get("value") for a in element.findall("annotation")}


def arguments(element, default):
    return [(a.get("name"), a.get("type"), a.get("direction", default))
            for a in element.findall("arg")]


def contract(interface):
    """An interface as plain values; what is left out in one XML and is the default is filled."""
    result = {"interface": annotations(interface)}
    for method in interface.findall("method"):
        result["method " + method.get("name")] = (arguments(method, "in"), annotations(method))
    for signal in interface.findall("signal"):
        result["signal " + signal.get("name")] = (arguments(signal, "out"), annotations(signal))
    for prop in interface.findall("property"):
        notes = annotations(prop)
        notes.setdefault(EMITS, "true")
        result["property " + prop.get("name")] = (prop.get("type"), prop.get("access"), notes)
    return result


class Introspection(case.BusTest):
    def setUp(self):
        super().setUp()
        self.daemon()
        self.root = self.client()

    def compare(self, path, name):
        text = self.root.call(path, "org.freedesktop.DBus.Introspectable", "Introspect")[0]
        running = {i.get("name"): i for i in ElementTree.fromstring(text).findall("interface")}
        written = ElementTree.parse(os.path.join(SOURCE, "dbus", name + ".xml"))
        written = {i.get("name"): i for i in written.getroot().findall("interface")}
        self.assertEqual(set(written), {name})
        self.assertEqual(set(running) - STANDARD, {name}, path)
        self.maxDiff = None
        self.assertEqual(contract(running[name]), contract(written[name]))

    def test_manager(self):
        self.compare(PATH, MANAGER)

    def test_device(self):
        self.compare(device_path("0000:01:00.0"), DEVICE)

    def test_lease(self):
        lease = self.root.acquire(["0000:0c:00.0"])
        self.addCleanup(lease.close)
        self.compare(lease.path, LEASE)

    def test_paths(self):
        """The objects that a client finds by walking down are those that there are."""
        text = self.root.call(PATH + "/device", "org.freedesktop.DBus.Introspectable",
                              "Introspect")[0]
        names = {n.get("name") for n in ElementTree.fromstring(text).findall("node")}
        devices = {device_path(a).rsplit("/", 1)[1] for a in self.root.list_devices()}
        self.assertEqual(names, devices)


if __name__ == "__main__":
    case.main()
