# SPDX-License-Identifier: LGPL-2.1-or-later
"""SIGKILL at every step of a lease, from Acquire to its end, and at every step of the recovery.

A traced lease tells the kill points that its life passes: see tests/fake/points.h. The daemon is
then killed at each of them, in a lease of its own, and started again with the fds that the service
manager kept. Afterwards no device is lost, none is leased twice, the lease of a client that still
holds it is there, and the journal tells what became of each. What was killed is compared with what
was traced, so that a point that was never reached fails the test.
"""
import json
import os
import signal

import case
from client import ERROR, LEASE, Refused
from daemon import OTHER, USER
from notify import ServiceManager

NVME, SPLIT, PEER = "0000:01:00.0", "0000:0e:00.0", "0000:0e:00.1"
WITHOUT_RESET = ["0000:04:01.0", "0000:04:02.0"]
NO_REPLY = "org.freedesktop.DBus.Error.NoReply"
CHANGES = {"override_set", "driver_unbind", "driver_probe", "function_reset"}
ENDS = ("lease.released", "lease.aborted", "lease.failed")


def numbered(points):
    """Each point as "N STEP SUBJECT": the Nth time that the daemon gets there."""
    counts = {}
    for point in points:
        counts[point] = counts.get(point, 0) + 1
        yield "%d %s" % (counts[point], point)


class Kills(case.BusTest):
    fault = None  # what fails in each lease: see tests/fake/gate.h

    def begin(self, devices, backend, handover, end):
        self.devices, self.handover, self.end = devices, handover, end
        self.manager = ServiceManager(os.path.join(self.work, "notify"))
        self.addCleanup(self.manager.stop)
        self.d = self.daemon(start=False, environment={"DEVLEASE_FAKE_BACKEND": backend})
        self.points_file, self.kill_file = self.d.path("points"), self.d.path("kill")
        self.d.environment.update(DEVLEASE_POINTS=self.points_file,
                                  DEVLEASE_KILL_FILE=self.kill_file)
        with open(self.d.state_file, "w") as f:
            json.dump({"devices": {PEER: {}}}, f)
        self.manager.start(self.d)
        self.root, self.user, self.other = self.client(), self.client(USER), self.client(OTHER)
        self.life()
        self.settled()
        self.manager.again(self.d)
        self.eventually(lambda: len(self.d.events("policy.loaded")) == 2, "it is up")
        self.host, self.fds = self.d.host(), self.d.fds()

    def arm(self, point):
        with open(self.kill_file + ".new", "w") as f:
            f.write(point + "\n")
        os.rename(self.kill_file + ".new", self.kill_file)

    def points(self):
        """What was passed since the last time this was asked."""
        with open(self.points_file) as f:
            points = f.read().splitlines()
        os.truncate(self.points_file, 0)
        return list(numbered(points))

    def life(self):
        """One lease, as far as the daemon lives; the lease while its client still holds it."""
        if self.fault:
            self.d.arm(self.fault)
        try:
            lease = self.user.acquire(self.devices, handover=self.handover)
        except Refused as e:
            self.assertIn(e.name, (NO_REPLY, ERROR + "Kernel") if self.fault else (NO_REPLY,))
            return None
        self.client_had_it = True
        if self.end == "hold":
            lease.close()
            return None
        hold = {"hold": lease.fds.pop("hold")}
        lease.close()
        lease.fds = hold
        try:
            self.user.call(lease.path, LEASE, "Release")
        except Refused as e:
            self.assertEqual(e.name, NO_REPLY, e.message)
            return lease
        lease.close()
        return None

    def file_of(self, lease):
        try:
            with open(self.d.path("run/leases/%s.json" % lease.id)) as f:
                return json.load(f)
        except FileNotFoundError:
            return {"state": "ended"}

    def life_until_killed(self, point):
        self.client_had_it = False
        self.told = len(self.d.journal())
        self.resets = [self.d.resets(a) for a in self.devices]
        self.arm(point)
        lease = self.life()
        self.assertEqual(self.d.process.wait(5), -signal.SIGKILL)
        if os.path.exists(self.d.fault_file):
            os.unlink(self.d.fault_file)
        self.d.clear_trace()
        return lease

    def settled(self):
        for address in self.devices:
            self.root.wait_state(address, "free")
        self.eventually(lambda: not self.root.list_leases(), "no lease")

    def still_held(self, lease):
        """After the restart, while the client holds what it got, and its end had not begun."""
        self.assertEqual(self.root.list_leases()[lease.id]["State"], "active")
        for address in self.devices:
            self.assertEqual(self.root.state(address), "leased")
            self.refused(ERROR + "Busy", self.other.acquire, [address])
            os.close(self.user.open_device(lease.path, address)[0])
        self.eventually(lambda: "daemon.restored" in self.records_of_it(), "it is journaled")

    def records_of_it(self):
        records = [r for r in self.d.journal()[self.told:] if r.get("lease")]
        self.assertLessEqual(len({r["lease"] for r in records}), 1)
        return [r["event"] for r in records]

    def told_right(self):
        events = self.records_of_it()
        ends = [e for e in events if e in ENDS]
        if self.client_had_it:
            self.assertEqual(ends, ["lease.released"], events)
            self.assertIn("lease.granted", events)
            for address, before in zip(self.devices, self.resets):
                self.assertGreater(self.d.resets(address), before, "came back without a reset")
        elif "lease.granted" in events:
            # On disk, and whether the reply was sent nobody knows any more.
            self.assertEqual(len(ends), 1, events)
        elif "lease.requested" in events:
            self.assertIn(ends, (["lease.aborted"], ["lease.failed"]), events)

    def nothing_is_left(self):
        self.settled()
        self.assertEqual(self.d.host(), self.host)
        self.assertEqual(os.listdir(self.d.path("run/leases")), [])
        self.assertEqual(os.listdir(self.d.path("run/hold")), [])
        self.eventually(lambda: not self.manager.store, "the store is empty")
        self.no_fds_left(self.d, self.fds)
        self.told_right()

    def killed_at(self, point):
        lease = self.life_until_killed(point)
        ending = lease and self.file_of(lease)["state"] != "active"
        self.manager.start(self.d)
        if lease and not ending:
            self.still_held(lease)
        if lease:
            lease.close()
        self.nothing_is_left()

    def everywhere(self, *life):
        self.begin(*life)
        self.points()
        self.life()
        self.settled()
        wanted, killed = self.points(), []
        for point in wanted:
            with self.subTest(point=point):
                self.killed_at(point)
                killed.append(point)
        self.assertEqual(killed, wanted)
        self.assertGreater(len(killed), 20)
        print("%s: %d kills" % (self.id(), len(killed)))

    def test_iommufd_attached(self):
        self.everywhere([NVME], "iommufd", "attached", "release")

    def test_iommufd_opened_with_reset_peer(self):
        self.everywhere([SPLIT], "iommufd", "opened", "hold")

    def test_iommufd_attached_with_reset_peer(self):
        self.everywhere([NVME, SPLIT], "iommufd", "attached", "hold")

    def test_legacy_with_reset_peer(self):
        self.everywhere([SPLIT], "legacy", "attached", "release")

    def test_reset_by_the_bus(self):
        self.everywhere(WITHOUT_RESET, "iommufd", "attached", "hold")

    def test_a_request_that_fails(self):
        self.fault = "cdev_attach:1:EIO"
        self.everywhere([NVME], "iommufd", "attached", "hold")

    def test_a_device_that_cannot_be_unbound_stays_quarantined(self):
        self.begin([NVME], "iommufd", "attached", "hold")
        lease = self.user.acquire([NVME])
        self.d.arm("driver_unbind:1:EIO:3")
        self.arm("1 journal-write lease.released")
        lease.close()
        self.assertEqual(self.d.process.wait(5), -signal.SIGKILL)
        self.manager.start(self.d)
        self.root.wait_state(NVME, "quarantined")
        self.assertEqual(self.d.host()[NVME]["driver"], "vfio-pci")

    # --- killed again while it recovers ---

    def recovery(self, first):
        """The points that the daemon passes after it was killed at the first."""
        lease = self.life_until_killed(first)
        self.points()
        self.manager.start(self.d)
        if lease:
            lease.close()
        self.nothing_is_left()
        return self.points()

    def twice(self, first, *life):
        self.begin(*life)
        points = self.recovery(first)
        self.assertGreater(len(points), 5)
        print("%s: %d kills" % (self.id(), len(points)))
        for second in points:
            with self.subTest(first=first, second=second):
                lease = self.life_until_killed(first)
                self.arm(second)
                self.manager.start(self.d, wait=False)
                if lease:
                    lease.close()
                self.assertEqual(self.d.process.wait(5), -signal.SIGKILL)
                self.manager.start(self.d)
                self.nothing_is_left()
                if first.startswith("1 override_set"):
                    self.assertEqual(CHANGES & {c[0] for c in self.d.trace()}, set())

    def test_twice_while_taking(self):
        self.twice("1 driver_probe " + NVME, [NVME, SPLIT], "iommufd", "attached", "hold")

    def test_twice_before_anything_is_taken(self):
        """What the host had all the time is not even touched."""
        self.twice("1 override_set " + NVME, [NVME, SPLIT], "iommufd", "opened", "hold")

    def test_twice_before_the_grant(self):
        self.twice("1 journal-write lease.granted", [SPLIT], "legacy", "attached", "hold")

    def test_twice_at_the_end(self):
        self.twice("1 function_reset " + NVME, [NVME], "iommufd", "opened", "hold")

    def test_twice_while_giving_back(self):
        self.twice("2 override_set " + NVME, [NVME], "iommufd", "attached", "release")


if __name__ == "__main__":
    case.main()
