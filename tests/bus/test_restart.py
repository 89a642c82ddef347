# SPDX-License-Identifier: LGPL-2.1-or-later
"""A daemon that is killed and started again: no device lost, none leased twice, no lease dropped.

The fake host's state outlives the daemon, as a kernel's does. Without a service manager there is
no fd store; with the one of notify.py there is.
"""
import json
import os
import signal

import case
from client import ERROR, LEASE, Refused
from daemon import OTHER, USER
from notify import ServiceManager

NVME = "0000:01:00.0"
EDU = "0000:0c:00.0"
LABEL = "vm\\x31 é"  # what has to be escaped, and what looks as if it were
SPLIT, PEER = "0000:0e:00.0", "0000:0e:00.1"


class Restart(case.BusTest):
    def begin(self, **environment):
        self.d = self.daemon(start=False, environment=environment)
        with open(self.d.state_file, "w") as f:
            json.dump({"devices": {PEER: {}}}, f)
        self.d.start()
        self.host, self.root = self.d.host(), self.client()

    def again(self, number=signal.SIGKILL):
        self.d.end(number)
        self.d.start()

    def given_back(self, *addresses):
        for address in addresses:
            self.root.wait_state(address, "free")
        self.eventually(lambda: not self.root.list_leases(), "no lease")
        self.assertEqual(self.d.host(), self.host)

    def survives(self, number):
        """The lease is known again and ends with its client."""
        self.begin()
        process, got = self.holder([NVME, EDU], label=LABEL)
        before = self.root.list_leases()[got["id"]]
        self.again(number)
        after = self.root.list_leases()[got["id"]]
        self.assertEqual(before.pop("State"), "active")
        self.assertEqual(after.pop("State"), "detached")
        self.assertEqual(after, before)
        self.assertEqual(self.client(USER).get(got["path"], LEASE, "Id"), got["id"])
        for address in (NVME, EDU):
            self.assertEqual(self.root.state(address), "leased")
            self.assertEqual(self.root.device(address, "OriginalDriver"),
                             self.host[address]["driver"] or "")
            self.refused(ERROR + "Busy", self.client(OTHER).acquire, [address])
        self.refused(ERROR + "Busy", self.client(USER).open_device, got["path"], NVME)
        self.eventually(lambda: len(self.d.events("daemon.restored")) == 1, "daemon.restored is journaled")
        process.kill()
        self.given_back(NVME, EDU)
        self.assertEqual(self.d.events("lease.released")[-1]["caller"],
                         self.d.events("lease.granted")[-1]["caller"])
        self.assertEqual(self.d.resets(NVME), 1)
        self.client(OTHER).acquire([NVME, EDU]).release()

    def test_killed(self):
        self.survives(signal.SIGKILL)

    def test_terminated(self):
        self.survives(signal.SIGTERM)

    def test_twice(self):
        self.begin()
        process, got = self.holder([NVME])
        self.again()
        self.again()
        self.assertEqual(list(self.root.list_leases()), [got["id"]])
        process.kill()
        self.given_back(NVME)

    def test_release_of_a_detached_lease(self):
        self.begin()
        process, _ = self.holder([NVME])
        self.again()
        process.stdin.write("release\n")
        process.stdin.flush()
        self.assertEqual(process.stdout.readline(), "released\n")
        self.given_back(NVME)

    def test_client_died_meanwhile(self):
        for backend, handover in (("iommufd", "attached"), ("iommufd", "opened"),
                                  ("legacy", "attached")):
            with self.subTest(backend=backend, handover=handover):
                self.begin(DEVLEASE_FAKE_BACKEND=backend)
                process, _ = self.holder([NVME, SPLIT], handover=handover)
                self.assertEqual(self.d.host()[PEER]["driver"], "vfio-pci")
                self.d.stop()
                process.kill()
                process.wait()
                self.d.start()
                self.given_back(NVME, SPLIT, PEER)
                self.assertEqual(self.d.resets(NVME), 1)
                self.d.stop()

    def test_stopped_while_somebody_holds(self):
        """In the middle of an end that waits for a holder: it waits again."""
        self.begin()
        user = self.client(USER)
        lease = user.acquire([NVME])
        os.close(lease.fds.pop("hold"))
        self.root.wait_state(NVME, "releasing")
        self.again()
        self.assertEqual(self.root.state(NVME), "releasing")
        self.refused(ERROR + "Busy", user.acquire, [NVME])
        self.assertEqual(self.d.resets(NVME), 0)
        lease.close()
        self.given_back(NVME)
        self.assertEqual(self.d.resets(NVME), 1)


class KilledAnywhere(case.BusTest):
    """SIGKILL right before each kernel operation of a lease, then a new daemon."""

    def lease(self, devices, handover):
        try:
            lease = self.client(USER).acquire(devices, handover=handover)
            lease.release()
        except Refused as e:
            # The bus says so for a daemon that died; any other error would be one too many.
            self.assertEqual(e.name, "org.freedesktop.DBus.Error.NoReply")

    def anywhere(self, devices, backend, handover):
        d = self.d = self.daemon(start=False, environment={"DEVLEASE_FAKE_BACKEND": backend})
        with open(d.state_file, "w") as f:
            json.dump({"devices": {PEER: {}}}, f)
        d.start()
        root, host = self.client(), d.host()
        d.clear_trace()
        self.lease(devices, handover)
        counts, killed = {}, 0
        for operation, _ in d.trace():
            counts[operation] = counts.get(operation, 0) + 1
            if operation in ("driver_get", "override_get", "scan_device", "host_use"):
                continue  # they change nothing: the same as before the next one
            with self.subTest(operation=operation, nth=counts[operation]):
                told = len(d.journal())
                d.arm("%s:%d:KILL" % (operation, counts[operation]))
                self.lease(devices, handover)
                self.assertEqual(d.process.wait(20), -signal.SIGKILL)
                killed += 1
                d.start()
                for address in devices:
                    root.wait_state(address, "free")
                self.assertEqual(d.host(), host)
                self.assertEqual(root.list_leases(), {})
                events = [r["event"] for r in d.journal()[told:]]
                granted = "lease.granted" in events
                self.assertIn("lease.released" if granted else "lease.aborted", events)
                self.assertEqual(os.listdir(d.path("run/leases")), [])
                self.assertEqual(os.listdir(d.path("run/hold")), [])
        self.assertGreater(killed, 10)

    def test_iommufd_attached(self):
        self.anywhere([NVME], "iommufd", "attached")

    def test_iommufd_opened_with_peer(self):
        self.anywhere([SPLIT], "iommufd", "opened")

    def test_legacy_attached(self):
        self.anywhere([NVME], "legacy", "attached")

    def test_untouched(self):
        """What the host has had all the time is not taken from it to be given back."""
        d = self.d = self.daemon()
        root = self.client()
        d.arm("override_set:1:KILL")
        self.lease([NVME, "0000:02:00.0", "0000:02:00.1", "0000:02:00.2"], "attached")
        self.assertEqual(d.process.wait(20), -signal.SIGKILL)
        d.clear_trace()
        d.start()
        root.wait_state(NVME, "free")
        changes = {"override_set", "driver_unbind", "driver_probe", "function_reset"}
        self.assertEqual(changes & {c[0] for c in d.trace()}, set())
        self.assertEqual(len(d.events("lease.aborted")), 1)

    def test_reset_by_the_bus(self):
        self.anywhere(["0000:04:01.0", "0000:04:02.0"], "iommufd", "attached")


class FdStore(case.BusTest):
    def begin(self, backend="iommufd", idle_peer=False):
        self.manager = ServiceManager(os.path.join(self.work, "notify"))
        self.addCleanup(self.manager.stop)
        self.d = self.daemon(start=False, environment={"DEVLEASE_FAKE_BACKEND": backend})
        if idle_peer:
            with open(self.d.state_file, "w") as f:
                json.dump({"devices": {PEER: {}}}, f)
        self.manager.start(self.d)
        self.host, self.root = self.d.host(), self.client()

    def again(self):
        self.d.stop()
        self.manager.start(self.d)

    def test_ready(self):
        self.begin()
        self.eventually(lambda: any(m.get("READY") == "1" for m in self.manager.messages),
                        "READY=1")

    def survives(self, backend, handover, roles):
        self.begin(backend)
        process, got = self.holder([NVME], handover=handover)
        names = sorted(got["id"] + "." + role for role in roles)
        self.assertEqual(self.manager.names(), names)
        for _ in range(2):
            self.again()
            user = self.client(USER)
            self.assertEqual(self.root.list_leases()[got["id"]]["State"], "active")
            fd, info = user.open_device(got["path"], NVME)
            self.assertEqual(os.readlink("/proc/self/fd/%d" % fd), got["fds"][NVME])
            self.assertEqual(info, got["info"]["devices"][NVME])
            os.close(fd)
            fd, info = user.open(got["path"], "OpenIommu")
            self.assertEqual(os.readlink("/proc/self/fd/%d" % fd), got["fds"]["iommu"])
            os.close(fd)
            self.assertEqual(self.manager.names(), names, "what is in the store stays there")
        process.stdin.write("release\n")
        process.stdin.flush()
        self.assertEqual(process.stdout.readline(), "released\n")
        self.root.wait_state(NVME, "free")
        self.eventually(lambda: not self.manager.store, "the store is empty")
        self.assertEqual(self.d.host(), self.host)

    def test_iommufd_attached(self):
        self.survives("iommufd", "attached", ["iommu", "device-0000_01_00.0"])

    def test_iommufd_opened(self):
        self.survives("iommufd", "opened", ["iommu", "device-0000_01_00.0"])

    def test_legacy(self):
        self.survives("legacy", "attached", ["iommu", "device-0000_01_00.0", "group-14"])

    def test_client_died_meanwhile(self):
        """The store alone does not keep a lease alive, and is no holder of the device."""
        self.begin()
        process, _ = self.holder([NVME])
        self.d.stop()
        process.kill()
        process.wait()
        self.manager.start(self.d)
        self.root.wait_state(NVME, "free")
        self.eventually(lambda: not self.manager.store, "the store is empty")
        self.assertEqual(self.d.host(), self.host)

    def test_wrong_fd(self):
        """What is not what its name says is closed; the lease goes on with the rest."""
        self.begin()
        process, got = self.holder([NVME, EDU])
        name = got["id"] + ".device-0000_01_00.0"
        self.d.stop()
        for fd in self.manager.store[name]:
            os.close(fd)
        self.manager.store[name] = [os.open("/dev/null", os.O_RDWR)]
        self.manager.start(self.d)
        user = self.client(USER)
        self.assertEqual(self.root.list_leases()[got["id"]]["State"], "degraded")
        self.refused(ERROR + "Busy", user.open_device, got["path"], NVME)
        fd, _ = user.open_device(got["path"], EDU)
        os.close(fd)
        self.eventually(lambda: name not in self.manager.store, "it is out of the store")
        self.assertEqual([n for n in self.d.fds() if n == "/dev/null"], ["/dev/null"], "stdin")
        process.kill()
        for address in (NVME, EDU):
            self.root.wait_state(address, "free")
        self.assertEqual(self.d.host(), self.host)

    def lost(self, device, role, backend):
        """A lease without an fd that its client never had is not what it was, either."""
        self.begin(backend, idle_peer=True)
        process, got = self.holder([device])
        self.d.stop()
        for fd in self.manager.store.pop(got["id"] + "." + role):
            os.close(fd)
        self.manager.start(self.d)
        self.assertEqual(self.root.list_leases()[got["id"]]["State"], "degraded")
        process.kill()
        self.root.wait_state(device, "free")
        self.assertEqual(self.d.host(), self.host)

    def test_lost_group(self):
        self.lost(NVME, "group-14", "legacy")

    def test_lost_peer(self):
        self.lost(SPLIT, "device-0000_0e_00.1", "iommufd")

    def test_fd_of_no_lease(self):
        self.begin()
        self.d.stop()
        self.manager.store = {"l99999999999.iommu": [os.open("/dev/null", os.O_RDWR)],
                              "garbage": [os.open("/dev/zero", os.O_RDWR)]}
        self.manager.start(self.d)
        self.assertNotIn("/dev/zero", self.d.fds())
        self.eventually(lambda: "l99999999999.iommu" not in self.manager.store, "removed")
        self.assertEqual(self.root.list_leases(), {})

    def test_refused_leaves_nothing(self):
        """A request that fails after its fds were stored takes them out again."""
        self.begin()
        for operation in ("cdev_attach", "hot_reset_info"):
            self.d.arm(operation + ":1:EIO")
            self.refused(ERROR + "Kernel", self.client(USER).acquire, [NVME])
            self.assertEqual(self.manager.store, {})


if __name__ == "__main__":
    case.main()
