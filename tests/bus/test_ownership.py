# SPDX-License-Identifier: LGPL-2.1-or-later
"""ResetSetOwned: it follows what happens around a lease, and its holder alone is told."""
import json

import case
from daemon import OTHER, USER

FIRST, SECOND = "0000:0e:00.0", "0000:0e:00.1"  # one reset set over two IOMMU groups
LEASE = "org.devlease1.Lease"


class Ownership(case.BusTest):
    def begin(self, requirement, idle=True):
        self.d = self.daemon(start=False, policy="[Rule tests]\nUser=%d %d\nAccess=allow\n"
                             "ResetSet=%s\nHostUse=allow\n" % (USER, OTHER, requirement))
        if idle:
            with open(self.d.state_file, "w") as f:
                json.dump({"devices": {SECOND: {"driver": None}}, "files": [], "serial": 0}, f)
        self.d.start()
        self.user, self.other = self.client(USER), self.client(OTHER)
        self.seen, self.unseen = self.user.watch(), self.other.watch()

    def owned(self, lease):
        return self.user.get(lease.path, LEASE, "ResetSetOwned")

    def told(self):
        self.user.signals()
        return [c["ResetSetOwned"] for _, interface, c in self.seen if interface == LEASE]

    def recorded(self):
        return [r["devices"] for r in self.d.events("lease.reset-set")]

    def test_a_sibling_on_a_host_driver_is_not_owned(self):
        self.begin("tolerate", idle=False)
        lease = self.user.acquire([FIRST])
        self.addCleanup(lease.close)
        self.assertIs(self.owned(lease), False)
        self.assertIs(lease.info["devices"][FIRST]["reset-set-owned"], False)
        self.assertEqual(self.told(), [])

    def test_a_sibling_leased_later_and_given_back(self):
        self.begin("tolerate")
        lease = self.user.acquire([FIRST])
        self.addCleanup(lease.close)
        self.assertIs(self.owned(lease), True)
        self.assertIs(lease.info["devices"][FIRST]["reset-set-owned"], True)
        theirs = self.other.acquire([SECOND])
        self.eventually(lambda: self.told() == [False], "the holder is told")
        self.assertIs(self.owned(lease), False)
        theirs.release()
        theirs.close()
        self.eventually(lambda: self.told() == [False, True], "told again")
        self.eventually(lambda: len(self.recorded()) == 2, "journaled")
        self.assertEqual(self.recorded(), [
            [{"address": FIRST, "reset-set-owned": owned}] for owned in (False, True)])
        self.other.signals()
        self.assertEqual([s for s in self.unseen if s[1] == LEASE], [])

    def test_the_holder_is_told_after_a_restart(self):
        self.begin("tolerate")
        lease = self.user.acquire([FIRST])
        self.addCleanup(lease.close)
        for _ in range(2):
            self.d.stop()
            self.d.start()
        self.other.acquire([SECOND]).close()
        self.eventually(lambda: self.told()[:1] == [False], "the holder is told")
        self.other.signals()
        self.assertEqual([s for s in self.unseen if s[1] == LEASE], [])

    def test_a_name_on_another_bus_is_a_stranger(self):
        self.begin("tolerate")
        lease = self.user.acquire([FIRST])
        self.addCleanup(lease.close)
        self.d.stop()
        path = self.d.path("run/leases/%s.json" % lease.id)
        with open(path) as f:
            state = json.load(f)
        state["holder"]["bus"] = "0" * 32
        with open(path, "w") as f:
            json.dump(state, f)
        self.d.start()
        self.other.acquire([SECOND]).close()
        self.eventually(lambda: self.recorded(), "journaled")
        self.assertEqual(self.told(), [])

    def test_exclusive_keeps_it(self):
        self.begin("exclusive")
        lease = self.user.acquire([FIRST])
        self.addCleanup(lease.close)
        self.refused("org.devlease1.Error.Busy", self.other.acquire, [SECOND])
        self.assertIs(self.owned(lease), True)
        self.assertEqual((self.told(), self.recorded()), ([], []))


if __name__ == "__main__":
    case.main()
