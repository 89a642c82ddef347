# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every kernel operation of a lease fails once: nothing is lost, nothing is left, all is told.

A traced lease tells which operations its life makes, from Acquire to the end. Each of them then
fails with EIO in a lease of its own, in the order of the trace, so that each lease also shows that
everything before its fault works again. What failed is compared with what was traced. A close
cannot fail: the kernel frees the fd in any case, so the gate only announces it.
"""
import json
import os

import case
from client import ERROR, Refused
from daemon import USER

CANNOT_FAIL = {"close"}
DEVICES = {
    "host driver": ["0000:01:00.0"],
    "no driver": ["0000:0c:00.0"],
    "slot": ["0000:02:00.0", "0000:02:00.1", "0000:02:00.2"],
    "reset peer in another group": ["0000:0e:00.0"],
    "no reset of its own": ["0000:04:01.0", "0000:04:02.0"],
}
PEER = "0000:0e:00.1"


def numbered(trace):
    """Each call as (operation, which of its kind, subject[, fault])."""
    counts, calls = {}, []
    for operation, *rest in trace:
        counts[operation] = counts.get(operation, 0) + 1
        calls.append((operation, counts[operation], *rest))
    return calls


class Faults(case.BusTest):
    def begin(self, backend):
        self.d = self.daemon(start=False, environment={"DEVLEASE_FAKE_BACKEND": backend})
        # The peer of the split slot is idle, so that it can be reserved.
        with open(self.d.state_file, "w") as f:
            json.dump({"devices": {PEER: {}}}, f)
        self.d.start()
        self.user, self.root = self.client(USER), self.client()

    def lease(self, devices, handover):
        """One life of a lease, to its end; the error of a refusal."""
        try:
            lease = self.user.acquire(devices, handover=handover)
        except Refused as e:
            return e
        lease.release()
        return None

    def traced(self, devices, handover):
        """The operations of one lease without a fault."""
        self.d.clear_trace()
        self.assertIsNone(self.lease(devices, handover))
        self.no_fds_left(self.d, self.fds)
        return numbered(self.d.trace())

    def times(self, operation):
        return len([c for c in self.d.trace() if c[0] == operation])

    def shown_as_it_is(self):
        return all(d["State"] == "free" and d["Driver"] == (self.host[a]["driver"] or "")
                   for a, d in self.root.list_devices().items())

    def is_survey(self, operation, nth):
        """Whether that call comes before there is a lease: a survey of the inquiry."""
        before = [c[:2] for c in self.calls[:[c[0] for c in self.calls].index("driver_get")]]
        return (operation, nth) in before

    def check_survey(self, error, told):
        """What could not be looked at is not taken; there was no lease that could have failed."""
        self.assertEqual(error.name, ERROR + "InUse", error.message)
        self.eventually(lambda: self.d.journal()[told:], "the refusal is journaled")
        record, = self.d.journal()[told:]
        self.assertEqual(record["event"], "lease.refused")
        self.assertEqual([f["code"] for f in record["findings"]], ["host-use.unknown-users"])

    def check_told(self, error, operation, told):
        end = "lease.failed" if error else "lease.released"
        self.eventually(lambda: end in [r["event"] for r in self.d.journal()[told:]], end)
        records = self.d.journal()[told:]
        trouble = " ".join(r.get("trouble", "") for r in records)
        self.assertRegex(trouble, operation + r"( \S+)?: EIO")

    def inject(self, devices, handover, operation, nth):
        """What was made to fail, as (operation, nth, subject)."""
        resets = [self.d.resets(a) for a in devices]
        told = len(self.d.journal())
        self.d.clear_trace()
        self.d.arm("%s:%d:EIO" % (operation, nth))
        error = self.lease(devices, handover)
        survey = self.is_survey(operation, nth)
        if error and not survey:
            self.assertEqual(error.name, ERROR + "Kernel", error.message)
            self.assertIn(operation, error.message)
            self.assertIn("EIO", error.message)
            self.assertTrue(error.message.startswith("0000:"), error.message)
        elif not error:
            for address, before in zip(devices, resets):
                self.assertGreater(self.d.resets(address), before, "came back without a reset")
        self.assertEqual(self.d.host(), self.host)
        self.no_fds_left(self.d, self.fds)
        if operation == "scan_device":
            # What could not be read is looked at again when the lease is over, or goes on.
            self.eventually(lambda: self.times("scan_device") >
                            len([c for c in self.calls if c[0] == "scan_device"]), "a new look")
        self.eventually(self.shown_as_it_is, "the bus shows each device as it is")
        if survey:
            self.check_survey(error, told)
        else:
            self.check_told(error, operation, told)
        calls = numbered(self.d.trace())
        failed = [n for n, c in enumerate(calls) if c[3:]]
        self.assertEqual(len(failed), 1)
        self.assertEqual(calls[:failed[0]], self.calls[:failed[0]], "what worked before the fault")
        return calls[failed[0]][:3]

    def all_faults(self, kind, backend, handover):
        self.begin(backend)
        devices = DEVICES[kind]
        self.lease(devices, handover)
        self.eventually(lambda: not any("(deleted)" in n for n in self.d.fds()), "the hold is gone")
        self.host, self.fds = self.d.host(), self.d.fds()
        self.calls = self.traced(devices, handover)
        wanted = [c for c in self.calls if c[0] not in CANNOT_FAIL]
        injected = []
        for operation, nth, subject in wanted:
            with self.subTest(operation=operation, nth=nth, subject=subject):
                injected.append(self.inject(devices, handover, operation, nth))
        self.assertEqual(self.traced(devices, handover), self.calls)
        self.assertEqual(injected, wanted)
        self.assertGreater(len(injected), 15)


def add_tests():
    for kind in DEVICES:
        for backend, handover in (("iommufd", "attached"), ("iommufd", "opened"),
                                  ("legacy", "attached")):
            def test(self, kind=kind, backend=backend, handover=handover):
                self.all_faults(kind, backend, handover)
            setattr(Faults, "test_%s_%s_%s" % (kind.replace(" ", "_"), backend, handover), test)


add_tests()
if __name__ == "__main__":
    case.main()
