# SPDX-License-Identifier: LGPL-2.1-or-later
"""Admin actions of callers that are not root: polkit is asked, and everything is looked at again."""
import os
import threading
import time

import authority
import case
from authority import CHALLENGE, HANG, NO, YES
from client import DEVICE, ERROR, LEASE, MANAGER, PATH, Refused, device_path
from daemon import OTHER, POLICY, USER
from gi.repository import GLib

NVME, EDU = "0000:01:00.0", "0000:0c:00.0"
MANAGE, RELOAD = "org.devlease1.manage", "org.devlease1.reload"
UNKNOWN = ("org.freedesktop.DBus.Error.UnknownObject", "org.freedesktop.DBus.Error.UnknownMethod")
OUTSTANDING = 32


class Admin(case.BusTest):
    def setUp(self):
        super().setUp()
        self.polkit = authority.Authority(self.bus.address, YES)
        self.addCleanup(self.polkit.stop)
        self.d = self.daemon()
        self.user, self.admin, self.root = self.client(USER), self.client(OTHER), self.client()

    def quarantine(self, client, address=NVME, method="Quarantine"):
        body = GLib.Variant("(s)", ("why",)) if method == "Quarantine" else None
        client.call(device_path(address), DEVICE, method, body)

    def reload(self, client):
        client.call(PATH, MANAGER, "Reload")

    def later(self, function, *arguments):
        """Runs a call in a thread: the thread, and the list that gets its outcome."""
        outcome = []

        def run():
            try:
                outcome.append(function(*arguments))
            except Exception as e:  # pylint: disable=broad-except
                outcome.append(e)
        thread = threading.Thread(target=run)
        thread.start()
        return thread, outcome

    def asked(self, n=1):
        self.eventually(lambda: len(self.polkit.questions) >= n, "polkit is asked")
        return self.polkit.questions[n - 1]

    def records(self, event, n=1):
        """The n records of an event; the journal is written behind the replies."""
        self.eventually(lambda: len(self.d.events(event)) >= n, event + " is journaled")
        records = self.d.events(event)
        self.assertEqual(len(records), n)
        return records

    def test_reload(self):
        self.reload(self.admin)
        question, = self.polkit.questions
        self.assertEqual((question.action, question.subject, question.details),
                         (RELOAD, {"name": self.admin.name}, {"method": "Reload"}))
        caller = self.records("policy.loaded", 2)[1]["caller"]
        self.assertEqual((caller["uid"], caller["polkit"]), (OTHER, [RELOAD]))

    def test_no_policy_at_start(self):
        """Nobody is given a device, root neither, and both learn what is to be done."""
        self.d.stop()
        d = self.daemon(policy="[Rule broken\n")
        for client in (self.user, self.root):
            verdict, findings = client.explain([NVME])
            self.assertEqual(verdict, "deny")
            finding, = [f for f in findings if f["code"].startswith("access.")]
            self.assertEqual(finding["code"], "access.no-policy")
            self.assertIn("devleasectl reload", finding["help"])
            self.refused(ERROR + "Denied", client.acquire, [NVME])
        d.write_policy(POLICY)
        self.reload(self.root)
        self.user.acquire([NVME]).release()

    def test_quarantine_and_clear(self):
        self.quarantine(self.admin)
        self.assertEqual(self.root.state(NVME), "quarantined")
        for client, text in ((self.root, "is quarantined: why"), (self.user, "is quarantined")):
            self.assertIn(text, [f["text"] for f in client.explain([NVME])[1]
                                 if f["code"] == "quarantine.device"])
        self.quarantine(self.admin, method="Clear")
        self.assertEqual(self.root.state(NVME), "free")
        self.assertEqual([(q.action, q.details) for q in self.polkit.questions],
                         [(MANAGE, {"method": m, "device": NVME})
                          for m in ("Quarantine", "Clear")])
        for event in ("device.quarantined", "device.cleared"):
            record, = self.records(event)
            self.assertEqual(record["caller"]["polkit"], [MANAGE])

    def test_release_of_anothers_lease(self):
        lease = self.user.acquire([EDU])
        hold = lease.fds.pop("hold")
        lease.close()
        self.admin.call(lease.path, LEASE, "Release")
        os.close(hold)
        question, = self.polkit.questions
        self.assertEqual((question.action, question.details),
                         (MANAGE, {"method": "Release", "lease": lease.id}))
        record, = self.records("lease.release-ordered")
        self.assertEqual((record["lease"], record["uid"]), (lease.id, USER))
        self.assertEqual((record["caller"]["uid"], record["caller"]["polkit"]), (OTHER, [MANAGE]))
        self.assertEqual(self.root.state(EDU), "free")

    def test_reset_of_anothers_lease(self):
        lease = self.user.acquire([NVME])
        before = self.d.resets(NVME)
        self.admin.call(lease.path, LEASE, "Reset", GLib.Variant("(s)", ("function",)))
        self.assertEqual(self.d.resets(NVME), before + 1)
        self.records("lease.reset-ordered")
        lease.release()
        self.assertFalse(self.d.events("lease.release-ordered"), "its owner orders nothing")

    def test_a_manager_gets_no_fds_and_sees_nothing(self):
        lease = self.user.acquire([NVME], label="secret-vm")
        for method, body in (("OpenIommu", None), ("OpenDevice", GLib.Variant("(s)", (NVME,)))):
            with self.assertRaises(Refused) as caught:
                self.admin.open(lease.path, method, body)
            self.assertIn(caught.exception.name, UNKNOWN)
        with self.assertRaises(Refused):
            self.admin.get(lease.path, LEASE, "Owner")
        self.assertFalse(self.admin.list_leases())
        self.assertFalse(self.polkit.questions, "reading never waits for polkit")
        lease.release()

    def test_only_whom_polkit_authorises_can_tell_a_lease_from_none(self):
        lease = self.user.acquire([NVME])
        nowhere = lease.path[:-4] + "0000"
        for answer in (NO, CHALLENGE, "org.freedesktop.PolicyKit1.Error.Failed", YES):
            self.polkit.answers = answer
            for method, body in (("Release", None), ("Reset", GLib.Variant("(s)", ("hot",)))):
                replies = []
                for path in (nowhere,) if answer is YES else (nowhere, lease.path):
                    asked = len(self.polkit.questions)
                    with self.assertRaises(Refused) as caught:
                        self.admin.call(path, LEASE, method, body)
                    replies.append((caught.exception.name,
                                    caught.exception.message.replace(path, "PATH"),
                                    len(self.polkit.questions) - asked))
                self.assertIn(replies[0][0], UNKNOWN)
                self.assertEqual(replies[0], replies[-1])
                self.assertEqual(replies[0][2], 1)
        lease.release()

    def test_for_uid(self):
        lease = self.admin.acquire([NVME], for_uid=USER)
        question, = self.polkit.questions
        self.assertEqual((question.action, question.details),
                         (MANAGE, {"method": "Acquire", "for-uid": str(USER)}))
        caller = self.d.events("lease.granted")[0]["caller"]
        self.assertEqual((caller["uid"], caller["for-uid"], caller["polkit"]),
                         (OTHER, USER, [MANAGE]))
        lease.close()
        self.assertEqual(self.admin.explain([EDU], for_uid=USER)[0], "allow")
        self.assertEqual(self.polkit.questions[1].details["method"], "Explain")

    def test_nobody_acts_for_root(self):
        for method in (self.admin.acquire, self.admin.explain):
            text = self.refused(ERROR + "Denied", method, [NVME], for_uid=0)
            self.assertIn("only root", text)
        self.assertFalse(self.polkit.questions)
        self.root.acquire([NVME], for_uid=0).release()

    def test_for_uid_tells_the_caller_what_it_may_know(self):
        lease = self.user.acquire([NVME])
        self.assertNotIn(lease.id, str(self.admin.explain([NVME], for_uid=USER)))
        self.assertIn(lease.id, str(self.user.explain([NVME])))
        self.assertIn(lease.id, str(self.root.explain([NVME], for_uid=OTHER)))
        lease.release()

    def test_own_things_need_no_polkit(self):
        self.polkit.answers = HANG
        lease = self.user.acquire([NVME], for_uid=USER)
        self.user.call(lease.path, LEASE, "Reset", GLib.Variant("(s)", ("function",)))
        lease.release()
        self.reload(self.root)
        self.quarantine(self.root)
        self.assertFalse(self.polkit.questions)

    def test_no_other_answer_will_do(self):
        lease = self.user.acquire([EDU])
        actions = {
            "reload": lambda: self.reload(self.admin),
            "quarantine": lambda: self.quarantine(self.admin),
            "for-uid": lambda: self.admin.acquire([NVME], for_uid=USER),
        }
        for answer in (NO, CHALLENGE, "org.freedesktop.PolicyKit1.Error.Failed"):
            self.polkit.answers = answer
            for name, action in actions.items():
                with self.subTest(answer=answer, action=name):
                    self.assertIn("polkit", self.refused(ERROR + "Denied", action))
        self.polkit.stop()
        for name, action in actions.items():
            with self.subTest(answer="absent", action=name):
                self.assertIn("not running", self.refused(ERROR + "Denied", action))
        self.assertEqual(self.root.state(NVME), "free")
        self.assertEqual(self.root.state(EDU), "leased")
        self.assertEqual(len(self.d.events("policy.loaded")), 1)
        lease.release()

    def test_hung_delays_nobody_else(self):
        self.polkit.answers = HANG
        thread, outcome = self.later(self.reload, self.admin)
        question = self.asked()
        started = time.monotonic()
        self.user.acquire([NVME]).release()
        self.reload(self.root)
        self.assertLess(time.monotonic() - started, 2)
        self.polkit.answer(question, YES)
        thread.join(10)
        self.assertEqual(outcome, [None])
        self.records("policy.loaded", 3)

    def test_the_lease_ends_meanwhile(self):
        self.polkit.answers = HANG
        lease = self.user.acquire([NVME])
        thread, outcome = self.later(self.admin.call, lease.path, LEASE, "Release")
        question = self.asked()
        lease.release()
        self.polkit.answer(question, YES)
        thread.join(10)
        self.assertIn(outcome[0].name, UNKNOWN)
        # What was authorised and came to nothing is gone, and so is its charge.
        self.polkit.answers = YES
        for _ in range(OUTSTANDING + 1):
            self.reload(self.admin)

    def test_waiting_counts_and_leaving_gives_back(self):
        self.polkit.answers = HANG
        waiting = self.client(OTHER)
        for _ in range(OUTSTANDING):
            waiting.connection.send_message(waiting.message(PATH, MANAGER, "Reload"), 0)
        self.asked(OUTSTANDING)
        self.refused(ERROR + "LimitsExceeded", self.reload, self.admin)
        self.reload(self.root)
        waiting.close()
        self.eventually(lambda: len(self.polkit.cancelled) == OUTSTANDING, "all are cancelled")
        self.polkit.answers = YES
        self.reload(self.admin)
        self.records("policy.loaded", 3)

    def test_each_call_is_asked_about(self):
        for n in (1, 2):
            self.reload(self.admin)
            self.assertEqual(len(self.polkit.questions), n)


if __name__ == "__main__":
    case.main()
