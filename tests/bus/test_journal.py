# SPDX-License-Identifier: LGPL-2.1-or-later
"""A journal that cannot be written: no lease begins, every lease ends, and it recovers by itself.

And faults that last: what cannot be reset or given back is quarantined, and stays so.
"""
import os
import signal
import subprocess
import threading
import time

import case
from client import ERROR, INVALID_ARGS, LEASE, MANAGER, Refused
from daemon import OTHER, POLICY, USER

NVME = "0000:01:00.0"
EDU = "0000:0c:00.0"
READS = {"driver_get", "override_get", "scan_device", "host_use"}


class FullDisk(case.BusTest):
    def setUp(self):
        super().setUp()
        self.fifo = os.path.join(self.work, "hang")
        os.mkfifo(self.fifo)
        self.d = self.daemon(start=False)
        self.log = self.d.path("log")
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=0750", "tmpfs",
                                  self.log], capture_output=True, text=True, check=False)
        if mounted.returncode:
            self.skipTest("no small file system can be mounted: " + mounted.stderr.strip())
        self.addCleanup(subprocess.run, ["umount", "-l", self.log], check=True)
        self.filler = os.path.join(self.log, "filler")

    def fill(self):
        with open(self.filler, "wb", buffering=0) as f:
            try:
                while True:
                    f.write(b"x" * 4096)
            except OSError:
                pass

    def use_up(self):
        """Loads policies, long ones and an empty one, until only what is kept back is left."""
        many = ["[Rule filler-%d]\nUser=%d\nAccess=deny\n" % (n, 4000 + n) for n in range(200)]
        for text in ("".join(many), "".join(many[:20]), "", POLICY):
            self.d.write_policy(text)
            before = -1
            while before != self.written():
                before = self.written()
                self.root.call("/org/devlease1", MANAGER, "Reload")
                # The writer is a thread of its own; it gets the time to write, or not to.
                deadline = time.monotonic() + 0.3
                while before == self.written() and time.monotonic() < deadline:
                    time.sleep(0.001)

    def written(self):
        return os.stat(os.path.join(self.log, "journal.jsonl")).st_size

    def empty(self):
        os.unlink(self.filler)

    def begin(self):
        self.d.start()
        self.host = self.d.host()
        self.user, self.root = self.client(USER), self.client()

    def test_no_lease_begins(self):
        self.begin()
        self.fill()
        self.use_up()
        fds = self.d.fds()
        self.d.clear_trace()
        for _ in range(3):
            message = self.refused(ERROR + "Journal", self.user.acquire, [NVME])
            self.assertIn("ENOSPC", message)
            self.assertEqual(self.root.state(NVME), "free")
        self.assertLessEqual({c[0] for c in self.d.trace()}, READS)
        self.assertEqual(self.d.host(), self.host)
        self.no_fds_left(self.d, fds)
        self.assertEqual(os.listdir(self.d.path("run/leases")), [])
        self.empty()
        self.user.acquire([NVME]).release()
        self.assertEqual(len(self.d.events("lease.released")), 1)

    def test_every_lease_ends(self):
        """Space is kept back, so that the end can be written; the device comes back anyhow."""
        self.begin()
        lease = self.user.acquire([NVME])
        self.fill()
        self.use_up()
        lease.release()
        self.assertEqual(len(self.d.events("lease.released")), 1)
        self.assertEqual(self.root.state(NVME), "free")
        self.assertEqual(self.d.host(), self.host)
        self.refused(ERROR + "Journal", self.user.acquire, [NVME])
        self.empty()
        self.user.acquire([NVME]).release()
        self.d.journal()

    def test_full_between_intent_and_grant(self):
        """What was done is taken back, and the client hears that it was the journal."""
        self.d.environment["DEVLEASE_FAKE_HANG"] = NVME + "=" + self.fifo
        self.begin()

        def let_go(nth):
            self.eventually(lambda: self.d.trace().count(("driver_unbind", NVME)) == nth,
                            "it hangs")
            if nth == 1:
                self.fill()
                self.use_up()
            with open(self.fifo, "w"):
                pass

        def meanwhile():
            let_go(1)  # on the way there
            let_go(2)  # and on the way back
        thread = threading.Thread(target=meanwhile)
        thread.start()
        self.refused(ERROR + "Journal", self.user.acquire, [NVME])
        thread.join()
        self.root.wait_state(NVME, "free")
        self.assertEqual(self.d.host(), self.host)
        self.assertEqual(self.root.list_leases(), {})
        self.empty()
        self.d.journal()


class Floods(case.BusTest):
    """Refusals and calls over quota are folded: few records, and every one is counted."""

    def begin(self, **arguments):
        self.d = self.daemon(**arguments)
        self.user, self.other = self.client(USER), self.client(OTHER)

    def flood(self, times, client, devices, error=ERROR + "NoSuchDevice"):
        for _ in range(times):
            self.refused(error, client.acquire, devices)

    def counts(self, event, uid):
        """Records of that uid, and what they stand for."""
        records = [r for r in self.d.events(event) if r.get("uid", -1) == uid]
        return len(records), sum(r.get("count", 1) for r in records)

    def test_repeats_are_folded(self):
        self.begin()
        self.flood(150, self.user, ["0000:99:00.0", "0000:98:00.0"])
        self.flood(50, self.user, ["0000:98:00.0", "0000:99:00.0"])
        self.flood(5, self.other, ["0000:98:00.0", "0000:99:00.0"])
        self.flood(1, self.user, ["0000:99:00.0"])
        self.eventually(lambda: self.counts("lease.refused", OTHER)[0] == 1, "the first of OTHER")
        self.eventually(lambda: self.counts("lease.refused", USER)[0] == 2, "the first two")
        self.d.end(signal.SIGTERM)
        self.assertEqual(self.counts("lease.refused", USER), (3, 201))
        self.assertEqual(self.counts("lease.refused", OTHER), (2, 5))
        folded, = [r for r in self.d.events("lease.refused") if r.get("count") == 199]
        self.assertEqual({d["address"] for d in folded["devices"]}, {"0000:98:00.0", "0000:99:00.0"})
        self.assertEqual(folded["caller"], {"uid": USER})

    def test_one_device_in_many_forms(self):
        """A device is recorded by its address, however it was typed; what is none, as it was."""
        self.begin()
        self.flood(1, self.user, ["0000:9a:00.0"])
        self.flood(2, self.user, ["9a:00.0"])
        self.flood(3, self.user, ["0000:9A:00.0"])
        self.flood(1, self.other, ["9A:00.0\n"], INVALID_ARGS)
        self.d.end(signal.SIGTERM)
        self.assertEqual(self.counts("lease.refused", USER), (2, 6))
        told = {r["uid"]: r["devices"] for r in self.d.events("lease.refused")}
        self.assertEqual(told[USER], [{"address": "0000:9a:00.0"}])
        self.assertEqual(told[OTHER], [{"address": "9A:00.0\\x0a"}])

    def test_a_window_ends(self):
        """Without any further call the count is told."""
        self.begin()
        self.flood(3, self.user, ["0000:99:00.0"])
        self.eventually(lambda: self.counts("lease.refused", USER) == (2, 3), "told", timeout=20)

    def test_many_devices(self):
        """Who varies what he asks for is folded whatever it is."""
        self.begin()
        for n in range(200):
            self.flood(1, self.user, ["0000:%02x:00.0" % (n + 0x20)])
        self.d.end(signal.SIGTERM)
        records, total = self.counts("lease.refused", USER)
        self.assertEqual(total, 200)
        self.assertLess(records, 10)

    def test_many_devices_in_one_request(self):
        self.begin()
        self.flood(1, self.user, ["0000:%02x:00.0" % (n + 0x20) for n in range(60)])
        self.eventually(lambda: self.d.events("lease.refused"), "it is journaled")
        record, = self.d.events("lease.refused")
        self.assertEqual((len(record["devices"]), len(record["findings"])), (60, 8))
        self.assertEqual(record["findings-left-out"], 52)

    def test_over_quota(self):
        self.begin()
        done = dropped = 0
        while dropped < 50 and done < 20000:
            try:
                self.user.explain([NVME])
                done += 1
            except Refused as e:
                self.assertEqual(e.name, ERROR + "LimitsExceeded")
                dropped += 1
        self.assertEqual(dropped, 50)
        self.eventually(lambda: self.counts("requests.dropped", USER) == (1, 1), "the first")
        self.d.end(signal.SIGTERM)
        self.assertEqual(self.counts("requests.dropped", USER), (2, 50))


class Rotation(case.BusTest):
    def test_one_chain_over_files_and_restarts(self):
        d = self.daemon(arguments=["--journal-size=3000"])
        user = self.client(USER)
        for _ in range(3):
            for _ in range(3):
                user.acquire([NVME]).release()
            d.end(signal.SIGKILL)
            d.start()
        self.assertGreater(len([n for n in os.listdir(d.path("log")) if n[-1].isdigit()]), 5)
        self.assertEqual(len(d.events("lease.released")), 9)
        self.assertEqual(len(d.events("daemon.started")), 4)


class LastingFaults(case.BusTest):
    """Every try has failed: the device is quarantined, the rest goes on."""

    def begin(self):
        self.d = self.daemon()
        self.user, self.root = self.client(USER), self.client()
        self.fds = self.d.fds()

    def quarantined(self, fault, tries=3):
        self.begin()
        lease = self.user.acquire([NVME, EDU])
        self.d.arm("%s:1:EIO:%d" % (fault, tries))
        try:
            lease.release()
        except Refused as e:
            self.assertEqual(e.name, ERROR + "Busy")
        self.root.wait_state(NVME, "quarantined")
        self.root.wait_state(EDU, "free")
        for client in (self.user, self.client(OTHER), self.root):
            message = self.refused(ERROR + "Quarantined", client.acquire, [NVME])
            self.assertIn(NVME, message)
        self.eventually(lambda: len(self.d.events("device.quarantined")) == 1, "device.quarantined is journaled")
        self.user.acquire([EDU]).release()
        self.no_fds_left(self.d, self.fds)
        # A mark that holds over restarts and reboots.
        self.d.end(signal.SIGKILL)
        self.d.start()
        self.assertEqual(self.root.state(NVME), "quarantined")
        self.assertEqual(self.root.list_leases(), {})

    def test_reset(self):
        self.quarantined("function_reset")
        self.assertIsNone(self.d.host()[NVME]["driver"], "no driver of the host may touch it")

    def test_unbind(self):
        self.quarantined("driver_unbind")

    def test_override(self):
        self.quarantined("override_set")

    def test_probe(self):
        self.quarantined("driver_probe", tries=4)

    def test_unwind(self):
        """A request that fails, and whose undoing fails as well."""
        self.begin()
        self.d.arm("driver_probe:1:EIO:5")
        message = self.refused(ERROR + "Kernel", self.user.acquire, [NVME])
        self.assertIn("driver_probe", message)
        self.assertEqual(self.root.state(NVME), "quarantined")
        self.eventually(lambda: self.d.events("lease.failed"), "journaled")
        self.no_fds_left(self.d, self.fds)

    def test_live_reset(self):
        """A client's reset that fails is its own matter: the lease goes on."""
        from gi.repository import GLib
        self.begin()
        lease = self.user.acquire([NVME])
        for kind, operation in (("function", "device_reset"), ("hot", "hot_reset")):
            self.d.arm(operation + ":1:EIO")
            message = self.refused(ERROR + "Kernel", self.user.call, lease.path, LEASE, "Reset",
                                   GLib.Variant("(s)", (kind,)))
            self.assertIn("EIO", message)
            self.assertEqual(lease.get("State"), "active")
        lease.release()
        self.assertEqual(self.root.state(NVME), "free")

    def test_scan_at_start(self):
        """Without a list of the devices there is nothing to serve."""
        d = self.daemon(start=False)
        d.environment["DEVLEASE_FAULT"] = "scan:1:EIO"
        d.spawn()
        self.assertEqual(d.process.wait(20), 1)
        self.assertIn("EIO", d.said())
        del d.environment["DEVLEASE_FAULT"]
        d.start()


if __name__ == "__main__":
    case.main()
