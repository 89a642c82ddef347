#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A stand-in for devleased with canned replies, for the tests of devleasectl alone.

It takes its interfaces from dbus/*.xml, so a call that does not fit the contract fails here too.
Every call is written to the log file as one JSON line; so is the end of a hold.
"""
import json
import os
import sys

from gi.repository import Gio, GLib

PATH = "/org/devlease1"
ERROR = "org.devlease1.Error."

# What Acquire answers for these addresses.
REFUSALS = {
    "0000:04:01.0": ("NotIsolated", "0000:04:01.0: shares IOMMU group 5 with 0000:04:02.0, which "
                     "the driver e1000 uses (add 0000:04:02.0 to the request)\n"
                     "0000:04:01.0: second reason \x1b[31mred"),
    "0000:05:00.0": ("Busy", "0000:05:00.0: leased by another user"),
    "0000:06:00.0": ("Denied", "0000:06:00.0: no rule allows it"),
    "0000:06:00.1": ("ResetSetShared", "0000:06:00.1: reset set shared"),
    "0000:06:00.2": ("InUse", "0000:06:00.2: mounted file system"),
    "0000:06:00.3": ("Quarantined", "0000:06:00.3: quarantined"),
    "0000:06:00.4": ("LimitsExceeded", "0000:06:00.4: too many leases"),
    "0000:06:00.5": ("NotSupported", "0000:06:00.5: not supported"),
    "0000:06:00.6": ("NoSuchDevice", "0000:06:00.6: no such device"),
}


def device(address, **more):
    values = {
        "Address": ("s", address), "Modalias": ("s", "pci:v00001234d000011E8"),
        "VendorId": ("q", 0x1234), "DeviceId": ("q", 0x11e8), "Class": ("u", 0x00ff00),
        "VendorName": ("s", ""), "ModelName": ("s", ""), "Driver": ("s", ""),
        "OriginalDriver": ("s", ""), "IommuGroup": ("i", 1), "GroupDevices": ("as", [address]),
        "ResetSet": ("as", [address]), "ResetMethods": ("as", ["bus"]),
        "Isolation": ("s", "strict"), "NumaNode": ("i", -1), "PhysicalFunction": ("s", ""),
        "VirtualFunctions": ("as", []), "State": ("s", "free"), "HostUse": ("as", []),
    }
    for key, value in more.items():
        values[key] = (values[key][0], value)
    return {key: GLib.Variant(*value) for key, value in values.items()}


SLOT = ["0000:02:00.0", "0000:02:00.1"]
DEVICES = [
    device("0000:0c:00.0", IommuGroup=12),
    device("0000:01:00.0", VendorName="Red Hat, Inc.", ModelName="QEMU NVM Express Controller",
           Driver="nvme", OriginalDriver="nvme", IommuGroup=3, ResetMethods=["flr", "bus"],
           HostUse=["mounted", "open"]),
    device(SLOT[0], VendorName="Intel Corporation", IommuGroup=4, GroupDevices=SLOT,
           ModelName="82574L Gigabit Network Connection with a name that goes on and on",
           ResetSet=SLOT, Driver="vfio-pci", OriginalDriver="e1000e", State="leased"),
    device(SLOT[1], ModelName="evil \x1b[31m model", IommuGroup=4, GroupDevices=SLOT,
           ResetSet=SLOT, Driver="vfio-pci", State="reserved", ResetMethods=[]),
    device("0000:00:16.0", IommuGroup=-1, ResetMethods=[]),
]


def path_encode(prefix, name):
    out = ""
    for i, char in enumerate(name):
        plain = char.isascii() and (char.isalpha() or (char.isdigit() and i > 0))
        out += char if plain else "_%02x" % ord(char)
    return f"{PATH}/{prefix}/{out}"


class Standin:
    def __init__(self, connection, log, interfaces):
        self.connection, self.log, self.interfaces = connection, log, interfaces
        self.leases, self.objects = {}, {}
        self.next_id = 0
        self.export(PATH, "Manager", self.manager)
        for one in DEVICES:
            address = one["Address"].get_string()
            self.export(path_encode("device", address), "Device", None, one)

    def export(self, path, name, call, properties=None):
        def on_call(_connection, _sender, _path, _interface, method, arguments, invocation):
            flags = invocation.get_message().get_flags()
            self.write(path=path, method=method, arguments=arguments.unpack(), interactive=bool(
                flags & Gio.DBusMessageFlags.ALLOW_INTERACTIVE_AUTHORIZATION))
            try:
                call(method, arguments.unpack(), invocation, path)
            except Exception as error:  # a canned reply that does not fit is for the test to see
                invocation.return_dbus_error("org.freedesktop.DBus.Error.Failed", repr(error))

        def on_get(_connection, _sender, _path, _interface, name):
            return (properties or {"Version": GLib.Variant("s", "0")})[name]

        self.objects[path] = self.connection.register_object(
            path, self.interfaces["org.devlease1." + name], on_call, on_get, None)

    def write(self, **what):
        self.log.write(json.dumps(what) + "\n")
        self.log.flush()

    def manager(self, method, arguments, invocation, _path):
        getattr(self, method)(arguments, invocation)

    def refusal(self, addresses, invocation):
        for address in addresses:
            if address in REFUSALS:
                name, message = REFUSALS[address]
                invocation.return_dbus_error(ERROR + name, message)
                return True
        return False

    def ListDevices(self, arguments, invocation):
        (filters,) = arguments
        found = [one for one in DEVICES
                 if all(one[key].unpack() == value for key, value in filters.items())]
        invocation.return_value(GLib.Variant("(aa{sv})", (found,)))

    def GetDevice(self, arguments, invocation):
        if arguments[0] not in [one["Address"].get_string() for one in DEVICES]:
            invocation.return_dbus_error(ERROR + "NoSuchDevice", f"{arguments[0]}: no such device")
        else:
            path = path_encode("device", arguments[0])
            invocation.return_value(GLib.Variant("(o)", (path,)))

    def Explain(self, arguments, invocation):
        addresses, _options = arguments
        findings = [{"severity": "ok", "code": "access.allowed", "device": addresses[0],
                     "text": "rule lab allows it", "help": ""}]
        verdict = "ask" if addresses[0] == "0000:00:16.0" else "allow"
        if addresses[0] in REFUSALS:
            verdict = "deny"
            findings = [{"severity": "ok", "code": "backend.chosen", "device": "",
                         "text": "the lease runs on the backend iommufd", "help": ""}]
            findings += [{"severity": "refuse", "code": code, "device": addresses[0],
                          "text": "0000:04:02.0 in the same %s, which the driver e1000 uses" % what,
                          "help": "add 0000:04:02.0 to the request"}
                         for code, what in (("group.host-driver", "IOMMU group"),
                                            ("reset-set.shared", "reset set"))]
        findings = [{k: GLib.Variant("s", v) for k, v in f.items()} for f in findings]
        invocation.return_value(GLib.Variant("(saa{sv})", (verdict, findings)))

    def ListLeases(self, _arguments, invocation):
        leases = [{"Id": GLib.Variant("s", lease), "Devices": GLib.Variant("as", SLOT),
                   "Owner": GLib.Variant("(uuss)", (os.getuid(), 7, "", "vm1")),
                   "Handover": GLib.Variant("s", "attached"),
                   "Backend": GLib.Variant("s", "iommufd"), "State": GLib.Variant("s", "active"),
                   "ResetSetOwned": GLib.Variant("b", True),
                   "Since": GLib.Variant("t", 1700000000000000)} for lease in self.leases]
        invocation.return_value(GLib.Variant("(aa{sv})", (leases,)))

    def Reload(self, _arguments, invocation):
        invocation.return_dbus_error("org.freedesktop.DBus.Error.Failed",
                                     "50-x.conf:3:1: error: no")

    def Acquire(self, arguments, invocation):
        addresses, options = arguments
        if self.refusal(addresses, invocation):
            return
        self.next_id += 1
        lease = f"l{self.next_id}"
        read_end, write_end = os.pipe()
        GLib.io_add_watch(read_end, GLib.IO_HUP, lambda *_: self.write(hold_ended=lease))
        self.leases[lease] = addresses
        fds = Gio.UnixFDList.new()
        # append() duplicates: the message has the only copies then.
        named = {"hold": write_end, "iommu": os.open("/dev/null", os.O_RDONLY)}
        if len(addresses) + 2 <= 16:
            named.update({address: self.device_fd(address) for address in addresses})
        handles = {name: fds.append(fd) for name, fd in named.items()}
        for fd in named.values():
            os.close(fd)
        backend = options.get("backend", "iommufd")
        info = {"backend": GLib.Variant("s", backend),
                "handover": GLib.Variant("s", options.get("handover", "attached")),
                "devices": GLib.Variant("a{sv}", {
                    address: GLib.Variant("a{sv}", {"dev-id": GLib.Variant("u", 1)})
                    for address in addresses})}
        if backend == "iommufd":
            info["ioas-id"] = GLib.Variant("u", 9)
        path = path_encode("lease", lease)
        self.export(path, "Lease", self.lease)
        for address in addresses:
            changed = ("org.devlease1.Device", {"State": GLib.Variant("s", "leased")}, [])
            self.connection.emit_signal(None, path_encode("device", address),
                                        "org.freedesktop.DBus.Properties", "PropertiesChanged",
                                        GLib.Variant("(sa{sv}as)", changed))
            self.connection.emit_signal(None, PATH, "org.freedesktop.DBus.ObjectManager",
                                        "InterfacesRemoved",
                                        GLib.Variant("(oas)", (path_encode("device", address), [])))
        invocation.return_value_with_unix_fd_list(
            GLib.Variant("(oa{sh}a{sv})", (path, handles, info)), fds)

    @staticmethod
    def device_fd(address):
        """A file with the address in it, so that the test sees which fd it got."""
        fd = os.memfd_create("device")
        os.write(fd, address.encode())
        return fd

    def lease(self, method, arguments, invocation, path):
        if method == "OpenDevice":
            fds = Gio.UnixFDList.new()
            fd = self.device_fd(arguments[0])
            handle = fds.append(fd)
            os.close(fd)
            invocation.return_value_with_unix_fd_list(GLib.Variant("(ha{sv})", (handle, {})), fds)
        else:
            if method == "Release":
                self.connection.unregister_object(self.objects.pop(path))
            invocation.return_value(None)


def main():
    address, log, *files = sys.argv[1:]
    interfaces = {}
    for file in files:
        with open(file, encoding="utf-8") as text:
            for interface in Gio.DBusNodeInfo.new_for_xml(text.read()).interfaces:
                interfaces[interface.name] = interface
    connection = Gio.DBusConnection.new_for_address_sync(
        address, Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT |
        Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION, None, None)
    with open(log, "w", encoding="utf-8") as log_file:
        Standin(connection, log_file, interfaces)
        Gio.bus_own_name_on_connection(connection, "org.devlease1", Gio.BusNameOwnerFlags.NONE,
                                       lambda *_: print("ready", flush=True), None)
        GLib.MainLoop().run()


if __name__ == "__main__":
    main()
