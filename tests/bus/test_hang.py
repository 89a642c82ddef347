# SPDX-License-Identifier: LGPL-2.1-or-later
"""While one device's unbind hangs in the kernel, everything else goes on.

The fake host's driver_unbind waits for a FIFO, without bound and in a thread of the daemon; the
limits are those of the daemon, 30 s for taking and 5 s for giving back, so the state `stuck` is
seen at the end of a lease.
"""
import os
import signal
import statistics
import threading
import time

import case
from client import ERROR, MANAGER, PATH
from daemon import OTHER, USER

NVME = "0000:01:00.0"
EDU = "0000:0c:00.0"
LIMIT = 0.020
CALLS = 200


class Hang(case.BusTest):
    def setUp(self):
        super().setUp()
        self.fifo = os.path.join(self.work, "hang")
        os.mkfifo(self.fifo)
        self.d = self.daemon(environment={"DEVLEASE_FAKE_HANG": NVME + "=" + self.fifo})
        self.host = self.d.host()
        self.root, self.other = self.client(), self.client(OTHER)

    def go_on(self):
        """Lets the unbind that hangs come back; waits for it to hang first."""
        with open(self.fifo, "w"):
            pass

    def hang_at_acquire(self):
        """A request that waits in the unbind, in a thread; the list gets its outcome."""
        outcome, user = [], self.client(USER)

        def acquire():
            try:
                outcome.append(user.acquire([NVME]))
            except Exception as e:  # pylint: disable=broad-except
                outcome.append(e)
        thread = threading.Thread(target=acquire)
        thread.start()
        self.eventually(lambda: ("driver_unbind", NVME) in self.d.trace(), "it hangs")
        return thread, outcome

    def answered(self, what, call):
        times = []
        for _ in range(CALLS):
            started = time.monotonic()
            call()
            times.append(time.monotonic() - started)
            time.sleep(0.001)
        median = statistics.median(times)
        print("%s: median %.2f ms, max %.2f ms of %d" % (
            what, median * 1000, max(times) * 1000, CALLS))
        self.assertLess(median, LIMIT)

    def test_others_are_answered(self):
        thread, outcome = self.hang_at_acquire()
        self.answered("ListLeases", lambda: self.root.list_leases())
        self.answered("Device.State", lambda: self.root.state(NVME))
        self.answered("Explain", lambda: self.root.explain([EDU]))
        self.refused(ERROR + "Busy", self.other.acquire, [NVME])
        self.other.acquire([EDU]).release()
        self.root.call(PATH, MANAGER, "Reload")
        self.assertEqual(outcome, [])
        self.go_on()
        thread.join()
        lease, = outcome
        lease.close()
        self.go_on()
        self.root.wait_state(NVME, "free")
        self.assertEqual(self.d.host(), self.host)

    def test_killed(self):
        for number in (signal.SIGTERM, signal.SIGKILL):
            with self.subTest(signal=number):
                thread, outcome = self.hang_at_acquire()
                started = time.monotonic()
                status = self.d.end(number)
                self.assertLess(time.monotonic() - started, 1)
                self.assertEqual(status, 0 if number == signal.SIGTERM else -number)
                thread.join()
                self.assertIsInstance(outcome[0], Exception)
                del self.d.environment["DEVLEASE_FAKE_HANG"]
                self.d.start()
                self.root.wait_state(NVME, "free")
                self.assertEqual(self.d.host(), self.host)
                self.assertEqual(self.d.events("lease.aborted")[-1]["reason"], "abort")
                self.d.stop()
                self.d.clear_trace()
                self.d.environment["DEVLEASE_FAKE_HANG"] = NVME + "=" + self.fifo
                self.d.start()

    def test_stuck(self):
        """Over its time the device is stuck, and comes back when the kernel lets it go."""
        thread, outcome = self.hang_at_acquire()
        self.go_on()
        thread.join()
        outcome[0].close()
        self.root.wait_state(NVME, "releasing")
        self.root.wait_state(NVME, "stuck", timeout=15)
        self.refused(ERROR + "Busy", self.other.acquire, [NVME])
        self.other.acquire([EDU]).release()
        self.go_on()
        self.root.wait_state(NVME, "free")
        self.assertEqual(self.d.host(), self.host)
        self.assertEqual(self.d.resets(NVME), 1)
        self.eventually(lambda: len(self.d.events("device.stuck")) == 1, "device.stuck is journaled")


if __name__ == "__main__":
    case.main()
