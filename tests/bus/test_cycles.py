# SPDX-License-Identifier: LGPL-2.1-or-later
"""Many leases leave the daemon's fds and memory where they were, and its exit leaks nothing.

DEVLEASE_CYCLES sets how many (50). With a sanitizer's build memory is LeakSanitizer's to judge:
the exit status tells.
"""
import os
import signal

import case
from client import Refused
from daemon import USER

CYCLES = int(os.environ.get("DEVLEASE_CYCLES", "50"))
WARM_UP = 20
# Of anonymous memory: what an allocator and a few stacks of threads may still take, and less than
# 1,000 leases would need that each leak a record of the journal.
GROWTH_KIB = 256
DEVICES = ["0000:01:00.0", "0000:0c:00.0"]


class Cycles(case.BusTest):
    def setUp(self):
        super().setUp()
        suppressions = os.path.join(self.work, "lsan")
        with open(suppressions, "w") as f:
            f.write("leak:udev_new\n")  # libpci's, 16 bytes where udev has no hwdb
        self.d = self.daemon(environment={
            "LSAN_OPTIONS": "print_suppressions=0:suppressions=" + suppressions,
            "ASAN_OPTIONS": "detect_leaks=1:exitcode=99", "UBSAN_OPTIONS": "halt_on_error=1",
            "MALLOC_ARENA_MAX": "1"})
        with open(self.d.program, "rb") as f:
            self.sanitized = b"__asan_init" in f.read()
        self.user, self.root = self.client(USER), self.client()

    def anonymous(self):
        with open("/proc/%d/status" % self.d.process.pid) as f:
            return int(next(line for line in f if line.startswith("RssAnon")).split()[1])

    def cycle(self, n):
        opts = {"handover": ("attached", "opened")[n % 2], "backend": ("iommufd", "any")[n % 3 < 1]}
        if n % 4 == 3:
            opts = {"backend": "legacy"}
        lease = self.user.acquire(DEVICES, label="cycle %d" % n, **opts)
        if n % 5:
            lease.release()
        else:
            lease.close()
            for address in DEVICES:
                self.root.wait_state(address, "free")
        if n % 7 == 0:
            self.d.arm("%s:1:EIO" % ("driver_probe", "function_reset")[n % 2])
            try:
                self.user.acquire(DEVICES[:1]).release()
            except Refused:
                pass

    def test_cycles(self):
        for n in range(WARM_UP):
            self.cycle(n)
        self.eventually(lambda: not any("deleted" in n for n in self.d.fds()), "settled")
        fds, memory, host = self.d.fds(), self.anonymous(), self.d.host()
        for n in range(CYCLES):
            self.cycle(n)
        self.no_fds_left(self.d, fds)
        self.assertEqual(self.d.host(), host)
        grown = self.anonymous() - memory
        print("%d cycles: %d fds, anonymous memory %d KiB, grown by %d KiB" % (
            CYCLES, len(fds), memory, grown))
        if not self.sanitized:
            self.assertLess(grown, GROWTH_KIB)
        self.assertEqual(self.d.end(signal.SIGTERM), 0, self.d.said())

    def test_exit_after_refusals(self):
        """Paths that end early free what they took; without leases nothing is left at exit."""
        for devices in (["nonsense"], [], ["0000:04:01.0"], ["0000:0e:00.0"], DEVICES * 2):
            with self.assertRaises(Refused):
                self.user.acquire(devices)
            with self.assertRaises(Refused):
                self.user.acquire(devices, handover="none")
            self.user.explain(devices)
        with self.assertRaises(Refused):
            self.user.list_devices(Colour="x")
        self.user.list_devices(Driver="*")
        self.assertEqual(self.d.end(signal.SIGTERM), 0, self.d.said())


if __name__ == "__main__":
    case.main()
