# SPDX-License-Identifier: LGPL-2.1-or-later
"""A device that the host uses is refused, at the request and once more before it is taken."""
import json
import os
import threading
import time

from gi.repository import GLib

import case
from client import DEVICE, ERROR, Refused, device_path
from daemon import OTHER, USER

NVME, EDU, NIC = "0000:01:00.0", "0000:0c:00.0", "0000:08:00.0"
SLOT = ["0000:02:00.0", "0000:02:00.1", "0000:02:00.2"]
CLASSES = ["mounted", "swap", "holder", "open", "interface", "route", "master", "display",
           "console", "unknown-users"]
RULE = "[Rule tests]\nUser=%d %d\nAccess=allow\n" % (USER, OTHER)
SECRET = "/srv/secret"
DISPLAY, AUDIO = "0000:01:00.0", "0000:01:00.1"
# A graphics card without driver, and its audio function.
CARD = {"devices": [
    {"address": "0000:00:01.0", "id": "1b36:000c", "class": "060400", "group": 1,
     "driver": "pcieport", "bridge": True},
    {"address": DISPLAY, "id": "1234:1111", "class": "030000", "group": 2,
     "reset-methods": "bus", "parent": "0000:00:01.0"},
    {"address": AUDIO, "id": "1234:1112", "class": "040300", "group": 2,
     "driver": "snd_hda_intel", "reset-methods": "bus", "parent": "0000:00:01.0"}]}


class HostUse(case.BusTest):
    def begin(self, more="", **environment):
        path = os.path.join(self.work, "uses")
        self.uses = path
        self.d = self.daemon(policy=RULE + more, environment={"DEVLEASE_FAKE_USE": path, **environment})
        self.user, self.root = self.client(USER), self.client()
        self.host, self.fds = self.d.host(), self.d.fds()

    def use(self, *lines):
        with open(self.uses + ".new", "w") as f:
            f.write("".join("%s %s %s\n" % line for line in lines))
        os.rename(self.uses + ".new", self.uses)

    def untouched(self):
        self.assertEqual(self.d.host(), self.host)
        self.no_fds_left(self.d, self.fds)
        self.assertEqual(self.root.list_leases(), {})

    def codes(self, client, device=NVME):
        verdict, findings = client.explain([device])
        return verdict, [(f["severity"], f["code"]) for f in findings
                         if f["code"].startswith("host-use.")]

    def test_each_class(self):
        self.begin()
        for use in CLASSES:
            with self.subTest(use):
                self.use((NVME, use, SECRET))
                self.d.clear_trace()
                message = self.refused(ERROR + "InUse", self.user.acquire, [NVME])
                self.assertIn(NVME, message)
                self.assertNotIn(SECRET, message)
                self.assertEqual({c[0] for c in self.d.trace()}, {"host_use"})
                self.assertIn(SECRET, self.refused(ERROR + "InUse", self.root.acquire, [NVME]))
                verdict, codes = self.codes(self.user)
                self.assertEqual(verdict, "deny")
                self.assertIn(("refuse", "host-use." + use), codes)
                self.assertEqual(self.user.device(NVME, "HostUse"), [use])
                self.untouched()
        self.use()
        self.assertEqual(self.user.device(NVME, "HostUse"), [])
        self.user.acquire([NVME]).release()

    def test_refusal_in_the_journal(self):
        self.begin()
        self.use((NVME, "mounted", SECRET), (NVME, "open", "x"))
        self.refused(ERROR + "InUse", self.user.acquire, [NVME])
        self.eventually(lambda: self.d.events("lease.refused"), "journaled")
        record, = self.d.events("lease.refused")
        self.assertEqual([(f["device"], f["code"]) for f in record["findings"]],
                         [(NVME, "host-use.mounted"), (NVME, "host-use.open")])

    def test_allowed_by_the_rule(self):
        self.begin("HostUse=allow\n")
        self.use((NVME, "mounted", SECRET), (NVME, "claimed", "-"))
        verdict, codes = self.codes(self.user)
        self.assertEqual(verdict, "allow")
        self.assertIn(("warn", "host-use.mounted"), codes)
        self.d.clear_trace()
        lease = self.user.acquire([NVME])
        self.assertNotIn("block_claim", {c[0] for c in self.d.trace()})
        lease.release()

    def test_one_of_several(self):
        self.begin()
        self.use((SLOT[1], "interface", "eth0"))
        message = self.refused(ERROR + "InUse", self.user.acquire, SLOT)
        self.assertIn(SLOT[1], message)
        self.untouched()

    def test_only_a_claim_can_tell(self):
        """As with a mount in another namespace. What was done before is taken back."""
        self.begin()
        self.use((NVME, "claimed", "-"))
        self.assertEqual(self.codes(self.user)[0], "allow")
        message = self.refused(ERROR + "InUse", self.user.acquire, [SLOT[0], *SLOT[1:], NVME])
        for word in (NVME, "exclusive use", "end that use first"):
            self.assertIn(word, message)
        self.untouched()
        self.eventually(lambda: self.d.events("lease.failed"), "journaled")
        self.assertIn("block_claim %s: EBUSY" % NVME, self.d.events("lease.failed")[0]["trouble"])
        self.use()
        self.user.acquire([NVME]).release()

    def test_used_after_the_decision(self):
        self.begin()
        for fault, use, word in (("host_use:2", "open", "device node"),
                                 ("host_use:2", "interface", "interface"),
                                 ("block_claim:1", "mounted", "exclusive use")):
            with self.subTest(fault + " " + use):
                self.use()
                self.stopped_at(self.d, fault, lambda use=use: self.use((NVME, use, SECRET)))
                message = self.refused(ERROR + "InUse", self.user.acquire, [NVME])
                self.assertIn(word, message)
                self.assertNotIn(SECRET, message)
                self.untouched()

    def test_claim_outlasts_the_unbind(self):
        self.begin()
        self.d.clear_trace()
        lease = self.user.acquire([NVME])
        names = [c[0] for c in self.d.trace()]
        claim = names.index("block_claim")
        self.assertEqual(names[claim + 1:claim + 3], ["driver_unbind", "close"])
        lease.release()

    def test_not_looked_at(self):
        """Nothing is surveyed for what has no driver of the host, or is refused anyway."""
        self.begin()
        self.use((EDU, "open", "x"))
        self.d.clear_trace()
        self.user.acquire([EDU]).release()
        self.assertEqual(self.user.device(EDU, "HostUse"), [])
        self.client(2).call("/", "org.freedesktop.DBus.Peer", "Ping")
        self.refused(ERROR + "Denied", self.client(2).acquire, [NVME])
        self.use((NVME, "open", "x"))
        self.assertEqual(self.codes(self.client(2)), ("deny", [("warn", "host-use.driver")]))
        self.assertNotIn("host_use", {c[0] for c in self.d.trace()})

    def test_not_in_bulk(self):
        self.begin()
        properties = self.user.call(device_path(NVME), "org.freedesktop.DBus.Properties", "GetAll",
                                    GLib.Variant("(s)", (DEVICE,)))[0]
        self.assertIn("State", properties)
        self.assertNotIn("HostUse", properties)
        self.assertNotIn("HostUse", self.user.list_devices()[NVME])

    def test_get_of_nothing(self):
        self.begin()
        with self.assertRaises(Refused):
            self.user.get(device_path("0000:7f:00.0"), DEVICE, "HostUse")
        with self.assertRaises(Refused):
            self.user.get("/org/devlease1", DEVICE, "HostUse")
        self.assertEqual(self.user.device(NIC, "HostUse"), [])

    def test_a_survey_does_not_hold_up_others(self):
        """While one waits for the kernel the loop goes on: a FIFO without a writer."""
        self.begin()
        os.mkfifo(self.uses)
        got = []
        waiter = threading.Thread(target=lambda: got.append(self.user.device(NVME, "HostUse")))
        waiter.start()
        self.eventually(lambda: ("host_use", NVME) in self.d.trace(), "the survey is under way")
        started = time.monotonic()
        self.assertEqual(self.root.device(EDU, "HostUse"), [])
        self.assertEqual(self.root.device(EDU, "Driver"), "")
        self.assertLess(time.monotonic() - started, 5)
        with open(self.uses, "w") as f:
            f.write("%s swap x\n" % NVME)
        waiter.join()
        self.assertEqual(got, [["swap"]])

    def begin_with_card(self, more=""):
        path = os.path.join(self.work, "card.json")
        with open(path, "w") as f:
            json.dump(CARD, f)
        self.begin(more, DEVLEASE_FAKE=path)

    def test_display_that_would_come_along(self):
        """Nobody asks for it, no driver has it, and the console is on it all the same."""
        self.begin_with_card()
        self.use((DISPLAY, "display", SECRET))
        message = self.refused(ERROR + "InUse", self.user.acquire, [AUDIO])
        self.assertIn(DISPLAY, message)
        self.assertNotIn(SECRET, message)
        self.assertIn(SECRET, self.refused(ERROR + "InUse", self.root.acquire, [AUDIO]))
        self.assertIn(("refuse", "host-use.peer"), self.codes(self.user, AUDIO)[1])
        self.untouched()
        self.assertEqual(self.d.resets(DISPLAY), 0)
        self.use()
        self.user.acquire([AUDIO]).release()

    def test_display_that_comes_along_by_the_rule(self):
        self.begin_with_card("HostUse=allow\n")
        self.use((DISPLAY, "display", SECRET))
        self.assertIn(("warn", "host-use.peer"), self.codes(self.user, AUDIO)[1])
        self.user.acquire([AUDIO]).release()

    def test_display_used_after_the_decision(self):
        """Without a driver there is no unbind to look before."""
        self.begin_with_card()
        for devices in ([AUDIO], [AUDIO, DISPLAY]):
            with self.subTest(devices):
                self.use()
                # Both are surveyed, and the display is looked at first.
                self.stopped_at(self.d, "host_use:3",
                                lambda: self.use((DISPLAY, "display", SECRET)))
                message = self.refused(ERROR + "InUse", self.user.acquire, devices)
                self.assertIn(DISPLAY + ": it is the boot display", message)
                self.untouched()


if __name__ == "__main__":
    case.main()
