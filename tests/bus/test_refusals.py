# SPDX-License-Identifier: LGPL-2.1-or-later
"""Refusals: each has its error, says which device, why and what helps, and betrays nobody."""
import os
import re

import case
from client import ERROR, Refused
from daemon import OTHER, USER

NVME = "0000:01:00.0"
EDU = "0000:0c:00.0"
SHARED, SIBLING = "0000:04:01.0", "0000:04:02.0"
SPLIT, PEER = "0000:0e:00.0", "0000:0e:00.1"
PF, VF = "0000:0b:00.0", "0000:0b:00.1"
READS = {"driver_get", "override_get", "scan_device", "scan", "host_use"}


class Refusals(case.BusTest):
    def begin(self, rules="User=%d %d\nAccess=allow\n" % (USER, OTHER), backend="both", more=""):
        self.d = self.daemon(policy="[Rule tests]\n" + rules + more,
                             environment={"DEVLEASE_FAKE_BACKEND": backend})
        self.user, self.other, self.root = self.client(USER), self.client(OTHER), self.client()
        self.host, self.fds = self.d.host(), self.d.fds()
        self.d.clear_trace()

    def check(self, name, devices, *words, client=None, **opts):
        """Refused with that error, whose text has the words; nothing was touched."""
        before = self.d.host()
        self.d.clear_trace()
        client = client or self.user
        message = self.refused(name, client.acquire, devices, **opts)
        for word in words:
            self.assertIn(word, message)
        self.assertLessEqual({c[0] for c in self.d.trace()}, READS)
        self.assertEqual(self.d.host(), before)
        verdict, findings = client.explain(devices, **opts)
        self.assertEqual(verdict, "deny")
        for f in findings:
            if f["severity"] == "refuse":
                self.assertIn(f["text"], message)
                self.assertIn(f["help"], message)
                self.assertTrue(f["code"] and f["text"])
        self.eventually(lambda: self.d.events("lease.refused"), "journaled")
        return message

    def test_busy(self):
        self.begin()
        lease = self.user.acquire([NVME], label="secret-vm")
        self.addCleanup(lease.close)
        for client in (self.other, self.user, self.root):
            self.check(ERROR + "Busy", [NVME], NVME, "wait", client=client)

    def test_busy_betrays_nobody(self):
        self.begin()
        process, got = self.holder([NVME], label="secret-vm")
        secrets = {"secret-vm", got["id"], str(USER), str(process.pid), "nobody"}
        message = self.check(ERROR + "Busy", [NVME], client=self.other)
        _, findings = self.other.explain([NVME])
        seen = message + str(findings) + str(self.other.list_devices()) + \
            str(self.other.list_leases())
        for secret in secrets:
            # A pid may well be a part of another number.
            self.assertNotRegex(seen, r"(?<!\w)%s(?!\w)" % re.escape(secret))
        root = str(self.root.list_leases())
        for secret in ("secret-vm", got["id"], str(USER), str(process.pid)):
            self.assertIn(secret, root, "what is looked for would be there to see")

    def test_denied(self):
        self.begin(rules="User=%d\nDevice=%s\nAccess=allow\n" % (USER, NVME))
        self.check(ERROR + "Denied", [EDU], EDU)
        self.check(ERROR + "Denied", [NVME, EDU], EDU)
        self.check(ERROR + "Denied", [NVME], NVME, client=self.other)
        # Root needs no rule, where no rule denies.
        self.root.acquire([EDU]).release()

    def test_denied_by_rule_to_root_too(self):
        self.begin(rules="Device=%s\nAccess=deny\n" % NVME)
        self.check(ERROR + "Denied", [NVME], NVME, client=self.root)

    def test_not_isolated_names_the_sibling(self):
        self.begin()
        self.check(ERROR + "NotIsolated", [SHARED], SHARED, SIBLING, "e1000", "unbind")

    def test_reset_set_shared_names_the_peer(self):
        self.begin()
        self.check(ERROR + "ResetSetShared", [SPLIT], SPLIT, PEER, "igb")

    def test_group_claimed(self):
        self.begin()
        lease = self.user.acquire([SHARED, SIBLING])
        self.check(ERROR + "Busy", [SHARED], SHARED, client=self.other)
        lease.release()

    def test_vf_of_leased_pf(self):
        self.begin()
        self.check(ERROR + "InUse", [PF], PF, VF)

    def test_no_such_device(self):
        self.begin()
        self.check(ERROR + "NoSuchDevice", ["0000:7f:00.0"], "0000:7f:00.0", "devleasectl list")

    def test_bridge(self):
        self.begin()
        self.check(ERROR + "NotSupported", ["0000:00:10.0"], "0000:00:10.0")

    def test_not_supported(self):
        self.begin()
        self.check(ERROR + "NotSupported", [NVME], "legacy", "opened", backend="legacy",
                   handover="opened")
        for handover in ("guarded", "node"):
            self.check(ERROR + "NotSupported", [NVME], handover, handover=handover)

    def test_backend_that_is_not_there(self):
        self.begin(backend="legacy")
        self.check(ERROR + "NotSupported", [NVME], "iommufd", backend="iommufd")
        lease = self.user.acquire([NVME])
        self.assertEqual(lease.info["backend"], "legacy")
        lease.release()

    def test_handover_not_permitted(self):
        self.begin(more="Handover=attached\n")
        self.check(ERROR + "Denied", [NVME], NVME, "opened", handover="opened")

    def test_limits(self):
        self.begin(more="MaxLeases=1\nMaxDevices=2\n")
        self.check(ERROR + "LimitsExceeded", [NVME, EDU, "0000:07:00.0"], "MaxDevices")
        lease = self.user.acquire([NVME])
        self.check(ERROR + "LimitsExceeded", [EDU], "MaxLeases")
        self.other.acquire([EDU]).release()
        lease.release()
        self.user.acquire([EDU]).release()

    def test_reload_is_for_root(self):
        self.begin()
        self.refused(ERROR + "Denied", self.user.call, "/org/devlease1", "org.devlease1.Manager",
                     "Reload")
        self.root.call("/org/devlease1", "org.devlease1.Manager", "Reload")
        self.eventually(lambda: len(self.d.events("policy.loaded")) == 2, "policy.loaded is journaled")

    def test_stricter_than_policy_only(self):
        """A client may add a requirement, and cannot take one away."""
        self.begin()
        self.check(ERROR + "NotIsolated", ["0000:02:00.0", "0000:02:00.1", "0000:02:00.2"],
                   "0000:02:00.0", isolation="strict")
        self.check(ERROR + "ResetSetShared", [SPLIT], SPLIT, reset_set="tolerate")


class Flood(case.BusTest):
    def test_calls_per_second(self):
        """Beyond the burst a user is refused, root and others are not; refusals fold up."""
        self.daemon()
        user, root = self.client(USER), self.client()
        refused = 0
        for _ in range(3000):
            try:
                user.list_leases()
            except Refused as e:
                self.assertEqual(e.name, ERROR + "LimitsExceeded")
                refused += 1
                if refused > 3:
                    break
        self.assertGreater(refused, 3)
        root.list_leases()
        self.client(OTHER).list_leases()

    def test_outstanding(self):
        """Requests that wait count: one user's many leave another's alone."""
        d = self.daemon(start=False)
        fifo = os.path.join(self.work, "hang")
        os.mkfifo(fifo)
        d.environment["DEVLEASE_FAKE_HANG"] = NVME + "=" + fifo
        d.start()
        user = self.client(USER)
        user.connection.send_message(user.acquire_message([NVME]), 0)
        root = self.client()
        root.wait_state(NVME, "leased")
        self.refused(ERROR + "Busy", user.acquire, [NVME])
        self.client(OTHER).acquire([EDU]).release()
        # The client leaves before it is served: an ordinary release.
        user.close()
        with open(fifo, "w"):
            pass
        with self.assertRaises(AssertionError):
            root.wait_state(NVME, "free", timeout=0.3)
        with open(fifo, "w"):
            pass
        root.wait_state(NVME, "free")


if __name__ == "__main__":
    case.main()
