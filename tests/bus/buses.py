# SPDX-License-Identifier: LGPL-2.1-or-later
"""Private message buses for tests: dbus-daemon and dbus-broker, both with a system bus's rules.

dbus-broker-launch wants the journal's socket of a running system. It gets one of its own in a
private mount namespace, so that it runs where there is no systemd.
"""
import ctypes
import os
import shutil
import socket
import subprocess
import time

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=%(socket)s</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus"/>
    <allow send_destination="org.freedesktop.DBus"
           send_interface="org.freedesktop.DBus.Introspectable"/>
    <allow send_destination="org.freedesktop.PolicyKit1"/>
  </policy>
  <policy user="root">
    <allow own="org.freedesktop.PolicyKit1"/>
  </policy>
  <limit name="max_message_unix_fds">16</limit>
  <include>%(policy)s</include>
</busconfig>
"""


class Unavailable(Exception):
    """This bus cannot run here; the text says why."""


class Bus:
    """A bus that is up when the constructor returns. stop() ends it."""

    def __init__(self, directory):
        self.socket = os.path.join(directory, "bus")
        self.address = "unix:path=" + self.socket
        self.config = os.path.join(directory, "bus.conf")
        self.log = open(os.path.join(directory, "bus.log"), "wb")
        with open(self.config, "w") as f:
            f.write(CONFIG % {
                "socket": self.socket,
                "policy": os.path.join(SOURCE, "dbus", "org.devlease1.conf"),
            })
        self.process = self.spawn()
        self.wait()

    def wait(self):
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                with socket.socket(socket.AF_UNIX) as s:
                    s.settimeout(20)
                    s.connect(self.socket)
                    s.sendall(b"\0AUTH EXTERNAL 30\r\n")
                    if s.recv(64).startswith(b"OK"):
                        return
            except OSError:
                pass
            if self.process.poll() is not None:
                raise Unavailable("%s ended: %s" % (self.name, self.said()))
            time.sleep(0.01)
        raise Unavailable("%s does not answer" % self.name)

    def said(self):
        with open(self.log.name, errors="replace") as f:
            return f.read().strip().replace("\n", "; ")

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.log.close()


class DBusDaemon(Bus):
    name = "dbus-daemon"

    def spawn(self):
        return subprocess.Popen(
            ["dbus-daemon", "--nofork", "--nopidfile", "--config-file=" + self.config],
            stdout=self.log, stderr=self.log)


class DBusBroker(Bus):
    name = "dbus-broker"

    def spawn(self):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self.socket)
        os.chmod(self.socket, 0o666)
        listener.listen(128)
        # This process's own mounts and fds stay as they are: the launcher is set up in the child.
        process = subprocess.Popen(
            [shutil.which("python3", path="/usr/bin") or "python3", os.path.abspath(__file__),
             str(listener.fileno()), self.address, self.config],
            stdout=self.log, stderr=self.log, pass_fds=[listener.fileno()])
        listener.close()
        return process


BUSES = {bus.name: bus for bus in (DBusDaemon, DBusBroker)}


def start(name, directory):
    """A running bus of that name; Unavailable when the machine cannot have it."""
    program = "dbus-broker-launch" if name == "dbus-broker" else name
    if not shutil.which(program):
        raise Unavailable(program + " is not installed")
    return BUSES[name](directory)


def private_run():
    """A mount namespace whose /run is empty but for a journal socket, which is returned."""
    libc = ctypes.CDLL(None, use_errno=True)
    clone_newns, ms_rec_private = 0x20000, 0x44000
    if libc.unshare(clone_newns) < 0 or \
            libc.mount(b"none", b"/", None, ms_rec_private, None) < 0 or \
            libc.mount(b"tmpfs", b"/run", b"tmpfs", 0, None) < 0:
        raise SystemExit("no mount namespace: " + os.strerror(ctypes.get_errno()))
    os.makedirs("/run/systemd/journal")
    journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    journal.bind("/run/systemd/journal/socket")
    journal.set_inheritable(True)
    return journal


def become_launcher(listener, address, config):
    first = 3  # SD_LISTEN_FDS_START
    if listener != first:
        os.dup2(listener, first)
    os.set_inheritable(first, True)
    journal = private_run()
    os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()),
                      DBUS_SYSTEM_BUS_ADDRESS=address)
    assert journal.fileno() != first
    os.execvp("dbus-broker-launch", ["dbus-broker-launch", "--scope=system",
                                     "--config-file=" + config])


if __name__ == "__main__":
    import sys
    become_launcher(int(sys.argv[1]), sys.argv[2], sys.argv[3])
