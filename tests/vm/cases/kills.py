# SPDX-License-Identifier: LGPL-2.1-or-later
"""SIGKILL at random moments, under the shipped unit and systemd's own store of fds.

One client does DMA all the time. Another takes a device from its host driver and gives it back, or
has it while the daemon dies. After each kill the first one's lease is the same and under the same
path, its device still works, and the other device is leased to who was told so or is the host's.
"""
import random
import signal
import threading

from harness import *

EDU, NVME = ROLES["single-dma"], ROLES["single"]
KILLS = 1000 if os.environ.get("DEVLEASE_LONG") else 30  # two to four seconds each
SEED = int(os.environ.get("DEVLEASE_SEED") or random.randrange(1 << 32))
ENDS = ("lease.released", "lease.aborted", "lease.failed")
NAME, PATH = "org.devlease1", "/org/devlease1"
bus = system_bus()


def call(path, interface, method, arguments=None, name=NAME):
	return bus.call_sync(name, path, interface, method, arguments, None, 0, 10000, None).unpack()


def answered(path, interface, method, arguments=None):
	"""The same of a daemon that may just be coming back."""
	end = time.monotonic() + 30
	while True:
		try:
			return call(path, interface, method, arguments)
		except GLib.Error as e:
			check(time.monotonic() < end, "the daemon does not come back: " + e.message)
			time.sleep(0.05)


def listed():
	return {l["Id"]: l for l in answered(PATH, NAME + ".Manager", "ListLeases")[0]}


def kill_daemon():
	"""Returns when it is dead: what answers afterwards is the next one."""
	pid, = call("/org/freedesktop/DBus", "org.freedesktop.DBus", "GetConnectionUnixProcessID",
		GLib.Variant("(s)", (NAME,)), "org.freedesktop.DBus")
	os.kill(pid, signal.SIGKILL)
	wait_until(lambda: not Path("/proc/%d" % pid).exists(), "the killed daemon is gone")


class DmaClient:
	"""Copies through the device until it is told to end."""

	def __init__(self, **options):
		self.directory = Path("/tmp/kills-%d" % time.monotonic_ns())
		self.directory.mkdir()
		os.chown(self.directory, NOBODY, NOBODY)
		self.pattern, self.out = self.directory / "pattern", self.directory / "out"
		self.pattern.write_bytes(os.urandom(512))
		before = set(listed())
		self.process = start("devleasectl", "exec", EDU, *("--%s=%s" % o for o in options.items()),
			"--", EDU_CLIENT, "--repeat=1000000", "dma", self.pattern, self.out)
		self.id = wait_until(lambda: set(listed()) - before, "the client has its lease").pop()

	def is_as_it_was(self):
		equal(self.process.poll(), None, "the exit status of the client that does DMA")
		equal(listed()[self.id]["State"], "active", "its lease")
		got = answered(PATH + "/lease/" + self.id, "org.freedesktop.DBus.Properties", "Get",
			GLib.Variant("(ss)", (NAME + ".Lease", "Devices")))
		equal(got[0], [EDU], "the lease's object under the same path")

	def end(self):
		self.process.stdin.close()
		equal(self.process.wait(30), 0, "the exit status of the client that does DMA")
		equal(self.out.read_bytes(), self.pattern.read_bytes(), "what came back from the device")


def one_life(told, begun):
	"""A lease of the other device, which may be cut short at any moment."""
	begun.set()
	try:
		lease = Lease(NVME)
	except GLib.Error:
		return
	told.add(lease.path.rsplit("/", 1)[1])
	lease.close()
	lease.bus.close_sync(None)


def kill_in_the_middle(dice, length, told):
	begun = threading.Event()
	life = threading.Thread(target=one_life, args=(told, begun))
	life.start()
	begun.wait()
	time.sleep(dice.uniform(0, length))
	kill_daemon()
	life.join()


def kill_while_it_is_leased(told):
	lease = Lease(NVME)
	name = lease.path.rsplit("/", 1)[1]
	told.add(name)
	kill_daemon()
	equal(listed()[name]["State"], "active", "a lease that is held")
	lease.close()
	lease.bus.close_sync(None)


def free_again(others):
	wait_until(lambda: set(listed()) <= others, "the other lease has ended", 60)


def told_right(records, told):
	"""Each request came to one end, and each lease that a client knew of had been granted."""
	events = {}
	for r in records:
		if r.get("lease"):
			events.setdefault(r["lease"], []).append(r["event"])
	for name, names in events.items():
		ends = [e for e in names if e in ENDS]
		equal(len(ends), 1, "ends of lease %s: %s" % (name, names))
		if name in told:
			equal(ends, ["lease.released"], name)
			check("lease.granted" in names, "%s was never granted: %s" % (name, names))
	check(told <= set(events), "not in the journal: %s" % (told - set(events)))
	return len([e for e in events.values() if "lease.aborted" in e])


def measure(others):
	begin = time.monotonic()
	one_life(set(), threading.Event())
	free_again(others)
	return time.monotonic() - begin


def kills(n, seed, **options):
	dice, told, before = random.Random(seed), set(), len(journal())
	set_policy(rule(EDU))
	host = facts()[NVME]
	client = DmaClient(**options)
	length, begin = measure({client.id}), time.monotonic()
	for i in range(n):
		if i % 5 == 4:
			kill_while_it_is_leased(told)
		else:
			kill_in_the_middle(dice, length, told)
		client.is_as_it_was()
		free_again({client.id})
		equal(facts()[NVME], host, "driver and override after kill %d" % (i + 1))
	took = time.monotonic() - begin
	client.end()
	settled()
	stored = run("systemctl", "show", "-p", "NFileDescriptorStore", "--value", "devleased").stdout
	equal(stored.strip(), "0", "fds in the store")
	ctl("audit", "verify")
	aborted = told_right(journal()[before:], told)
	print("       %d kills, %.1f s each; a life takes %.1f s; %d leases told of, %d aborted; "
		"seed %d" % (n, took / n, length, len(told), aborted, seed))


def case_kills_while_a_client_does_dma():
	kills(KILLS // 2, SEED)


def case_kills_while_a_client_does_dma_on_the_other_handover():
	kills(KILLS // 2, SEED + 1, **({"backend": "legacy"} if CDEV else {"handover": "attached"}))


main(globals())
