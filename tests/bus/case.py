# SPDX-License-Identifier: LGPL-2.1-or-later
"""The frame of a bus test: one bus for a file, a daemon for each test, a count at the end."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

SKIPPED = 77  # meson's exit status for it

try:
    import gi  # noqa: F401
    MISSING = None if os.geteuid() == 0 else "bus tests take several uids: they need root"
except ImportError:
    MISSING = "python3-gi is not installed"
if MISSING:
    print("skipped: " + MISSING + "\n0 passed, 0 failed, 1 skipped")
    sys.exit(SKIPPED)

import buses  # noqa: E402
from client import Client, Refused  # noqa: E402
from daemon import Daemon, USER  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
# In memory where that is to be had: the journal is synced at every step.
SCRATCH = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


class BusTest(unittest.TestCase):
    """Has self.bus; daemon() and client() end with the test."""
    bus = None
    directory = None

    def setUp(self):
        self.work = tempfile.mkdtemp(prefix="t", dir=self.directory)
        os.chmod(self.work, 0o755)
        self.count = 0

    def daemon(self, start=True, **arguments):
        self.count += 1
        directory = os.path.join(self.work, "d%d" % self.count)
        os.mkdir(directory)
        daemon = Daemon(self.bus, directory, **arguments)
        self.addCleanup(daemon.stop)
        return daemon.start() if start else daemon

    def client(self, uid=0):
        client = Client(self.bus.address, uid)
        self.addCleanup(client.close)
        return client

    def holder(self, devices, uid=USER, **opts):
        """A process of that uid with a lease of the devices: the process, and what it said."""
        process = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "holder.py"), self.bus.address, str(uid),
             ",".join(devices)] + ["%s=%s" % o for o in opts.items()],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

        def end():
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()
        self.addCleanup(end)
        return process, json.loads(process.stdout.readline())

    def refused(self, name, function, *arguments, **keywords):
        """The message of the error that the call ends with, which is the one of that name."""
        with self.assertRaises(Refused) as caught:
            function(*arguments, **keywords)
        self.assertEqual(caught.exception.name, name, caught.exception.message)
        return caught.exception.message

    def no_fds_left(self, daemon, before):
        """The daemon may close the last one just after it replied."""
        deadline = time.monotonic() + 10
        while daemon.fds() != before and time.monotonic() < deadline:
            time.sleep(0.002)
        self.assertEqual(daemon.fds(), before)

    def stopped_at(self, daemon, fault, function):
        """Calls function() while the daemon is stopped at the call that fault says."""
        daemon.arm(fault + ":STOP")

        def wait():
            stat = "/proc/%d/stat" % daemon.process.pid
            deadline = time.monotonic() + 10
            while time.monotonic() < deadline:
                with open(stat) as f:
                    if f.read().rsplit(")", 1)[1].split()[0] == "T":
                        function()
                        break
                time.sleep(0.002)
            daemon.process.send_signal(signal.SIGCONT)
        thread = threading.Thread(target=wait)
        thread.start()
        self.addCleanup(thread.join)

    def eventually(self, condition, what, timeout=10):
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                self.fail("not so after %d s: %s" % (timeout, what))
            time.sleep(0.002)


def run(name):
    """Runs the tests of the calling file on the bus `name`; the exit status."""
    BusTest.directory = tempfile.mkdtemp(prefix="devlease-bus-", dir=SCRATCH)
    os.chmod(BusTest.directory, 0o755)
    started = time.monotonic()
    try:
        BusTest.bus = buses.start(name, BusTest.directory)
    except buses.Unavailable as e:
        print("skipped: %s\n0 passed, 0 failed, 1 skipped" % e)
        return SKIPPED
    try:
        program = unittest.main(module="__main__", argv=[sys.argv[0]] + sys.argv[2:],
                                exit=False, verbosity=1)
    finally:
        BusTest.bus.stop()
        shutil.rmtree(BusTest.directory, ignore_errors=True)
    result = program.result
    # A test may fail in several of its parts, and is one test all the same.
    failed = len({getattr(t, "test_case", t).id() for t, _ in result.failures + result.errors})
    for test, reason in result.skipped:
        print("skipped: %s: %s" % (test.id(), reason))
    passed = result.testsRun - failed - len(result.skipped)
    print("%s, %.1f s: %d passed, %d failed, %d skipped" % (
        name, time.monotonic() - started, passed, failed, len(result.skipped)))
    if failed or not result.testsRun:
        return 1
    return 0 if passed else SKIPPED


def main():
    if len(sys.argv) < 2 or sys.argv[1] not in buses.BUSES:
        sys.exit("usage: %s %s [TEST...]" % (sys.argv[0], "|".join(buses.BUSES)))
    sys.exit(run(sys.argv[1]))
