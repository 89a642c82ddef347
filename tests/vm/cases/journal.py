# SPDX-License-Identifier: LGPL-2.1-or-later
"""The assignment journal on a small disk that fills up, over rotations, and after a power loss.

The daemon runs with a tmpfs of 3 MiB below /var/log/devlease, of which it keeps 1 MiB back for the
records of ends, and rotates at 64 KiB.
"""
import signal
import subprocess

from harness import *

NVME, EDU = ROLES["single"], ROLES["single-dma"]
LOG = JOURNAL.parent
FILLER = LOG / "filler"


def start_daemon():
	subprocess.Popen([PROGRAM, "--journal-size=65536"], stdin=subprocess.DEVNULL,
		stdout=open("/run/vm/devleased.log", "a"), stderr=subprocess.STDOUT)
	wait_until(lambda: ctl("leases", status=None).returncode == 0, "the daemon answers", 30)


def stop_daemon(number):
	pid = daemon_pid()
	os.kill(pid, number)
	wait_until(lambda: not Path("/proc/%d" % pid).exists() or Path(
		"/proc/%d/stat" % pid).read_text().rsplit(") ", 1)[1][0] == "Z", "the daemon is gone")


def records():
	return json.loads(ctl("audit", "--json=short").stdout)


def events(name):
	return [r for r in records() if r["event"] == name]


def fill():
	with open(FILLER, "wb", buffering=0) as f:
		try:
			while True:
				f.write(b"x" * 4096)
		except OSError:
			pass


def refused_for_the_journal():
	"""Leases until one is refused, which uses up what is not kept back; the refusal's text."""
	for _ in range(2000):
		try:
			Lease(NVME, backend=BACKEND).close()
			wait_until(lambda: len(leases()) == 1, "it has ended")
		except GLib.Error as e:
			return e.message
		ctl("reload", status=None)  # a long record, each time
	raise AssertionError("the disk is full, and leases begin all the same")


def case_a_full_disk():
	try:
		full_disk()
	finally:
		FILLER.unlink(missing_ok=True)


def full_disk():
	set_policy(rule(EDU) + "".join("[Rule filler-%d]\nUser=%d\nAccess=deny\n" % (n, 3000 + n)
		for n in range(400)))
	held, before = Lease(EDU, backend=BACKEND), len(events("lease.released"))
	fill()
	message = refused_for_the_journal()
	check("Error.Journal" in message and "ENOSPC" in message, message)
	equal(driver(NVME), BEFORE[NVME][0], "the refused device was not touched")
	ended = len(events("lease.released"))
	held.close()
	settled()
	equal(len(events("lease.released")), ended + 1, "the end is written on the full disk")
	equal(driver(EDU), BEFORE[EDU][0], "and the device is back")
	try:
		Lease(NVME, backend=BACKEND)
	except GLib.Error as e:
		check("Error.Journal" in e.message, e.message)
	else:
		raise AssertionError("the disk is still full")
	FILLER.unlink()
	Lease(NVME, backend=BACKEND).close()
	settled()
	check(len(events("lease.released")) > before, "leases end again")
	print("       %s" % ctl("audit", "verify").stdout.strip())


def case_rotation_and_heads():
	head = ctl("audit", "verify").stdout.split("head ")[1].strip()
	for _ in range(12):
		ctl("reload")
	check(len(list(LOG.glob("journal.jsonl.*"))) >= 2, "it was rotated")
	ctl("audit", "verify", "--head=" + head)
	ctl("audit", "verify", "--head=" + head[:-1] + ("1" if head[-1] == "0" else "0"), status=1)
	oldest = LOG / "journal.jsonl.1"
	base = ctl("audit", "verify", oldest).stdout.split("head ")[1].strip()
	aside = Path("/tmp/aside")
	aside.write_bytes(oldest.read_bytes())
	oldest.unlink()
	ctl("audit", "verify", status=1)
	ctl("audit", "verify", "--base=" + base, "--head=" + head)
	oldest.write_bytes(aside.read_bytes())
	ctl("audit", "verify", "--head=" + head)


def case_power_loss():
	"""The last group did not reach the disk whole: a cut line, and a hole before it."""
	last = records()[-1]["seq"]
	stop_daemon(signal.SIGKILL)
	last = max(last, records()[-1]["seq"])
	torn = b'{"seq":%d,"prev":"00' % (last + 1) + bytes(4096) + b'"verdict":"allow"}\n{"se'
	with open(JOURNAL, "ab") as f:
		f.write(torn)
	ctl("audit", "verify", status=1)
	start_daemon()
	recovered, = events("journal.recovered")
	equal(recovered["seq"], last + 1, "the chain goes on after the last whole record")
	equal(recovered["bytes"], len(torn), "all of it was moved aside")
	equal((LOG / recovered["moved-to"]).read_bytes(), torn, "and kept")
	ctl("audit", "verify")
	Lease(NVME, backend=BACKEND).close()
	settled()


BEFORE = facts()
PROGRAM = Path("/proc/%d/exe" % daemon_pid()).readlink()
stop_daemon(signal.SIGTERM)
run("mount", "-t", "tmpfs", "-o", "size=3m,mode=2750", "tmpfs", LOG)
start_daemon()
main(globals())
