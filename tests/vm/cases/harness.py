# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the cases that run inside the test machine share: roles, policy, clients, a small runner.

A case is a function whose name begins with case_; it fails by raising. Every case leaves the
machine as it found it, and the runner checks that it did.
"""
import faulthandler
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path

import gi  # noqa: F401  (fails here, with its own words, where python3-gi is missing)
from gi.repository import Gio, GLib

sys.stdout.reconfigure(line_buffering=True)
ROLES = json.loads(os.environ["DEVLEASE_ROLES"])
BUILD = Path(os.environ["DEVLEASE_BUILD"])
# The build tree may be where only root can go.
EDU_CLIENT = shutil.copy(BUILD / "tests/clients/edu-client", "/tmp/edu-client")
POLICY = Path("/etc/devlease/policy.d")
JOURNAL = Path("/var/log/devlease/journal.jsonl")
PCI = Path("/sys/bus/pci/devices")
CDEV = Path("/dev/iommu").exists()
BACKEND = "iommufd" if CDEV else "legacy"
NOBODY, OTHER = 65534, 1  # nobody and daemon: uids that every Debian knows


class Skipped(Exception):
	pass


def skip(why):
	"""Ends a case that this machine cannot run; it counts as skipped."""
	raise Skipped(why)


def check(condition, message):
	if not condition:
		raise AssertionError(message)


def equal(got, wanted, what):
	check(got == wanted, "%s: got %r, wanted %r" % (what, got, wanted))


def wait_until(true, what, limit=20.0):
	"""Waits until true() is, or fails saying what was waited for."""
	end = time.monotonic() + limit
	while True:
		value = true()
		if value:
			return value
		check(time.monotonic() < end, "after %g s still not: %s" % (limit, what))
		time.sleep(0.05)


def run(*words, uid=0, status=0, **options):
	"""Runs a command, as another uid where asked, and checks its exit status (None: any)."""
	def drop():
		os.setgroups([])
		os.setresgid(uid, uid, uid)
		os.setresuid(uid, uid, uid)
	done = subprocess.run([str(w) for w in words], stdin=subprocess.DEVNULL, text=True,
		stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=drop if uid else None, **options)
	if status is not None and done.returncode != status:
		raise AssertionError("%s: exit status %d, wanted %d\nstdout: %s\nstderr: %s" % (
			" ".join(map(str, words)), done.returncode, status, done.stdout, done.stderr))
	return done


def start(*words, uid=NOBODY):
	"""Starts a client in the background; it ends when its stdin is closed, or by stop()."""
	return subprocess.Popen(["setpriv", "--reuid=%d" % uid, "--regid=%d" % uid, "--clear-groups",
		*map(str, words)], stdin=subprocess.PIPE)


def stop(client):
	client.stdin.close()
	client.terminate()
	client.wait()


def ctl(*words, **options):
	return run("devleasectl", *words, **options)


def set_policy(text):
	POLICY.mkdir(parents=True, exist_ok=True)
	(POLICY / "50-test.conf").write_text(text)
	ctl("reload")


def rule(device, **keys):
	"""A rule that permits device to nobody; keys are further lines."""
	keys = {"Device": device, "User": "nobody", "Access": "allow", **keys}
	name = device.replace(":", "-")
	return "[Rule %s]\n%s\n" % (name, "\n".join("%s=%s" % k for k in keys.items()))


def driver(address):
	link = PCI / address / "driver"
	return link.resolve().name if link.exists() else None


def unbind(address):
	if driver(address):
		(PCI / address / "driver/unbind").write_text(address)


def bind(address, name):
	(Path("/sys/bus/pci/drivers") / name / "bind").write_text(address)


def override(address):
	return (PCI / address / "driver_override").read_text().strip()


def facts():
	"""What a lease changes and has to put back, for every device."""
	return {d.name: (driver(d.name), override(d.name)) for d in sorted(PCI.iterdir())}


def leases():
	return json.loads(ctl("leases", "--json=short").stdout)


def journal():
	return [json.loads(line) for line in JOURNAL.read_text().splitlines()]


def daemon_pid():
	return int(subprocess.run(["busctl", "status", "org.devlease1", "--json=off"], text=True,
		stdout=subprocess.PIPE, check=True).stdout.split("PID=", 1)[1].split()[0])


def daemon_fds(pid=None):
	return sorted(os.readlink(f) for f in Path("/proc/%d/fd" % (pid or daemon_pid())).iterdir())


def system_bus():
	address = Gio.dbus_address_get_for_bus_sync(Gio.BusType.SYSTEM)
	return Gio.DBusConnection.new_for_address_sync(address,
		Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT |
		Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION, None, None)


class Lease:
	"""A lease acquired in this process, as root; its fds are closed by close()."""

	def __init__(self, *devices, **options):
		self.bus = system_bus()
		wire = {k.replace("_", "-"): GLib.Variant("s", v) for k, v in options.items()}
		reply, fds = self.bus.call_with_unix_fd_list_sync("org.devlease1", "/org/devlease1",
			"org.devlease1.Manager", "Acquire", GLib.Variant("(asa{sv})", (devices, wire)),
			None, 0, -1, None, None)
		self.path, names, self.info = reply.unpack()
		taken = fds.steal_fds()
		self.fds = {name: taken[i] for name, i in names.items()}

	def call(self, method, arguments=None):
		return self.bus.call_sync("org.devlease1", self.path, "org.devlease1.Lease", method,
			arguments, None, 0, -1, None)

	def close(self, *keep):
		for name in [n for n in self.fds if n not in keep]:
			os.close(self.fds.pop(name))


def settled():
	"""Waits until no lease is left; the end of one takes a reset or two."""
	wait_until(lambda: not leases(), "all leases have ended", 60)


def heartbeat():
	"""Lets the kernel log tell, when the time limit strikes, whether the machine itself stood."""
	while True:
		Path("/dev/kmsg").write_text("<3>devlease-heartbeat\n")
		time.sleep(10)


def tell_stacks():
	"""Where every process of the machine waits, in the kernel's words."""
	print("what waits where, after %.1f s of uptime:" % time.monotonic())
	for task in sorted(Path("/proc").glob("[0-9]*/task/[0-9]*"), key=lambda t: int(t.name)):
		try:
			if not (task / "cmdline").read_bytes():
				continue
			stat = (task / "stat").read_text()
			name, state = stat.split("(", 1)[1].rsplit(") ", 1)
			stack = [l.split()[-1].split("+")[0] for l in (task / "stack").read_text().splitlines()]
		except OSError:
			continue  # it ended meanwhile
		print("  %s of %s %s %s, cpu %s: %s" % (task.name, task.parts[2], name, state[0],
			state.split()[36], " < ".join(stack[:7])))
	Path("/proc/sysrq-trigger").write_text("w")


class Watchdog(threading.Thread):
	"""Tells once, for each case that takes longer than any does, what hangs where."""
	LIMIT = 2400 if os.environ.get("DEVLEASE_LONG") else 90

	def __init__(self):
		super().__init__(daemon=True)
		self.begun, self.told = time.monotonic(), False

	def begin(self):
		self.begun, self.told = time.monotonic(), False

	def run(self):
		while True:
			time.sleep(5)
			if not self.told and time.monotonic() - self.begun > self.LIMIT:
				self.told = True
				tell_stacks()


def main(cases):
	"""Runs the case_ functions of a module's globals(), in order of definition."""
	passed = failed = skipped = 0
	only = sys.argv[1:]
	# Tells a case that hangs from a machine that does.
	faulthandler.dump_traceback_later(150, repeat=True, file=sys.stdout)
	threading.Thread(target=heartbeat, daemon=True).start()
	watchdog = Watchdog()
	watchdog.start()
	for name, case in list(cases.items()):
		if not name.startswith("case_") or (only and name not in only):
			continue
		before, start = facts(), time.monotonic()
		watchdog.begin()
		try:
			case()
			settled()
			equal(facts(), before, "drivers and overrides after the case")
			passed, verdict = passed + 1, "ok"
		except Skipped as e:
			skipped, verdict = skipped + 1, "skipped: %s:" % e
		except Exception:
			traceback.print_exc(file=sys.stdout)
			failed, verdict = failed + 1, "FAILED"
		print("%-6s %s (%.1f s)" % (verdict, name[5:].replace("_", " "), time.monotonic() - start))
	if failed:
		print("the daemon's log:")
		log = Path("/run/vm/devleased.log")
		print(log.read_text()[-4000:] if log.exists() else
			run("journalctl", "-u", "devleased", "-n", "40", status=None).stdout)
	print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
	sys.exit(1 if failed or not passed else 0)
