# SPDX-License-Identifier: LGPL-2.1-or-later
"""A device that the host uses is not taken from it, on a real kernel: each use is set up, refused
with its code, ended, and then the device is granted."""
import signal
import struct
import subprocess
import sys
import time
from contextlib import contextmanager

from harness import *

NVME, SHARED_NVME = ROLES["single"], ROLES["pf-nvme"]
NIC = ROLES["switch"][1]
GATED = BUILD / "tests/fake/devleased-gated"
TRACE, FAULT = Path("/run/gate-trace"), Path("/run/gate-fault")
MOUNT = Path("/run/used/by-the-host")
# Unpacked there by tests/setup: installed, they would bring udev along.
TOOLS = Path(os.environ["DEVLEASE_TOOLS"])
LIBRARIES = ":".join(str(p) for p in (TOOLS / "lib").glob("*-linux-gnu")) + ":" + ":".join(
	str(p) for p in (TOOLS / "usr/lib").glob("*-linux-gnu"))


def tool(*words, **options):
	"""A command of the unpacked packages; nobody is there to answer device-mapper's events."""
	path = next((p for p in (TOOLS / "sbin" / words[0], TOOLS / "usr/sbin" / words[0])
		if p.exists()), None)
	check(path, "%s is not in %s: tests/setup vm brings it" % (words[0], TOOLS))
	return run(path, *words[1:], env={**os.environ, "LD_LIBRARY_PATH": LIBRARIES,
		"DM_DISABLE_UDEV": "1", "LVM_SUPPRESS_FD_WARNINGS": "1"}, **options)


def need(module):
	if run("modprobe", module, status=None).returncode:
		skip("this kernel has no " + module)


def disk(address):
	"""The disk's node. With multipath it hangs on the subsystem, not on the controller."""
	def find():
		for controller in PCI.glob(address + "/nvme/nvme*"):
			places = [controller, *(s.parent for s in Path("/sys/class/nvme-subsystem").glob(
				"*/" + controller.name))]
			for place in places:
				for block in place.glob("nvme*n*"):
					if (block / "dev").exists() and (block / "queue").exists():
						return Path("/dev") / block.name
		return None
	node = wait_until(find, "%s has a disk" % address)
	wait_until(node.exists, "%s is there" % node)
	return node


def partition(address):
	"""One partition over all of it, by a table of the old kind."""
	node = disk(address)
	sectors = int(run("blockdev", "--getsz", node).stdout)
	entry = struct.pack("<B3sB3sII", 0, b"\xfe\xff\xff", 0x83, b"\xfe\xff\xff", 2048, sectors - 2048)
	with open(node, "r+b") as f:
		f.seek(446)
		f.write(entry + b"\0" * 48 + b"\x55\xaa")
	run("blockdev", "--rereadpt", node)
	part = Path("%sp1" % node)
	wait_until(part.exists, "%s is there" % part)
	return part


def wipe(address):
	with open(disk(address), "r+b") as f:
		f.write(b"\0" * (4 << 20))
	run("blockdev", "--rereadpt", disk(address))


def codes(address, uid=0):
	done = ctl("explain", "--json=short", address, uid=uid, status=None)
	return {f["code"]: f for f in json.loads(done.stdout)}


def host_use(address):
	return json.loads(ctl("show", "--json=short", address).stdout)[0]["HostUse"]


def refused(address, *wanted, secret=None, journaled=False):
	"""Refused to nobody with these classes, who is not told the secret; root is. Refusals that vary
	are folded in the journal, so that it tells only the first ones of the machine for certain."""
	set_policy(rule(address))
	before = driver(address)
	done = ctl("exec", address, "--", "true", uid=NOBODY, status=3)
	check(address in done.stderr, "the device is not named: " + done.stderr)
	found = codes(address)
	for use in wanted:
		check("host-use." + use in found, "no %s in %s" % (use, sorted(found)))
		check(use in host_use(address), "HostUse is %s" % host_use(address))
	if secret:
		check(str(secret) not in done.stderr, "nobody is told %s: %s" % (secret, done.stderr))
		check(any(str(secret) in f["text"] for f in found.values()), "root is not told %s: %s" % (
			secret, found))
	if not journaled:
		return
	records = [r for r in journal() if r["event"] == "lease.refused"]
	told = [f["code"] for f in records[-1]["findings"]]
	for use in wanted:
		check("host-use." + use in told, "the journal tells %s" % told)
	equal(driver(address), before, "the driver")


def refused_by_claim(address):
	"""No scan can see it, the exclusive open does."""
	set_policy(rule(address))
	check(not host_use(address), "HostUse is %s" % host_use(address))
	before = driver(address)
	done = ctl("exec", address, "--", "true", uid=NOBODY, status=3)
	check("exclusive use" in done.stderr and address in done.stderr, done.stderr)
	equal(driver(address), before, "the driver")


def granted(address, **keys):
	set_policy(rule(address, **keys))
	equal(host_use(address) if not keys else [], [], "HostUse")
	ctl("exec", address, "--", "true", uid=NOBODY)
	settled()


@contextmanager
def mounted(node):
	run("mkfs.ext4", "-q", "-F", node)
	MOUNT.mkdir(parents=True, exist_ok=True)
	run("mount", node, MOUNT)
	try:
		yield
	finally:
		run("umount", MOUNT)


def case_a_mounted_partition():
	with mounted(partition(NVME)):
		refused(NVME, "mounted", secret=MOUNT, journaled=True)
	granted(NVME)
	wipe(NVME)


def case_a_mounted_disk_with_virtual_functions():
	with mounted(disk(SHARED_NVME)):
		refused(SHARED_NVME, "mounted", secret=MOUNT)
	granted(SHARED_NVME)


def case_a_mount_in_another_namespace():
	run("mkfs.ext4", "-q", "-F", partition(NVME))
	MOUNT.mkdir(parents=True, exist_ok=True)
	other = subprocess.Popen(["unshare", "-m", "--propagation=private", "sh", "-c",
		"mount %sp1 %s && echo mounted && exec sleep 1000" % (disk(NVME), MOUNT)],
		stdout=subprocess.PIPE, text=True)
	try:
		equal(other.stdout.readline(), "mounted\n", "the mount")
		check(str(MOUNT) not in Path("/proc/1/mountinfo").read_text(), "the host sees the mount")
		refused_by_claim(NVME)
	finally:
		other.kill()
		other.wait()
	# The kernel takes a dead namespace's mounts away in its own time.
	wait_until(lambda: run("mkfs.ext4", "-q", "-F", "%sp1" % disk(NVME),
		status=None).returncode == 0, "the mount is gone")
	granted(NVME)
	wipe(NVME)


def case_swap():
	node = partition(NVME)
	run("mkswap", node)
	run("swapon", node)
	try:
		refused(NVME, "swap", secret=node.name)
	finally:
		run("swapoff", node)
	granted(NVME)
	wipe(NVME)


def case_an_open_disk():
	node = disk(NVME)
	with open(node, "rb"):
		refused(NVME, "open", secret=node.name)
		refused(NVME, "open", secret="pid %d" % os.getpid())
	# Another user's process, which got its fd from root.
	with open(node, "rb") as f:
		other = subprocess.Popen(["setpriv", "--reuid=%d" % NOBODY, "--clear-groups", "sleep",
			"1000"], stdin=f)
	try:
		refused(NVME, "open", secret="pid %d" % other.pid)
	finally:
		other.kill()
		other.wait()
	granted(NVME)


FLOOD = """
import os, resource, sys, time
resource.setrlimit(resource.RLIMIT_NOFILE, (300000, 300000))
os.setuid(%d)
for _ in range(299990):
	os.dup(0)
print("open", flush=True)
time.sleep(1000)
""" % NOBODY


def case_a_flood_of_open_files():
	"""It neither keeps the device from others nor hides who has it open."""
	flood = subprocess.Popen([sys.executable, "-c", FLOOD], stdin=subprocess.DEVNULL,
		stdout=subprocess.PIPE, text=True)
	try:
		equal(flood.stdout.readline(), "open\n", "the flood")
		node = disk(NVME)
		with open(node, "rb"):
			refused(NVME, "open", secret="pid %d" % os.getpid())
		start = time.monotonic()
		granted(NVME)
		print("granted and released in %.1f s beside the flood" % (time.monotonic() - start))
	finally:
		flood.kill()
		flood.wait()


ORPHAN = """
import ctypes, threading, time
def last():
	time.sleep(1)
	print("alone", flush=True)
	time.sleep(1000)
threading.Thread(target=last).start()
ctypes.CDLL(None).syscall(60 if __import__("os").uname().machine == "x86_64" else 93, 0)
"""


def case_a_node_open_in_a_process_without_its_first_thread():
	with open(disk(NVME), "rb") as f:
		other = subprocess.Popen([sys.executable, "-c", ORPHAN], stdin=f,
			stdout=subprocess.PIPE, text=True)
	try:
		equal(other.stdout.readline(), "alone\n", "the thread")
		equal(Path("/proc/%d/stat" % other.pid).read_text().split()[2], "Z", "the state")
		refused(NVME, "open", secret="pid %d" % other.pid)
	finally:
		other.kill()
		other.wait()
	granted(NVME)


def case_an_open_controller():
	node = Path("/dev") / next(PCI.glob(NVME + "/nvme/nvme*")).name
	with open(node, "rb"):
		refused(NVME, "open", secret=node.name)
	granted(NVME)


def case_encryption():
	need("dm_crypt")
	node = partition(NVME)
	key = Path("/run/key")
	key.write_bytes(b"k" * 64)
	tool("cryptsetup", "open", "--type=plain", "--cipher=aes-xts-plain64", "--key-size=512",
		"--key-file=%s" % key, node, "vault")
	try:
		refused(NVME, "holder", secret="vault")
		with mounted("/dev/mapper/vault"):
			refused(NVME, "holder", "mounted", secret=MOUNT)
	finally:
		tool("cryptsetup", "close", "vault")
	granted(NVME)
	wipe(NVME)


def case_a_logical_volume():
	need("dm_mod")
	node = partition(NVME)
	tool("lvm", "pvcreate", "-y", "-ff", node)
	tool("lvm", "vgcreate", "-y", "hostvg", node)
	tool("lvm", "lvcreate", "-y", "-Zn", "-Wn", "-l", "100%FREE", "-n", "data", "hostvg")
	try:
		refused(NVME, "holder", secret="hostvg-data")
		with mounted("/dev/mapper/hostvg-data"):
			refused(NVME, "holder", "mounted", secret=MOUNT)
	finally:
		tool("lvm", "vgchange", "-an", "hostvg")
	granted(NVME)
	wipe(NVME)


def case_a_raid():
	need("raid1")
	node = partition(NVME)
	tool("mdadm", "--create", "/dev/md7", "--run", "--level=1", "--metadata=1.2", "--force",
		"--raid-devices=2", node, "missing")
	try:
		refused(NVME, "holder", secret="md7")
		with mounted("/dev/md7"):
			refused(NVME, "holder", "mounted", secret=MOUNT)
	finally:
		tool("mdadm", "--stop", "/dev/md7")
	granted(NVME)
	wipe(NVME)


def case_a_loop_device():
	need("loop")
	node = disk(NVME)
	loop = run("losetup", "--find", "--show", node).stdout.strip()
	try:
		refused(NVME, "holder", secret=Path(loop).name)
	finally:
		run("losetup", "--detach", loop)
	granted(NVME)


def interface(address):
	def find():
		return next((p.name for p in (PCI / address / "net").glob("*")), None)
	return wait_until(find, "%s has an interface" % address)


def case_an_interface_with_an_address():
	name = interface(NIC)
	granted(NIC)
	name = interface(NIC)
	run("ip", "address", "add", "192.0.2.1/24", "dev", name)
	run("ip", "link", "set", name, "up")
	try:
		refused(NIC, "interface", secret=name)
	finally:
		run("ip", "address", "flush", "dev", name)
		run("ip", "link", "set", name, "down")
	granted(NIC)


def case_an_interface_with_the_default_route():
	name = interface(NIC)
	run("ip", "link", "set", name, "up")
	run("ip", "route", "add", "default", "dev", name, "metric", "9999")
	try:
		refused(NIC, "route", secret=name)
	finally:
		run("ip", "link", "set", name, "down")
	granted(NIC)


def case_an_interface_in_a_bridge():
	name = interface(NIC)
	need("bridge")
	run("ip", "link", "add", "lan0", "type", "bridge")
	run("ip", "link", "set", name, "master", "lan0")
	try:
		refused(NIC, "master", secret="lan0")
	finally:
		run("ip", "link", "delete", "lan0")
	granted(NIC)


def case_an_interface_in_another_namespace():
	name = interface(NIC)
	other = subprocess.Popen(["unshare", "-n", "sleep", "1000"])
	try:
		wait_until(lambda: os.readlink("/proc/%d/ns/net" % other.pid) !=
			os.readlink("/proc/self/ns/net"), "the namespace is there")
		run("ip", "link", "set", name, "netns", other.pid)
		check(not list((PCI / NIC / "net").glob("*")), "the interface is still here")
		refused(NIC, "unknown-users")
	finally:
		other.kill()
		other.wait()
	equal(interface(NIC), name, "the interface that came back")
	granted(NIC)


def case_what_a_rule_permits():
	name = interface(NIC)
	run("ip", "address", "add", "192.0.2.1/24", "dev", name)
	run("ip", "link", "set", name, "up")
	with open(disk(NVME), "rb"):
		set_policy(rule(NIC, HostUse="allow") + rule(NVME, HostUse="allow"))
		for address, use in ((NIC, "interface"), (NVME, "open")):
			equal(codes(address, NOBODY)["host-use." + use]["severity"], "warn", use)
			ctl("exec", address, "--", "true", uid=NOBODY)
			settled()


def start_gated():
	"""The daemon with a gate, which can be stopped before an operation."""
	pid = daemon_pid()
	if os.path.samefile("/proc/%d/exe" % pid, GATED):
		return
	os.kill(pid, signal.SIGTERM)
	wait_until(lambda: not Path("/proc/%d" % pid).exists(), "the installed daemon is gone")
	subprocess.Popen([GATED], stdin=subprocess.DEVNULL,
		stdout=open("/run/vm/devleased.log", "a"), stderr=subprocess.STDOUT,
		env={**os.environ, "DEVLEASE_TRACE": str(TRACE), "DEVLEASE_FAULT_FILE": str(FAULT)})
	wait_until(lambda: ctl("leases", status=None).returncode == 0, "the gated daemon", 30)


def stopped(pid):
	return Path("/proc/%d/stat" % pid).read_text().rsplit(")", 1)[1].split()[0] == "T"


def used_meanwhile(address, fault, use, words):
	"""A request whose device comes into use while the daemon is stopped at that call."""
	pid = daemon_pid()
	set_policy(rule(address))
	FAULT.write_text(fault + ":STOP\n")
	client = subprocess.Popen(["devleasectl", "exec", address, "--", "true"], text=True,
		stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
	try:
		wait_until(lambda: stopped(pid), "the daemon is stopped at " + fault)
		use()
	finally:
		os.kill(pid, signal.SIGCONT)
	said = client.communicate()[1]
	equal(client.returncode, 3, "the exit status; it said " + said)
	check(address in said and words in said, said)
	settled()


def case_used_after_the_decision():
	start_gated()
	node, name = disk(NVME), interface(NIC)
	run("mkfs.ext4", "-q", "-F", node)
	MOUNT.mkdir(parents=True, exist_ok=True)
	# Between the last look and the claim, which is the last moment that there is.
	for fault, words in (("host_use:2", "mounted file system"), ("block_claim:1", "exclusive use")):
		used_meanwhile(NVME, fault, lambda: run("mount", node, MOUNT), words)
		equal(driver(NVME), "nvme", "the driver")
		equal(MOUNT.is_mount(), True, "the mount is still there")
		run("umount", MOUNT)
	run("ip", "address", "add", "192.0.2.1/24", "dev", name)
	used_meanwhile(NIC, "host_use:2", lambda: run("ip", "link", "set", name, "up"),
		"interface")
	run("ip", "address", "flush", "dev", name)
	run("ip", "link", "set", name, "down")
	granted(NVME)
	granted(NIC)


def case_the_claim_is_held_until_the_unbind_is_done():
	start_gated()
	FAULT.write_text("driver_unbind:1:STOP\n")
	set_policy(rule(NVME))
	node, pid = disk(NVME), daemon_pid()
	MOUNT.mkdir(parents=True, exist_ok=True)
	client = subprocess.Popen(["devleasectl", "exec", NVME, "--", "true"])
	try:
		wait_until(lambda: stopped(pid), "the daemon is stopped before the unbind")
		refused_mount = run("mount", node, MOUNT, status=None)
		check(refused_mount.returncode != 0 and "busy" in refused_mount.stderr,
			"a mount while the disk is claimed: %s" % refused_mount)
		before = time.monotonic()
	finally:
		os.kill(pid, signal.SIGCONT)
	wait_until(lambda: driver(NVME) != "nvme", "the unbind is done")
	print("       an unbind with the disk claimed took %.2f s" % (time.monotonic() - before))
	equal(client.wait(), 0, "the client's exit status")
	settled()


main(globals())
