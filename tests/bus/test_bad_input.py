# SPDX-License-Identifier: LGPL-2.1-or-later
"""Bad input: a clear error each, the host not touched, and the daemon serves the next caller."""
import json
import os
import signal
import socket

import case
from client import ERROR, INVALID_ARGS, LEASE, MANAGER, PATH
from daemon import POLICY, USER
from gi.repository import Gio, GLib

NVME = "0000:01:00.0"
DENIED = ERROR + "Denied"


class BadRequests(case.BusTest):
    def setUp(self):
        super().setUp()
        self.d = self.daemon()
        self.user, self.root = self.client(USER), self.client()
        self.host = self.d.host()
        self.d.clear_trace()

    def tearDown(self):
        """Nothing was done by the bad requests; a good one still works."""
        self.assertEqual(self.d.trace(), [])
        self.assertEqual(self.d.host(), self.host)
        self.assertEqual(self.root.list_leases(), {})
        self.user.acquire([NVME]).release()
        self.d.journal()
        super().tearDown()

    def bad(self, name, *words, devices=(NVME,), body=None, **opts):
        for method in ("Acquire", "Explain"):
            message = self.user.message(PATH, MANAGER, method, body) if body is not None else \
                self.user.acquire_message(list(devices), **opts)
            message.set_member(method)
            if method == "Explain" and body is None and name != INVALID_ARGS:
                continue
            if method == "Explain" and body is None and not opts:
                verdict, findings = self.user.send(message)[0]
                self.assertEqual(verdict, "deny")
                text = " ".join(f["device"] + f["text"] + f["help"] for f in findings)
            else:
                text = self.refused(name, self.user.send, message)
            for word in words:
                self.assertIn(word, text)

    def test_unknown_device(self):
        self.bad(ERROR + "NoSuchDevice", "0000:ff:1f.7", devices=["0000:ff:1f.7"])

    def test_malformed_addresses(self):
        for address in ("", "nvme0", "0000:01:00", "0000:01:00.8", "0000:01:20.0", "1:00.0 ",
                        "../../etc", "0000:01:00.0\n", "g000:01:00.0", "0000:01:00.0/", "-1",
                        "\u202e0000:01:00.0", "%s%n", "0" * 300, "0000:01:00.0\x1b[2J"):
            with self.subTest(address=address):
                text = self.refused(INVALID_ARGS, self.user.acquire, [address])
                self.assertTrue(text.isprintable() and len(text) < 1000, text)

    def test_unknown_kinds(self):
        self.bad(INVALID_ARGS, "kind", devices=["usb:1-1"])
        self.bad(ERROR + "NotSupported", "PCI", devices=["vdpa:vdpa0"])

    def test_duplicates(self):
        self.bad(INVALID_ARGS, NVME, "once", devices=[NVME, NVME])
        self.bad(INVALID_ARGS, NVME, "once", devices=[NVME, "0000:0c:00.0", "0000:01:00.0"])

    def test_no_device(self):
        self.bad(INVALID_ARGS, "no device", devices=[])

    def test_option_types(self):
        for option, value in (("handover", GLib.Variant("u", 1)),
                              ("backend", GLib.Variant("as", ["iommufd"])),
                              ("label", GLib.Variant("ay", b"x")),
                              ("label", GLib.Variant("v", GLib.Variant("s", "x"))),
                              ("for-uid", GLib.Variant("s", "root")),
                              ("for-uid", GLib.Variant("i", -1)),
                              ("for-uid", GLib.Variant("t", 0))):
            with self.subTest(option=option, type=value.get_type_string()):
                self.bad(INVALID_ARGS, option, "'%s'" % value.get_type_string(),
                         **{option: value})

    def test_option_values(self):
        for option, value in (("handover", "all"), ("backend", "vhost"), ("isolation", ""),
                              ("reset-set", "exclusive "), ("handover", "ATTACHED"),
                              ("backend", "\x1b[1m" + "x" * 100000)):
            with self.subTest(option=option, value=value[:20]):
                text = self.refused(INVALID_ARGS, self.user.acquire, [NVME], **{option: value})
                self.assertIn(option, text)
                self.assertTrue(text.isprintable() and len(text) < 1000, text[:200])

    def test_uids_that_are_none(self):
        for uid in (0xffffffff, 0xffff):
            self.bad(INVALID_ARGS, "for-uid", str(uid), **{"for-uid": GLib.Variant("u", uid)})

    def test_unknown_options(self):
        for option in ("colour", "", "Handover", "handover ", "x" * 100000, "\x07"):
            with self.subTest(option=option[:20]):
                text = self.refused(INVALID_ARGS, self.user.acquire, [NVME], **{option: "x"})
                self.assertIn("nknown option", text)
                self.assertTrue(text.isprintable() and len(text) < 1000, text[:200])

    def test_wrong_signatures(self):
        for body in (GLib.Variant("(s)", (NVME,)), GLib.Variant("(as)", ([NVME],)),
                     GLib.Variant("(aya{sv})", (b"0000:01:00.0", {})),
                     GLib.Variant("(asa{ss})", ([NVME], {})),
                     GLib.Variant("(asa{sv}s)", ([NVME], {}, "more")),
                     GLib.Variant("()", ())):
            with self.subTest(signature=body.get_type_string()):
                self.bad(INVALID_ARGS, body=body)

    def test_ten_thousand_devices(self):
        many = ["0000:%02x:%02x.%x" % (n >> 8, n >> 3 & 31, n & 7) for n in range(10000)]
        text = self.refused(INVALID_ARGS, self.user.acquire, many)
        self.assertIn("64", text)
        self.refused(INVALID_ARGS, self.user.acquire, [NVME] * 10000)
        self.refused(INVALID_ARGS, self.user.explain, many)

    def test_long_label(self):
        self.bad(INVALID_ARGS, "label", "256", label="x" * (1 << 20))

    def test_unknown_methods(self):
        for interface, method in ((MANAGER, "Destroy"), (LEASE, "Release"), ("a.b", "Acquire")):
            with self.subTest(method=method):
                with self.assertRaises(Exception) as caught:
                    self.user.call(PATH, interface, method)
                self.assertIn("Error.", caught.exception.name)

    def test_no_such_objects(self):
        for path in (PATH + "/lease/none", PATH + "/lease/_2e_2e_2fhold", PATH + "/device/none",
                     PATH + "/lease/l" + "0" * 5000):
            with self.subTest(path=path[:60]):
                with self.assertRaises(Exception) as caught:
                    self.user.call(path, LEASE, "Release")
                self.assertIn("Unknown", caught.exception.name)


class Labels(case.BusTest):
    def test_control_characters(self):
        """They come back as given, but the journal stays lines of ASCII."""
        d = self.daemon()
        user = self.client(USER)
        labels = ["a\nb", "\x1b[31mred\x1b[0m", "{\"event\": \"lease.granted\"}", "caf\u00e9",
                  "\u202ertl", "\x7f\x01\t", "\u2028line", "x" * 256, "", "100%s%n"]
        for label in labels:
            lease = user.acquire([NVME], label=label)
            self.assertEqual(lease.get("Owner")[3], label)
            lease.release()
        granted = d.events("lease.granted")
        self.assertEqual(len(granted), len(labels))
        for record in granted:
            self.assertTrue(record["caller"].get("label", "").isprintable(), record["caller"])

    def test_invalid_utf8(self):
        """The bus drops such a sender; if it did not, the daemon would have to."""
        d = self.daemon()
        victim = self.client(USER)
        message = victim.acquire_message([NVME], label="LABELLABEL")
        message.set_serial(77)
        blob = message.to_blob(Gio.DBusCapabilityFlags.UNIX_FD_PASSING)
        blob = blob.replace(b"LABELLABEL", b"\xff\xfe\xc0\xaf\xed\xa0\x80xyz")
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(self.bus.socket)
            s.sendall(b"\0AUTH EXTERNAL 30\r\n")
            self.assertTrue(s.recv(1000).startswith(b"OK"))
            hello = Gio.DBusMessage.new_method_call(
                "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello")
            hello.set_serial(1)
            s.sendall(b"BEGIN\r\n" + hello.to_blob(Gio.DBusCapabilityFlags.NONE) + blob)
            try:
                while s.recv(65536):
                    if d.events("lease.granted"):
                        break
            except (ConnectionResetError, socket.timeout):
                pass
        self.assertEqual(d.events("lease.requested"), [])
        victim.acquire([NVME]).release()


class GarbagePolicy(case.BusTest):
    GARBAGE = ("[Rule a]\nAccess=perhaps\n", "Access=allow\n", "[Rule\n", "\0\0\xff" * 50,
               "[Rule a]\nAccess=allow\n[Rule a]\nAccess=allow\n", "[Rule a]\nId=zz:yy\n",
               "[Rule a]\nColour=red\nAccess=allow\n", "[Rule a]\nUser=no-such-user\n")

    def test_at_start_denies_all(self):
        for text in self.GARBAGE[:3]:
            with self.subTest(text=text):
                d = self.daemon(policy=text)
                self.refused(DENIED, self.client(USER).acquire, [NVME])
                # The files may have denied root, too.
                self.refused(DENIED, self.client().acquire, [NVME])
                self.assertEqual({c[0] for c in d.trace()}, {"scan"})
                # A policy that can be read, read again, ends that.
                d.write_policy(POLICY)
                self.client().call(PATH, MANAGER, "Reload")
                self.client(USER).acquire([NVME]).release()
                d.stop()

    def test_at_reload_the_old_one_stays(self):
        d = self.daemon()
        root, user = self.client(), self.client(USER)
        for text in self.GARBAGE:
            with self.subTest(text=text):
                d.write_policy(text)
                with self.assertRaises(Exception) as caught:
                    root.call(PATH, MANAGER, "Reload")
                message = caught.exception.message
                self.assertRegex(message, r"50-tests\.conf:[0-9]+")
                self.assertTrue(message.replace("\n", "").isprintable(), message)
                user.acquire([NVME]).release()
        self.assertEqual(len(d.events("policy.loaded")), 1)
        rejected = d.events("policy.rejected")
        self.assertEqual(len(rejected), len(self.GARBAGE))
        self.assertEqual({r["caller"]["uid"] for r in rejected}, {0})
        self.assertIn("50-tests.conf:", rejected[0]["errors"])

    def test_at_a_signal(self):
        d = self.daemon()
        user = self.client(USER)
        d.write_policy("[Rule broken\n")
        d.process.send_signal(signal.SIGHUP)
        self.eventually(lambda: d.events("policy.rejected"), "it is read, and rejected")
        self.assertNotIn("caller", d.events("policy.rejected")[0])
        user.acquire([NVME]).release()
        d.write_policy("[Defaults]\nAccess=deny\n")
        d.process.send_signal(signal.SIGHUP)
        self.eventually(lambda: len(d.events("policy.loaded")) == 2, "the new one is in force")
        self.refused(ERROR + "Denied", user.acquire, [NVME])


class DamagedState(case.BusTest):
    """Files in /run and /var/lib that are not what the daemon wrote."""

    def test_garbage_lease_files(self):
        d = self.daemon()
        d.stop()
        leases = d.path("run/leases/")
        for name, text in (("l00000000001", ""), ("l00000000002", "{}"), ("l00000000003", "\0"),
                           ("l00000000004", '{"version":1,"state":"active"}'),
                           ("l00000000005", json.dumps({"version": 99}))):
            with open(leases + name + ".json", "w") as f:
                f.write(text)
        d.start()
        self.assertEqual(self.client().list_leases(), {})
        self.eventually(lambda: len(d.events("lease.lost")) == 5, "lease.lost is journaled")
        self.client(USER).acquire([NVME]).release()

    def test_garbage_marks(self):
        """Whatever was quarantined must not be free: the daemon does not start."""
        d = self.daemon()
        d.stop()
        with open(d.path("lib/quarantine.json"), "w") as f:
            f.write("garbage")
        d.spawn()
        self.assertNotEqual(d.process.wait(20), 0)
        os.unlink(d.path("lib/quarantine.json"))
        d.start()


if __name__ == "__main__":
    case.main()
