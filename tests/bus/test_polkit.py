# SPDX-License-Identifier: LGPL-2.1-or-later
"""Access=ask: what polkit is asked, what its answers come to, and that waiting for it costs little."""
import statistics
import threading
import time

import authority
import case
from authority import CHALLENGE, DISMISSED, HANG, NO, YES
from client import ERROR, MANAGER, PATH, Refused
from daemon import OTHER, USER

NVME, EDU, NIC = "0000:01:00.0", "0000:0c:00.0", "0000:07:00.0"
POLICY = """[Rule free]
User=%d
Device=%s
Access=allow
[Rule asked]
User=%d %d
Access=ask
Handover=attached opened
""" % (OTHER, EDU, USER, OTHER)
OUTSTANDING = 32  # requests of one uid that may wait at once
LIMIT = 30  # seconds that a question without interaction may take


class Pending:
    """A request under way in a thread, with a client of its own."""

    def __init__(self, test, devices, uid=USER, **opts):
        self.client, self.outcome = test.client(uid), None
        self.started = time.monotonic()
        self.thread = threading.Thread(target=self.run, args=(devices, opts))
        self.thread.start()

    def run(self, devices, opts):
        try:
            self.outcome = self.client.acquire(devices, **opts)
        except Exception as e:  # pylint: disable=broad-except
            self.outcome = e
        self.took = time.monotonic() - self.started

    def result(self, timeout=20):
        self.thread.join(timeout)
        if self.thread.is_alive():
            raise AssertionError("no reply after %d s" % timeout)
        return self.outcome


class Polkit(case.BusTest):
    def begin(self, answers=HANG, policy=POLICY):
        self.polkit = authority.Authority(self.bus.address, answers)
        self.addCleanup(self.polkit.stop)
        self.d = self.daemon(policy=policy)
        self.user, self.root = self.client(USER), self.client()

    def asked(self, n=1):
        self.eventually(lambda: len(self.polkit.questions) >= n, "polkit is asked")
        return self.polkit.questions[n - 1]

    def refusal(self, code):
        """The one record of a refusal; its finding is this."""
        self.eventually(lambda: self.d.events("lease.refused"), "journaled")
        record, = self.d.events("lease.refused")
        self.assertIn(code, [f["code"] for f in record["findings"]])
        return record

    def denied(self, pending, code, *words):
        outcome = pending.result()
        self.assertIsInstance(outcome, Refused)
        self.assertEqual(outcome.name, ERROR + "Denied", outcome.message)
        for word in (NVME, *words):
            self.assertIn(word, outcome.message)
        record = self.refusal(code)
        self.assertIn("polkit", record["polkit"])
        return outcome

    # --- answers ---

    def test_yes(self):
        self.begin(YES)
        lease = self.user.acquire([NVME], label="vm")
        question, = self.polkit.questions
        self.assertEqual(question.kind, "system-bus-name")
        self.assertEqual(question.subject, {"name": self.user.name})
        self.assertEqual(question.action, "org.devlease1.acquire")
        self.assertFalse(question.interactive)
        shown = self.root.list_devices()[NVME]
        details = dict(question.details)
        self.assertEqual(details.pop("vendor"), shown["VendorName"] or "%04x" % shown["VendorId"])
        self.assertEqual(details.pop("model"), shown["ModelName"] or "%04x" % shown["DeviceId"])
        self.assertEqual(details, {
            "device": NVME, "id": "%04x:%04x" % (shown["VendorId"], shown["DeviceId"]),
            "class": "%06x" % shown["Class"], "group": str(shown["IommuGroup"]),
            "handover": "attached", "rule": "asked"})
        lease.release()
        for event in ("lease.requested", "lease.granted", "lease.released"):
            record, = self.d.events(event)
            self.assertEqual(record["caller"]["polkit"], ["org.devlease1.acquire"], event)

    def test_yes_is_for_this_request(self):
        """Nothing is kept: the next request is asked about anew."""
        self.begin(YES)
        for n in (1, 2):
            self.user.acquire([NVME], handover="opened").release()
            self.assertEqual(len(self.polkit.questions), n)
        self.assertEqual(self.asked(2).details["handover"], "opened")

    def test_interaction_only_where_the_caller_permits_it(self):
        self.begin(YES)
        self.user.acquire([NVME], interactive=True).release()
        self.assertTrue(self.asked().interactive)

    def test_every_device_one_after_the_other(self):
        self.begin(lambda q: YES if q.details["device"] == NVME else NO)
        message = self.refused(ERROR + "Denied", self.user.acquire, [NVME, EDU, NIC])
        self.assertEqual([q.details["device"] for q in self.polkit.questions], [NVME, EDU])
        self.assertIn(EDU, message)
        self.assertNotIn(NVME, message)
        self.assertEqual(self.root.state(NVME), "free")

    def test_only_devices_whose_rule_asks(self):
        self.begin(YES)
        self.client(OTHER).acquire([EDU, NVME]).release()
        self.assertEqual([q.details["device"] for q in self.polkit.questions], [NVME])

    def test_no_answer_but_yes_gives_a_device(self):
        for answer, code, words in (
                (NO, "access.not-authorised", "does not authorise"),
                (DISMISSED, "access.not-authorised", "dismissed"),
                (CHALLENGE, "access.no-interaction", "--no-ask-password"),
                ("org.freedesktop.PolicyKit1.Error.Failed", "access.no-answer", "polkit"),
                ("org.freedesktop.DBus.Error.NoReply", "access.no-answer", "systemctl status")):
            with self.subTest(answer=answer):
                self.begin(answer)
                before = self.d.host()
                self.denied(Pending(self, [NVME]), code, words)
                self.assertEqual(self.d.host(), before)
                self.polkit.stop()
                self.d.stop()

    def test_absent(self):
        self.begin()
        self.polkit.stop()
        self.denied(Pending(self, [NVME]), "access.no-answer", "not running")

    def test_it_dies_while_it_is_asked(self):
        self.begin()
        pending = Pending(self, [NVME])
        self.asked()
        self.polkit.stop()
        self.denied(pending, "access.no-answer")
        self.assertLess(pending.took, LIMIT / 2)

    def test_root_needs_none(self):
        self.begin()
        self.root.acquire([NVME], for_uid=USER).release()
        self.assertFalse(self.polkit.questions)

    def test_explain_never_asks(self):
        self.begin()
        verdict, findings = self.user.explain([NVME])
        self.assertEqual(verdict, "ask")
        self.assertIn("access.ask", [f["code"] for f in findings])
        self.assertFalse(self.polkit.questions)

    def test_what_is_refused_anyway_is_not_asked_about(self):
        self.begin(YES)
        self.refused(ERROR + "NotIsolated", self.user.acquire, ["0000:04:01.0"])
        self.assertFalse(self.polkit.questions)

    # --- while it is asked ---

    def test_hung(self):
        """Nobody else waits, and who waits does so for a while only."""
        self.begin()
        pending = Pending(self, [NVME])
        self.asked()
        other, times = self.client(OTHER), []
        for _ in range(100):
            started = time.monotonic()
            other.explain([EDU])
            times.append(time.monotonic() - started)
        print("Explain of another while polkit hangs: median %.2f ms, max %.2f ms" % (
            statistics.median(times) * 1000, max(times) * 1000))
        self.assertLess(statistics.median(times), 0.020)
        started = time.monotonic()
        other.acquire([EDU]).release()
        self.assertLess(time.monotonic() - started, 2)
        self.assertEqual(self.root.state(NVME), "free", "what is asked about claims nothing")
        outcome = pending.result(LIMIT + 15)
        self.assertGreater(pending.took, LIMIT - 1)
        self.assertLess(pending.took, LIMIT + 5)
        self.assertEqual(outcome.name, ERROR + "Denied")
        self.assertIn("in time", outcome.message)
        self.refusal("access.no-answer")
        self.eventually(lambda: self.polkit.cancelled == [self.asked().id], "polkit is told")

    def test_caller_leaves(self):
        self.begin()
        self.user.connection.send_message(self.user.acquire_message([NVME]), 0)
        question = self.asked()
        self.user.close()
        self.eventually(lambda: self.polkit.cancelled == [question.id], "polkit is told")
        self.refusal("access.not-authorised")
        self.polkit.answer(question, YES)
        self.root.list_leases()
        self.assertEqual(self.root.state(NVME), "free")
        self.assertFalse(self.d.events("lease.requested"))

    def test_waiting_counts_and_leaving_gives_back(self):
        self.begin()
        waiting = self.client(USER)
        for _ in range(OUTSTANDING):
            waiting.connection.send_message(waiting.acquire_message([NVME]), 0)
        self.asked(OUTSTANDING)
        self.refused(ERROR + "LimitsExceeded", self.user.acquire, [EDU])
        self.client(OTHER).acquire([EDU]).release()
        waiting.close()
        self.eventually(lambda: len(self.polkit.cancelled) == OUTSTANDING, "all are cancelled")
        self.assertEqual(len(set(self.polkit.cancelled)), OUTSTANDING)
        self.polkit.answers = YES
        for _ in range(2):
            self.user.acquire([NVME]).release()

    def test_another_that_leaves_changes_nothing(self):
        self.begin()
        pending, idle = Pending(self, [NVME]), self.client(USER)
        question = self.asked()
        idle.close()
        self.root.list_leases()
        self.polkit.answer(question, YES)
        pending.result().release()
        self.assertFalse(self.polkit.cancelled)

    def test_policy_reloaded(self):
        for policy, code in (
                (POLICY.replace("Handover=attached opened", "Handover=opened attached"),
                 "access.changed"),
                (POLICY.replace("Access=ask", "Access=allow"), "access.changed"),
                ("# a line more\n" + POLICY, "access.changed"),
                (POLICY.replace("Access=ask", "Access=deny"), "access.denied")):
            with self.subTest(code=code):
                self.begin()
                pending = Pending(self, [NVME])
                question = self.asked()
                self.d.write_policy(policy)
                self.root.call(PATH, MANAGER, "Reload")
                self.polkit.answer(question, YES)
                self.denied(pending, code)
                self.polkit.stop()
                self.d.stop()

    def test_reload_of_the_same_policy(self):
        self.begin()
        pending = Pending(self, [NVME])
        question = self.asked()
        self.root.call(PATH, MANAGER, "Reload")
        self.polkit.answer(question, YES)
        pending.result().release()

    def test_leased_meanwhile(self):
        self.begin()
        pending = Pending(self, [NVME])
        question = self.asked()
        lease = self.root.acquire([NVME])
        self.polkit.answer(question, YES)
        outcome = pending.result()
        self.assertEqual(outcome.name, ERROR + "Busy", outcome)
        self.assertIn("authorises", self.refusal("busy.leased")["polkit"])
        lease.release()

    def test_daemon_restarts(self):
        """A question dies with the daemon that asked it; the caller is told by the bus."""
        self.begin()
        pending = Pending(self, [NVME])
        self.asked()
        self.d.stop()
        self.assertIsInstance(pending.result(), Refused)
        self.d.start()
        self.polkit.answers = YES
        self.user.acquire([NVME]).release()


if __name__ == "__main__":
    case.main()
