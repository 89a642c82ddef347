# SPDX-License-Identifier: LGPL-2.1-or-later
"""The main job over the bus: devices are acquired, handed over, and come back as they were."""
import json
import os

import case
from client import DEVICE, ERROR, LEASE, MANAGER, PATH, Refused, device_path
from daemon import OTHER, USER
from gi.repository import GLib

NVME = "0000:01:00.0"
EDU = "0000:0c:00.0"
SLOT = ["0000:02:00.0", "0000:02:00.1", "0000:02:00.2"]


class MainJob(case.BusTest):
    def job(self, devices, backend, handover):
        """A process of another uid acquires, is seen to have what it should, and leaves."""
        daemon = self.daemon(environment={"DEVLEASE_FAKE_BACKEND": backend})
        root = self.client()
        before, before_fds = daemon.host(), daemon.fds()
        process, got = self.holder(devices, handover=handover, label="vm1")
        self.assertEqual(got["uids"], [USER] * 3)
        self.assertTrue(got["cloexec"])
        self.assertEqual(set(got["fds"]), {"hold", "iommu", *devices})
        self.assertTrue(got["fds"]["hold"].endswith("run/hold/" + got["id"]))
        context, node = {"iommufd": ("iommufd-", "cdev-"),
                         "legacy": ("container-", "device-")}[backend]
        self.assertIn("/" + context, got["fds"]["iommu"])
        for device in devices:
            self.assertIn("/%s%s-" % (node, device), got["fds"][device])
            self.assertEqual(root.state(device), "leased")
            self.assertEqual(root.device(device, "Driver"), "vfio-pci")
            self.assertEqual(root.device(device, "OriginalDriver"),
                             before[device]["driver"] or "")
        info = got["info"]
        self.assertEqual((info["backend"], info["handover"]), (backend, handover))
        bound = backend == "iommufd" and handover == "attached"
        self.assertEqual("ioas-id" in info, bound)
        self.assertEqual(set(info["devices"]), set(devices))
        for device in devices:
            self.assertEqual("dev-id" in info["devices"][device], bound)
            self.assertTrue(info["devices"][device]["reset-set-owned"])
        process.stdin.close()
        process.wait(10)
        for device in devices:
            root.wait_state(device, "free")
            self.assertEqual(daemon.resets(device), 1)
        self.assertEqual(daemon.host(), before)
        self.no_fds_left(daemon, before_fds)
        self.assertEqual(root.list_leases(), {})
        released = daemon.events("lease.released")
        self.assertEqual([r["reason"] for r in released], ["hold"])
        self.assertEqual(released[0]["caller"]["label"], "vm1")

    def test_iommufd_attached(self):
        self.job([NVME], "iommufd", "attached")

    def test_iommufd_opened(self):
        self.job([NVME], "iommufd", "opened")

    def test_legacy_attached(self):
        self.job([NVME], "legacy", "attached")

    def test_slot_iommufd(self):
        self.job(SLOT, "iommufd", "attached")

    def test_slot_legacy(self):
        self.job(SLOT, "legacy", "attached")

    def test_no_driver(self):
        self.job([EDU], "iommufd", "attached")


class Prior(case.BusTest):
    """What an admin had set before is there again afterwards."""

    def given_back(self, state):
        daemon = self.daemon(start=False)
        with open(daemon.state_file, "w") as f:
            json.dump({"devices": {NVME: state}}, f)
        daemon.start()
        before = daemon.host()
        self.assertEqual(before[NVME]["driver"], state.get("driver"))
        lease = self.client(USER).acquire([NVME])
        self.assertEqual(daemon.host()[NVME]["driver"], "vfio-pci")
        lease.release()
        self.assertEqual(daemon.host(), before)

    def test_override(self):
        self.given_back({"driver": "nvme", "override": "nvme"})

    def test_already_on_vfio(self):
        self.given_back({"driver": "vfio-pci", "override": "vfio-pci", "cdev": 7})

    def test_vfio_by_hand(self):
        self.given_back({"driver": "vfio-pci", "cdev": 7})

    def test_unbound_with_override(self):
        self.given_back({"override": "none-such"})


class LeaseObject(case.BusTest):
    def setUp(self):
        super().setUp()
        self.d = self.daemon()
        self.user, self.root = self.client(USER), self.client()

    def test_release_and_reuse(self):
        for _ in range(3):
            lease = self.user.acquire([EDU])
            self.assertEqual(lease.get("State"), "active")
            lease.release()
            self.assertEqual(self.root.state(EDU), "free")
        self.assertEqual([r["reason"] for r in self.d.events("lease.released")],
                         ["release"] * 3)

    def test_release_while_held(self):
        """A hold alone does not hinder Release; who keeps a device hears Busy, and it goes on."""
        lease = self.user.acquire([EDU])
        message = self.refused(ERROR + "Busy", self.user.call, lease.path, LEASE, "Release")
        self.assertIn(EDU, message)
        self.assertEqual(self.root.state(EDU), "releasing")
        lease.close()
        self.root.wait_state(EDU, "free")

    def test_open_again(self):
        lease = self.user.acquire([NVME, EDU])
        for address in (NVME, EDU):
            fd, info = self.user.open_device(lease.path, address)
            self.assertTrue(os.path.sameopenfile(fd, lease.fds[address]))
            self.assertEqual(info, lease.info["devices"][address])
            os.close(fd)
        fd, info = self.user.open(lease.path, "OpenIommu")
        self.assertTrue(os.path.sameopenfile(fd, lease.fds["iommu"]))
        self.assertEqual(info, {"backend": "iommufd", "ioas-id": lease.info["ioas-id"]})
        os.close(fd)
        self.refused(ERROR + "NoSuchDevice", self.user.open_device, lease.path, SLOT[0])
        lease.release()
        with self.assertRaises(Refused):
            self.user.open_device(lease.path, NVME)

    def test_signals(self):
        seen = self.root.watch()
        self.root.signals()
        self.user.acquire([NVME]).release()
        self.root.signals()
        states = [c["State"] for p, i, c in seen
                  if i == DEVICE and p == device_path(NVME) and "State" in c]
        steps = [s for n, s in enumerate(states) if n == 0 or states[n - 1] != s]
        self.assertEqual(steps, ["leased", "releasing", "free"])
        drivers = {c["Driver"] for _, _, c in seen if "Driver" in c}
        self.assertEqual(drivers, {"nvme", "vfio-pci"})
        self.assertEqual({p for p, _, _ in seen}, {device_path(NVME)})

    def test_visible_to_owner_and_root_only(self):
        other = self.client(OTHER)
        lease = self.user.acquire([NVME], label="mine")
        self.addCleanup(lease.close)
        for client in (self.user, self.client(USER), self.root):
            shown = client.list_leases()[lease.id]
            self.assertEqual(shown["Devices"], [NVME])
            self.assertEqual(shown["Owner"], (USER, os.getpid(), "", "mine"))
            self.assertEqual(client.get(lease.path, LEASE, "State"), "active")
        self.assertEqual(other.list_leases(), {})
        nowhere = lease.path[:-4] + "0000"
        for method, body in (("Release", None), ("OpenIommu", None),
                             ("OpenDevice", GLib.Variant("(s)", (NVME,))),
                             ("Reset", GLib.Variant("(s)", ("function",)))):
            replies = []
            for path in (lease.path, nowhere):
                with self.assertRaises(Refused) as caught:
                    other.call(path, LEASE, method, body)
                replies.append((caught.exception.name,
                                caught.exception.message.replace(path, "PATH")))
            self.assertEqual(replies[0], replies[1], "the lease can be told from none")
        with self.assertRaises(Refused):
            other.get(lease.path, LEASE, "Owner")
        for path in (PATH + "/lease", PATH):
            text = other.call(path, "org.freedesktop.DBus.Introspectable", "Introspect")[0]
            self.assertNotIn(lease.id, text)
        self.assertEqual(self.root.state(NVME), "leased")

    def test_reset(self):
        lease = self.user.acquire(SLOT)
        for kind in ("function", "hot"):
            before = self.d.resets(SLOT[0])
            self.user.call(lease.path, LEASE, "Reset", GLib.Variant("(s)", (kind,)))
            self.assertEqual(self.d.resets(SLOT[0]), before + 1, kind)
        lease.release()

    def test_another_model_after_the_decision(self):
        """What was plugged in meanwhile is decided on by itself."""
        models = os.path.join(self.work, "models")
        shown = self.root.list_devices()[NVME]
        policy = "[Rule tests]\nId=%04x:%04x\nAccess=allow\n" % (shown["VendorId"], shown["DeviceId"])
        daemon = self.d
        daemon.stop()
        daemon = self.daemon(policy=policy, environment={"DEVLEASE_FAKE_MODELS": models})
        user = self.client(USER)
        before = daemon.host()
        user.acquire([NVME]).release()

        def replace():
            with open(models, "w") as f:
                f.write("%s 1234:5678\n" % NVME)
        self.stopped_at(daemon, "scan_device:1", replace)
        self.refused(ERROR + "Denied", user.acquire, [NVME])
        self.assertEqual(daemon.host(), before)
        self.assertEqual(len(daemon.events("lease.granted")), 1)

    def test_for_uid_does_not_get_past_a_group(self):
        self.d.write_policy("[Rule no]\nGroup=4242\nAccess=deny\n[Rule tests]\nAccess=allow\n")
        self.root.call(PATH, MANAGER, "Reload")
        self.user.acquire([NVME]).release()
        self.refused(ERROR + "Denied", self.root.acquire, [NVME], for_uid=USER)

    def test_for_uid(self):
        self.refused(ERROR + "Denied", self.user.acquire, [NVME], for_uid=OTHER)
        self.refused(ERROR + "Denied", self.user.explain, [NVME], for_uid=OTHER)
        self.user.acquire([NVME], for_uid=USER).release()
        lease = self.root.acquire([NVME], for_uid=USER)
        self.assertEqual(self.user.list_leases()[lease.id]["Owner"][0], USER)
        self.assertEqual(self.client(OTHER).list_leases(), {})
        caller = self.d.events("lease.granted")[-1]["caller"]
        self.assertEqual((caller["uid"], caller["for-uid"]), (0, USER))
        lease.close()
        self.root.wait_state(NVME, "free")
        # The policy knows a rule for USER, none for this one: root's own right does not count.
        self.refused(ERROR + "Denied", self.root.acquire, [NVME], for_uid=12345)


class Devices(case.BusTest):
    def setUp(self):
        super().setUp()
        self.d = self.daemon()
        self.user = self.client(USER)

    def test_managed_objects(self):
        objects = self.user.call(PATH, "org.freedesktop.DBus.ObjectManager",
                                 "GetManagedObjects")[0]
        listed = self.user.list_devices()
        self.assertEqual(len(listed), 19)
        self.assertEqual({p: i[DEVICE] for p, i in objects.items()},
                         {device_path(a): d for a, d in listed.items()})
        lease = self.user.acquire([NVME])
        again = self.user.call(PATH, "org.freedesktop.DBus.ObjectManager",
                               "GetManagedObjects")[0]
        self.assertEqual(set(again), set(objects), "leases are not among the objects")
        lease.release()

    def test_filter(self):
        def found(**match):
            return sorted(self.user.list_devices(**match))
        self.assertEqual(found(Address="0000:02:*"), SLOT)
        self.assertEqual(found(Address=SLOT[1]), [SLOT[1]])
        self.assertEqual(found(Driver="e1000*", Address="0000:02:00.?"), SLOT[:2])
        self.assertEqual(found(VendorId=GLib.Variant("q", 0x1234), ResetMethods="bus"),
                         ["0000:04:01.0", EDU])
        self.assertEqual(found(IommuGroup=GLib.Variant("i", 15)), SLOT)
        self.assertEqual(found(GroupDevices=SLOT[2]), SLOT)
        self.assertEqual(found(State="leased"), [])
        lease = self.user.acquire([EDU])
        self.assertEqual(found(State="leased"), [EDU])
        lease.release()
        self.refused("org.freedesktop.DBus.Error.InvalidArgs", found, Colour="red")
        self.refused("org.freedesktop.DBus.Error.InvalidArgs", found,
                     State=GLib.Variant("b", True))

    def test_get_device(self):
        def get(address):
            return self.user.call(PATH, MANAGER, "GetDevice", GLib.Variant("(s)", (address,)))[0]
        self.assertEqual(get(NVME), device_path(NVME))
        self.assertIn("0000:77:00.0",
                      self.refused(ERROR + "NoSuchDevice", get, "0000:77:00.0"))
        self.refused("org.freedesktop.DBus.Error.InvalidArgs", get, "nvme0")


class ManyFds(case.BusTest):
    """A message has room for 16 fds; what does not fit comes by OpenDevice."""

    def setUp(self):
        super().setUp()
        self.addresses = ["0000:%02x:00.0" % (n + 1) for n in range(20)]
        description = os.path.join(self.work, "machine.json")
        devices = [{"address": a, "id": "1234:11e8", "class": "00ff00", "group": n,
                    "reset-methods": "flr"} for n, a in enumerate(self.addresses)]
        with open(description, "w") as f:
            json.dump({"devices": devices}, f)
        self.d = self.daemon(environment={"DEVLEASE_FAKE": description})
        self.user = self.client(USER)

    def test_fourteen_fit(self):
        lease = self.user.acquire(self.addresses[:14])
        self.assertEqual(set(lease.fds), {"hold", "iommu", *self.addresses[:14]})
        lease.release()

    def test_more_by_open_device(self):
        for n in (15, 20):
            before = self.d.fds()
            lease = self.user.acquire(self.addresses[:n])
            self.assertEqual(set(lease.fds), {"hold", "iommu"})
            self.assertEqual(set(lease.info["devices"]), set(self.addresses[:n]))
            for address in self.addresses[:n]:
                lease.fds[address], _ = self.user.open_device(lease.path, address)
                self.assertIn("cdev-" + address,
                              os.readlink("/proc/self/fd/%d" % lease.fds[address]))
            lease.release()
            self.no_fds_left(self.d, before)


if __name__ == "__main__":
    case.main()
