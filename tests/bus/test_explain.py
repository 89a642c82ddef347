# SPDX-License-Identifier: LGPL-2.1-or-later
"""Explain tells what Acquire then does, over random policies, requests and leases.

DEVLEASE_SEED plays the run again that a failure names.
"""
import os
import random
import re
import time

import case
from client import ERROR, INVALID_ARGS, MANAGER, PATH, Refused
from daemon import OTHER, USER

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
SEED = int(os.environ.get("DEVLEASE_SEED", "0x6578706c"), 0)
POLICIES, REQUESTS = 60, 20
SECONDS = 15  # of requests; fewer than half of them in this time is a failure


def source(path):
    with open(os.path.join(SOURCE, path)) as f:
        return f.read()


# The table of codes gives the refusal of each, and their order is their precedence.
REFUSALS = dict(re.findall(r'REFUSE\("([a-z.-]+)", ([A-Z_]+)', source("daemon/core/codes.c")))
PRECEDENCE = re.findall(r"REFUSAL_([A-Z_]+)", source("policy/verdict.h").split("enum refusal {")[1]
                        .split("}")[0])


def error_of(findings):
    name = min((REFUSALS[f["code"]] for f in findings if f["severity"] == "refuse"),
               key=PRECEDENCE.index)
    if name == "INVALID_ARGS":
        return INVALID_ARGS
    return ERROR + "".join(w.capitalize() for w in name.split("_"))


def message_of(findings):
    """The refusals, one a line; help that is the next one's too only there."""
    lines = []
    refusals = [f for f in findings if f["severity"] == "refuse"]
    for f, following in zip(refusals, refusals[1:] + [{"help": ""}]):
        device = f["device"] + ": " if f["device"] else ""
        helps = f["help"] and f["help"] != following["help"]
        lines.append(device + f["text"] + (" (%s)" % f["help"] if helps else ""))
    return "\n".join(lines)


class Explain(case.BusTest):
    def setUp(self):
        super().setUp()
        self.random = random.Random(SEED)
        self.d = self.daemon(environment={"DEVLEASE_FAKE_BACKEND": "both"})
        self.root = self.client()
        self.devices = sorted(self.root.list_devices())
        self.leases = []
        self.granted, self.refused_with = 0, {}

    def new_policy(self):
        pick, rules = self.random.choice, []
        for i in range(self.random.randint(1, 4)):
            rule = ["[Rule r%d]" % i, "Access=" + pick(["allow"] * 7 + ["deny"])]
            if self.random.random() < 0.5:
                rule.append("Device=" + " ".join(self.random.sample(self.devices, 6)))
            if self.random.random() < 0.2:
                rule.append("User=%d" % pick([USER, OTHER]))
            rule += ["Handover=" + pick(["attached", "opened", "attached opened"]),
                     "Isolation=" + pick(["group"] * 4 + ["strict"]),
                     "ResetSet=" + pick(["exclusive", "exclusive", "function", "both", "tolerate"]),
                     "Backend=" + pick(["any"] * 4 + ["iommufd", "legacy"])]
            if self.random.random() < 0.2:
                rule.append("MaxLeases=%d" % self.random.randint(1, 2))
            if self.random.random() < 0.2:
                rule.append("MaxDevices=%d" % self.random.randint(1, 4))
            rules.append("\n".join(rule) + "\n")
        self.d.write_policy("\n".join(rules))
        self.root.call(PATH, MANAGER, "Reload")

    def new_request(self):
        at = self.random.randrange(len(self.devices))
        n = self.random.choice([1, 1, 1, 2, 3, 4])
        devices = [self.devices[(at + i) % len(self.devices)] for i in range(n)]
        if self.random.random() < 0.04:
            devices[0] = self.random.choice(["nonsense", "mdev:a", "0000:77:00.0", "0000:00:10.0"])
        options = {}
        for key, values in (("handover", ["attached", "opened"]), ("backend", ["iommufd", "legacy"]),
                            ("isolation", ["group", "strict"]),
                            ("reset_set", ["exclusive", "function", "both"])):
            if self.random.random() < 0.12:
                options[key] = self.random.choice(values)
        uid = self.random.choice([0, USER, OTHER])
        if uid:
            options["for_uid"] = uid
        return devices, options

    def check(self, devices, options):
        """The same decision twice in Explain, and then in Acquire."""
        where = "%s %s" % (devices, options)
        verdict, findings = explained = self.root.explain(devices, **options)
        self.assertEqual(self.root.explain(devices, **options), explained, where)
        try:
            lease = self.root.acquire(devices, **options)
        except Refused as e:
            self.assertEqual(verdict, "deny", "%s: %s" % (where, e))
            self.assertEqual(e.name, error_of(findings), where)
            self.assertEqual(e.message, message_of(findings), where)
            self.refused_with[e.name] = self.refused_with.get(e.name, 0) + 1
            return
        self.leases.append(lease)
        self.granted += 1
        self.assertEqual(verdict, "allow", where)
        self.assertEqual(message_of(findings), "", where)
        chosen = {f["code"]: f["text"] for f in findings}
        self.assertIn(lease.info["backend"], chosen["backend.chosen"], where)
        self.assertIn(lease.info["handover"], chosen["handover.chosen"], where)
        for device, info in lease.info["devices"].items():
            self.assertEqual(self.root.state(device), "leased", where)
            codes = {f["code"] for f in findings if f["device"] == device}
            self.assertTrue(info["reset-set-owned"] or "reset-set.owned" not in codes, where)

    def release(self, all_of_them=False):
        while self.leases and (all_of_them or self.random.random() < 0.4):
            self.leases.pop(self.random.randrange(len(self.leases))).release()

    def test_acquire_does_what_explain_says(self):
        begin, requests = time.monotonic(), 0
        try:
            while requests < POLICIES * REQUESTS and time.monotonic() - begin < SECONDS:
                if requests % REQUESTS == 0:
                    self.release(all_of_them=True)
                    self.new_policy()
                self.check(*self.new_request())
                self.release()
                requests += 1
        except BaseException:
            print("to play this run again: DEVLEASE_SEED=0x%x, request %d" % (SEED, requests))
            raise
        self.release(all_of_them=True)
        print("%d requests, %d granted, refused: %s" % (
            requests, self.granted, {n.rsplit(".")[-1]: k for n, k in self.refused_with.items()}))
        self.assertGreaterEqual(requests, POLICIES * REQUESTS / 2)
        self.assertGreaterEqual(self.granted, requests / 5)
        for name in ("Busy", "Denied", "NotIsolated", "ResetSetShared", "NoSuchDevice",
                     "LimitsExceeded", "NotSupported"):
            self.assertIn(ERROR + name, self.refused_with)


if __name__ == "__main__":
    case.main()
