# SPDX-License-Identifier: LGPL-2.1-or-later
"""WhenFree=vfio: a device stays on vfio-pci after its lease, and all else is as it was before."""
import json
import signal

import case
from client import Refused
from daemon import POLICY, USER

NVME = "0000:01:00.0"
SPLIT, PEER = "0000:0e:00.0", "0000:0e:00.1"
STAYS = POLICY + "WhenFree=vfio\n"
CHANGES = ("override_set", "driver_unbind", "driver_probe")


class StaysOnVfio(case.BusTest):
    def begin(self, state=None, **environment):
        self.d = self.daemon(start=False, policy=STAYS, environment=environment)
        with open(self.d.state_file, "w") as f:
            json.dump({"devices": {PEER: {}, **({NVME: state} if state else {})}}, f)
        self.d.start()
        self.before, self.root, self.user = self.d.host(), self.client(), self.client(USER)

    def stayed(self, *addresses):
        """These are on vfio-pci under the override that they had, and nothing else changed."""
        after = {a: {**d, "driver": "vfio-pci"} if a in addresses else d
                 for a, d in self.before.items()}
        self.assertEqual(self.d.host(), after)
        for address in addresses:
            self.assertEqual(self.root.state(address), "free")
            self.assertEqual(self.root.device(address, "Driver"), "vfio-pci")

    def test_each_backend_and_handover(self):
        for backend, handover in (("iommufd", "attached"), ("iommufd", "opened"),
                                  ("legacy", "attached")):
            with self.subTest(backend=backend, handover=handover):
                self.begin(DEVLEASE_FAKE_BACKEND=backend)
                self.assertEqual(self.before[NVME]["driver"], "nvme")
                for _ in range(2):
                    self.user.acquire([NVME], handover=handover).release()
                    self.stayed(NVME)
                self.assertEqual(self.d.resets(NVME), 2)
                self.d.stop()

    def test_the_next_lease_changes_no_driver(self):
        self.begin()
        self.user.acquire([NVME]).release()
        self.d.clear_trace()
        lease = self.user.acquire([NVME])
        self.assertEqual([c for c in self.d.trace() if c[0] in CHANGES], [])
        lease.release()

    def test_override_of_an_admin(self):
        self.begin({"driver": "nvme", "override": "nvme"})
        self.assertEqual(self.before[NVME]["override"], "nvme")
        for _ in range(2):
            self.user.acquire([NVME]).release()
            self.stayed(NVME)
        # By the rule of the next lease it goes back to what it had before that: vfio-pci.
        self.d.write_policy(POLICY)
        self.root.call("/org/devlease1", "org.devlease1.Manager", "Reload")
        self.user.acquire([NVME]).release()
        self.stayed(NVME)

    def test_peers_go_back(self):
        self.begin()
        lease = self.user.acquire([SPLIT])
        self.assertEqual(self.d.host()[PEER]["driver"], "vfio-pci")
        lease.release()
        self.stayed(SPLIT)

    def test_a_lease_that_never_was(self):
        self.begin()
        for operation in ("cdev_open", "cdev_bind", "cdev_attach"):
            with self.subTest(operation=operation):
                self.d.arm(operation + ":1:EIO")
                with self.assertRaises(Refused):
                    self.user.acquire([NVME])
                self.assertEqual(self.d.host(), self.before)

    def test_a_reset_that_fails(self):
        self.begin()
        lease = self.user.acquire([NVME])
        self.d.arm("function_reset:1:EIO:3")
        lease.close()
        self.root.wait_state(NVME, "quarantined")
        self.assertIsNone(self.d.host()[NVME]["driver"])

    def test_terms_outlive_the_daemon_and_the_policy(self):
        self.begin()
        process, _ = self.holder([NVME])
        self.d.write_policy(POLICY)
        self.d.end(signal.SIGKILL)
        self.d.start()
        self.assertEqual(self.root.state(NVME), "leased")
        process.kill()
        self.root.wait_state(NVME, "free")
        self.stayed(NVME)
        self.d.end(signal.SIGKILL)
        self.d.start()
        self.stayed(NVME)

    def test_killed_anywhere_on_the_way_out(self):
        self.begin()
        lease = self.user.acquire([NVME])
        self.d.clear_trace()
        lease.release()
        self.stayed(NVME)
        counts, killed = {}, 0
        for operation, _ in self.d.trace():
            counts[operation] = counts.get(operation, 0) + 1
            if operation in ("driver_get", "override_get", "scan_device"):
                continue  # they change nothing: the same as before the next one
            with self.subTest(operation=operation, nth=counts[operation]):
                lease = self.user.acquire([NVME])
                self.d.arm("%s:%d:KILL" % (operation, counts[operation]))
                try:
                    lease.release()
                except Refused as e:
                    self.assertEqual(e.name, "org.freedesktop.DBus.Error.NoReply")
                self.assertEqual(self.d.process.wait(20), -signal.SIGKILL)
                killed += 1
                self.d.start()
                self.root.wait_state(NVME, "free")
                self.stayed(NVME)
        self.assertGreater(killed, 5)


if __name__ == "__main__":
    case.main()
