# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every kernel operation of a lease fails once, on the real kernel.

A traced lease tells which operations there are. Each of them then fails once, in a lease of its
own; afterwards the device is as it was, no fd is left, and the journal tells of the failure. The
operations that failed are compared with the traced ones.
"""
import signal
import subprocess

from harness import *

NVME, EDU = ROLES["single"], ROLES["single-dma"]
GATED = BUILD / "tests/fake/devleased-gated"
TRACE, FAULT = Path("/run/gate-trace"), Path("/run/gate-fault")
# A close cannot fail; a scan only refreshes what the daemon shows.
CANNOT_FAIL = {"close", "scan", "scan_device"}
# Asked only to see whether it is refused; a failure that is no EBUSY does not stop the end.


def start_gated():
	pid = daemon_pid()
	os.kill(pid, signal.SIGTERM)
	wait_until(lambda: not Path("/proc/%d" % pid).exists(), "the installed daemon is gone")
	subprocess.Popen([GATED], stdin=subprocess.DEVNULL,
		stdout=open("/run/vm/devleased.log", "a"), stderr=subprocess.STDOUT,
		env={**os.environ, "DEVLEASE_TRACE": str(TRACE), "DEVLEASE_FAULT_FILE": str(FAULT)})
	wait_until(lambda: ctl("leases", status=None).returncode == 0, "the gated daemon", 30)


def one_lease(device, options):
	"""A lease and its end; returns the error of a refusal, else None."""
	try:
		lease = Lease(device, **options)
	except GLib.Error as e:
		return e.message
	lease.close()
	lease.bus.close_sync(None)
	settled()
	return None


def traced(device, options):
	TRACE.write_text("")
	equal(one_lease(device, options), None, "a lease without faults")
	wait_until(lambda: TRACE.read_text().endswith("\n"), "the trace is whole")
	return [line.split()[0] for line in TRACE.read_text().splitlines()]


def inject(device, options, operation, n, before, fds):
	lines = len(JOURNAL.read_text().splitlines())
	FAULT.write_text("%s:%d:EIO\n" % (operation, n))
	error = one_lease(device, options)
	what = "%s, call %d" % (operation, n)
	check(not FAULT.exists(), what + ": the fault was never taken up")
	settled()
	equal(facts(), before, what + ": drivers and overrides")
	wait_until(lambda: daemon_fds() == fds, "%s: fds %s, not %s" % (what, daemon_fds(), fds))
	if error:
		check(operation in error and "EIO" in error, what + ": the error is " + error)
	told = wait_until(lambda: [l for l in JOURNAL.read_text().splitlines()[lines:]
		if operation in l and "EIO" in l], what + " is in the journal")
	check(told, what)


def all_faults(device, **options):
	before, fds = facts(), daemon_fds()
	calls = {}
	for operation in traced(device, options):
		calls[operation] = calls.get(operation, 0) + 1
	wanted = {(o, n) for o, count in calls.items() for n in range(1, count + 1)
		if o not in CANNOT_FAIL}
	done = set()
	for operation, n in sorted(wanted):
		inject(device, options, operation, n, before, fds)
		done.add((operation, n))
	equal(done, wanted, "the operations that failed once")
	check(len(done) >= 10, "only %d operations" % len(done))
	print("       %d calls of %d operations failed once each" % (
		len(done), len({o for o, _ in done})))
	ctl("audit", "verify")


def case_attached():
	all_faults(NVME, backend=BACKEND)


def case_opened():
	if CDEV:
		all_faults(EDU, handover="opened")


def case_legacy_beside_iommufd():
	if CDEV:
		all_faults(EDU, backend="legacy")


start_gated()
main(globals())
