# SPDX-License-Identifier: LGPL-2.1-or-later
"""start_10k_ratio: the start of devleased to READY=1 on 10,000 devices over lspci on the same ones.

usage: start.py BUILD [REPETITIONS [DEVICES]]

The daemon is the shipped one but for where it finds /sys; each start is one on a machine without
leases, on a bus of its own. The two programs take turns, and the medians are compared.
"""
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "bus"))
import buses  # noqa: E402
import tree  # noqa: E402

LIMIT = 60  # seconds for a start
POLICY = "[Rule bench]\nUser=65534\nAccess=allow\n"


def lspci(directory):
    """At its best: without the option it looks for udev's hwdb four times a device, even for -n."""
    begin = time.monotonic()
    subprocess.run(["lspci", "-D", "-n", "-O", "sysfs.path=%s/sys/bus/pci" % directory,
                    "-O", "hwdb.disable=1"], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - begin


class Machine:
    """The daemon's directories, bus and service manager's socket."""

    def __init__(self, directory, program):
        self.directory, self.program = directory, program
        self.bus = buses.start("dbus-daemon", directory)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(directory + "/notify")
        self.socket.settimeout(LIMIT)
        os.makedirs(directory + "/root/etc/devlease/policy.d")
        with open(directory + "/root/etc/devlease/policy.d/50-bench.conf", "w") as f:
            f.write(POLICY)

    def start(self):
        """A running daemon, and the seconds from its exec to READY=1."""
        names = ("run", "lib", "log")
        for name in names:
            shutil.rmtree("%s/%s" % (self.directory, name), ignore_errors=True)
            os.mkdir("%s/%s" % (self.directory, name))
        arguments = ["--%s=%s/%s" % (n, self.directory, n) for n in (*names, "root")]
        environment = dict(os.environ, DBUS_SYSTEM_BUS_ADDRESS=self.bus.address,
                           NOTIFY_SOCKET=self.directory + "/notify",
                           DEVLEASE_TREE=self.directory + "/tree")
        begin = time.monotonic()
        process = subprocess.Popen([self.program, *arguments], env=environment)
        while b"READY=1" not in self.socket.recv(4096):
            pass
        return process, time.monotonic() - begin

    def stop(self):
        self.bus.stop()
        self.socket.close()


def main(build, repetitions=21, devices=10000):
    # In memory, so that neither program waits for a disk.
    shm = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="devlease-bench", dir=shm) as directory:
        tree.make(directory + "/tree", devices)
        machine = Machine(directory, os.path.join(build, "tests/bench/devleased-tree"))
        ours, theirs = [], []
        try:
            for _ in range(repetitions):
                theirs.append(lspci(directory + "/tree"))
                process, seconds = machine.start()
                ours.append(seconds)
                process.send_signal(signal.SIGTERM)
                process.wait(LIMIT)
        finally:
            machine.stop()
    ours, theirs = statistics.median(ours), statistics.median(theirs)
    print("devleased %.1f ms, lspci %.1f ms" % (ours * 1e3, theirs * 1e3), file=sys.stderr)
    print("start_10k_ratio: %.2f ratio" % (ours / theirs))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
