# SPDX-License-Identifier: LGPL-2.1-or-later
"""A client of the daemon, of any uid, in the process of the test.

The bus asks the kernel who connects at the moment of the connect, so the test takes that uid for
as long as that. Where a test needs a process of its own, there is holder.py.
"""
import os
import time

from gi.repository import Gio, GLib

NAME = "org.devlease1"
PATH = "/org/devlease1"
MANAGER = NAME + ".Manager"
DEVICE = NAME + ".Device"
LEASE = NAME + ".Lease"
ERROR = NAME + ".Error."
INVALID_ARGS = "org.freedesktop.DBus.Error.InvalidArgs"

OPTION_TYPES = {"for-uid": "u"}


class Refused(Exception):
    """An error reply; name and message as on the bus."""

    def __init__(self, name, message):
        super().__init__(name + ": " + message)
        self.name = name
        self.message = message


def device_path(address):
    escaped = "".join(c if c.isalnum() else "_%02x" % ord(c) for c in address)
    if escaped[0].isdigit():
        escaped = "_%02x" % ord(escaped[0]) + escaped[1:]
    return PATH + "/device/" + escaped


def options(**values):
    """Options as a{sv}: strings, but for the ones known to be something else."""
    result = {}
    for key, value in values.items():
        key = key.replace("_", "-")
        if not isinstance(value, GLib.Variant):
            value = GLib.Variant(OPTION_TYPES.get(key, "s"), value)
        result[key] = value
    return result


class Lease:
    """What Acquire gave: path, fds by name (owned by this object), info."""

    def __init__(self, client, path, fds, info):
        self.client, self.path, self.fds, self.info = client, path, fds, info
        self.id = path.rsplit("/", 1)[1]

    def close(self):
        for fd in self.fds.values():
            os.close(fd)
        self.fds = {}

    def release(self):
        """Keeps the hold until the end, so that it is Release that ends the lease."""
        hold = self.fds.pop("hold")
        self.close()
        try:
            self.client.call(self.path, LEASE, "Release")
        finally:
            os.close(hold)

    def get(self, name):
        return self.client.get(self.path, LEASE, name)


class Client:
    def __init__(self, address, uid=0):
        self.uid = uid
        flags = (Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT |
                 Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION)
        if uid:
            os.setresuid(uid, uid, 0)
        try:
            self.connection = Gio.DBusConnection.new_for_address_sync(address, flags, None, None)
        finally:
            if uid:
                os.setresuid(0, 0, 0)
        self.name = self.connection.get_unique_name()

    def close(self):
        if not self.connection.is_closed():
            self.connection.close_sync(None)

    def send(self, message, timeout=30):
        """Sends a method call; the reply's body and fds (the caller's), or Refused."""
        reply, _ = self.connection.send_message_with_reply_sync(
            message, Gio.DBusSendMessageFlags.NONE, int(timeout * 1000), None)
        fds = reply.get_unix_fd_list()
        body = reply.get_body()
        if reply.get_message_type() == Gio.DBusMessageType.ERROR:
            raise Refused(reply.get_error_name(), body.unpack()[0] if body else "")
        return body.unpack() if body else (), fds.steal_fds() if fds else []

    def message(self, path, interface, method, body=None, destination=NAME):
        m = Gio.DBusMessage.new_method_call(destination, path, interface, method)
        if body is not None:
            m.set_body(body)
        return m

    def call(self, path, interface, method, body=None, timeout=30, destination=NAME):
        return self.send(self.message(path, interface, method, body, destination), timeout)[0]

    def acquire_message(self, devices, **opts):
        return self.message(PATH, MANAGER, "Acquire",
                            GLib.Variant("(asa{sv})", (devices, options(**opts))))

    def acquire(self, devices, interactive=False, **opts):
        message = self.acquire_message(devices, **opts)
        if interactive:
            message.set_flags(Gio.DBusMessageFlags.ALLOW_INTERACTIVE_AUTHORIZATION)
        (path, names, info), fds = self.send(message, 150)
        return Lease(self, path, {name: fds[i] for name, i in names.items()}, info)

    def explain(self, devices, **opts):
        return self.call(PATH, MANAGER, "Explain",
                         GLib.Variant("(asa{sv})", (devices, options(**opts))))

    def open(self, lease, method, body=None):
        """OpenDevice and OpenIommu: an fd and the info."""
        (_, info), fds = self.send(self.message(lease, LEASE, method, body))
        return fds[0], info

    def open_device(self, lease, address):
        return self.open(lease, "OpenDevice", GLib.Variant("(s)", (address,)))

    def list_devices(self, **match):
        body = GLib.Variant("(a{sv})", ({k: v if isinstance(v, GLib.Variant)
                                         else GLib.Variant("s", v) for k, v in match.items()},))
        return {d["Address"]: d for d in self.call(PATH, MANAGER, "ListDevices", body)[0]}

    def list_leases(self):
        return {x["Id"]: x for x in self.call(PATH, MANAGER, "ListLeases")[0]}

    def watch(self):
        """A list that grows by (path, interface, changed) whenever signals() is called."""
        seen = []

        def on_signal(_connection, _sender, path, _interface, _name, body):
            interface, changed, _ = body.unpack()
            seen.append((path, interface, changed))
        self.connection.signal_subscribe(
            NAME, "org.freedesktop.DBus.Properties", "PropertiesChanged", None, None,
            Gio.DBusSignalFlags.NONE, on_signal)
        return seen

    def signals(self):
        """Everything that the bus sent before now has come."""
        self.call("/", "org.freedesktop.DBus.Peer", "Ping")
        while GLib.MainContext.default().iteration(False):
            pass

    def get(self, path, interface, name):
        return self.call(path, "org.freedesktop.DBus.Properties", "Get",
                         GLib.Variant("(ss)", (interface, name)))[0]

    def device(self, address, name):
        return self.get(device_path(address), DEVICE, name)

    def state(self, address):
        return self.device(address, "State")

    def wait_state(self, address, state, timeout=10):
        deadline = time.monotonic() + timeout
        while self.state(address) != state:
            if time.monotonic() > deadline:
                raise AssertionError("%s is %s, not %s" % (address, self.state(address), state))
            time.sleep(0.002)
