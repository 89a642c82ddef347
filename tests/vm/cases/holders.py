# SPDX-License-Identifier: LGPL-2.1-or-later
"""Clients that keep what is no longer theirs: they delay their own lease's end and nothing else."""
import os
import signal
import statistics
import subprocess

from harness import *

EDU, NVME = ROLES["single-dma"], ROLES["single"]
ANSWER_MS = 20


def state(address):
	return json.loads(ctl("show", address, "--json=short").stdout)[0]["State"]


def keep_fd(handover):
	"""A client whose lease is over while it still has the device's fd."""
	client = start("devleasectl", "exec", EDU, "--handover=" + handover, "--", EDU_CLIENT, "hold")
	lease = wait_until(leases, "the client has its lease")[0]["Id"]
	released = ctl("release", lease, status=None)
	equal(released.returncode, 4, "release while an fd is held: " + released.stderr)
	return client


def answer_times(n=100):
	bus = system_bus()
	times = []
	for _ in range(n):
		begin = time.monotonic()
		bus.call_sync("org.devlease1", "/org/devlease1", "org.devlease1.Manager", "GetDevice",
			GLib.Variant("(s)", (NVME,)), None, 0, -1, None)
		times.append((time.monotonic() - begin) * 1000)
	return times


def case_a_kept_attached_fd_keeps_the_device_from_others():
	set_policy(rule(EDU, User="nobody daemon"))
	client = keep_fd("attached")
	try:
		ctl("exec", EDU, "--", "true", uid=OTHER, status=4)
		equal(state(EDU), "releasing", "the state")
	finally:
		stop(client)
	settled()
	ctl("exec", EDU, "--", EDU_CLIENT, "config", uid=OTHER)


def case_a_kept_unbound_fd_cannot_harm_the_next_client():
	if not CDEV:
		return
	set_policy(rule(EDU, User="nobody daemon"))
	usual = statistics.median(answer_times())
	client = keep_fd("opened")
	try:
		# The unbind that would prove the device free hangs in the kernel: nobody else gets it.
		wait_until(lambda: state(EDU) == "stuck", "the device counts as stuck", 60)
		ctl("exec", EDU, "--handover=opened", "--", "true", uid=OTHER, status=4)
		times = answer_times()
		median = statistics.median(times)
		print("       answers while an unbind hangs: median %.1f ms, longest %.1f ms; "
			"before: median %.1f ms" % (median, max(times), usual))
		# A machine that is slow altogether says nothing about the hang.
		check(median <= max(ANSWER_MS, 2 * usual), "answers take %.1f ms" % median)
		# Another client is served meanwhile.
		Lease(NVME).close()
		wait_until(lambda: driver(NVME) == "nvme", "the other device is back", 60)
	finally:
		stop(client)
	settled()
	directory = Path("/tmp/next-client")
	directory.mkdir()
	os.chown(directory, OTHER, OTHER)
	pattern = directory / "pattern"
	pattern.write_bytes(os.urandom(1024))
	ctl("exec", EDU, "--handover=opened", "--", EDU_CLIENT, "bind-attach", pattern,
		directory / "out", uid=OTHER)
	equal((directory / "out").read_bytes(), pattern.read_bytes(), "the next client's DMA")


def case_a_kill_ends_the_daemon_while_an_unbind_hangs():
	set_policy(rule(EDU, User="nobody"))
	handover = "opened" if CDEV else "attached"
	client = keep_fd(handover)
	pid = daemon_pid()
	try:
		if CDEV:
			wait_until(lambda: state(EDU) == "stuck", "the unbind hangs", 60)
		os.kill(pid, signal.SIGKILL)
		begin = time.monotonic()
		wait_until(lambda: ended(pid), "the daemon is gone", 2)
		print("       gone %.0f ms after SIGKILL" % ((time.monotonic() - begin) * 1000))
		subprocess.Popen(["/usr/libexec/devleased"], stdout=open("/run/vm/devleased.log", "a"),
			stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
		wait_until(lambda: ctl("leases", status=None).returncode == 0, "the next daemon", 30)
		check(state(EDU) in ("releasing", "stuck"), "the device is " + state(EDU))
		ctl("exec", EDU, "--", "true", uid=NOBODY, status=4)
	finally:
		stop(client)
	settled()
	ctl("exec", EDU, "--", EDU_CLIENT, "config", uid=NOBODY)


def ended(pid):
	try:
		return Path("/proc/%d/stat" % pid).read_text().rsplit(")", 1)[1].split()[0] == "Z"
	except (FileNotFoundError, ProcessLookupError):
		return True


main(globals())
