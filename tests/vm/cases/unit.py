# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon under its shipped unit: activation, restarts with live leases, its store of fds."""
import signal
import subprocess

from harness import *

EDU = ROLES["single-dma"]


def show(*properties):
	out = run("systemctl", "show", "-p", ",".join(properties), "devleased").stdout
	return dict(line.split("=", 1) for line in out.splitlines())


def pid():
	return int(show("MainPID")["MainPID"])


def kill_and_wait():
	before = pid()
	os.kill(before, signal.SIGKILL)
	wait_until(lambda: pid() not in (0, before), "systemd starts the daemon again", 30)
	wait_until(lambda: ctl("leases", status=None).returncode == 0, "the new daemon answers", 30)


def dma_client(repeat):
	"""A client that copies through the device all the time."""
	directory = Path("/tmp/dma-%d" % time.monotonic_ns())
	directory.mkdir()
	os.chown(directory, NOBODY, NOBODY)
	(directory / "pattern").write_bytes(os.urandom(512))
	return directory, start("devleasectl", "exec", EDU, "--", EDU_CLIENT, "--repeat=%d" % repeat,
		"dma", directory / "pattern", directory / "out")


def case_a_call_activates_the_daemon():
	run("systemctl", "stop", "devleased")
	wait_until(lambda: pid() == 0, "the daemon is stopped")
	ctl("list")
	check(pid() > 0, "the call did not start the unit")


def case_a_lease_lives_over_a_kill_of_the_daemon():
	set_policy(rule(EDU))
	directory, client = dma_client(60)
	lease = wait_until(leases, "the client has its lease")[0]
	kill_and_wait()
	equal(leases(), [lease], "the lease after the restart")
	equal(client.wait(), 0, "the client's exit status")
	equal((directory / "out").read_bytes(), (directory / "pattern").read_bytes(),
		"the client's DMA over the restart")
	client.stdin.close()
	settled()
	equal(show("NFileDescriptorStore")["NFileDescriptorStore"], "0", "fds in the store")


def case_the_unit_may_look_into_processes_and_claim_disks():
	nvme = ROLES["single"]
	set_policy(rule(nvme))
	with open(Path("/dev") / next(PCI.glob(nvme + "/nvme/nvme*")).name, "rb") as f:
		holder = subprocess.Popen(["setpriv", "--reuid=%d" % NOBODY, "--clear-groups", "sleep",
			"1000"], stdin=f)
	try:
		refused = ctl("explain", "--json=short", nvme, uid=NOBODY, status=3)
		codes = [f["code"] for f in json.loads(refused.stdout) if f["severity"] == "refuse"]
		equal(codes, ["host-use.open"], "what is in the way")
	finally:
		holder.kill()
		holder.wait()
	ctl("exec", nvme, "--", "true", uid=NOBODY)


def explained(*how):
	"""The exit status of an explain by nobody, started in some way."""
	return run(*how, "devleasectl", "explain", EDU, status=None).returncode


def case_rules_for_units_and_groups():
	"""By the process's unit and by the gids that the bus reports."""
	set_policy(rule(EDU, Unit="lease-test.service"))
	service = ["systemd-run", "--quiet", "--wait", "--pipe", "--collect", "--uid=nobody"]
	equal(explained(*service, "--unit=lease-test"), 0, "in the unit")
	equal(explained(*service, "--unit=lease-other"), 3, "in another unit")
	set_policy(rule(EDU, User="nobody", Group="tape"))
	member = ["setpriv", "--reuid=nobody", "--regid=nogroup"]
	equal(explained(*member, "--groups=tape"), 0, "with the group")
	equal(explained(*member, "--groups=audio"), 3, "with another group")
	set_policy(rule(EDU, Group="tape", Access="deny") + rule(EDU).replace("Rule ", "Rule x-"))
	equal(explained(*member, "--groups=tape"), 3, "denied to the group")
	equal(explained(*member, "--groups=audio"), 0, "and to nobody else")


def case_a_client_that_dies_while_the_daemon_is_dead():
	set_policy(rule(EDU))
	client = start("devleasectl", "exec", EDU, "--", EDU_CLIENT, "hold")
	wait_until(leases, "the client has its lease")
	os.kill(pid(), signal.SIGKILL)
	run("pkill", "-KILL", "-u", str(NOBODY))
	stop(client)
	wait_until(lambda: ctl("leases", status=None).returncode == 0, "the new daemon answers", 30)


def case_a_stop_of_the_unit_ends_no_lease():
	set_policy(rule(EDU))
	client = start("devleasectl", "exec", EDU, "--", EDU_CLIENT, "hold")
	try:
		lease = wait_until(leases, "the client has its lease")[0]
		run("systemctl", "stop", "devleased")
		run("systemctl", "start", "devleased")
		after = leases()
		equal([l["Id"] for l in after], [lease["Id"]], "the leases after stop and start")
		# systemd drops the stored fds of a stopped unit: the hold alone tells that it lives.
		equal(after[0]["State"], "detached", "its state")
		ctl("exec", EDU, "--", "true", uid=NOBODY, status=4)
	finally:
		stop(client)


def case_a_restart_of_the_unit_changes_no_lease():
	set_policy(rule(EDU))
	client = start("devleasectl", "exec", EDU, "--", EDU_CLIENT, "hold")
	try:
		lease = wait_until(leases, "the client has its lease")
		stored = show("NFileDescriptorStore")
		run("systemctl", "restart", "devleased")
		equal(leases(), lease, "the leases after the restart")
		equal(show("NFileDescriptorStore"), stored, "fds in the store")
	finally:
		stop(client)


def case_a_client_that_ends_while_the_unit_is_stopped():
	set_policy(rule(EDU))
	client = start("devleasectl", "exec", EDU, "--", EDU_CLIENT, "hold")
	wait_until(leases, "the client has its lease")
	run("systemctl", "stop", "devleased")
	equal(driver(EDU), "vfio-pci", "the driver while nobody looks after it")
	stop(client)
	run("systemctl", "start", "devleased")
	wait_until(lambda: not leases(), "the lease ends")


def case_a_detached_lease_lasts_as_long_as_somebody_has_the_device():
	"""Without its fds the daemon neither gives it to anybody nor takes it from who has it."""
	set_policy(rule(EDU, User="nobody daemon"))
	lease = Lease(EDU)
	run("systemctl", "stop", "devleased")
	run("systemctl", "start", "devleased")
	equal([l["State"] for l in leases()], ["detached"], "the state")
	lease.close(EDU)
	wait_until(lambda: [l["State"] for l in leases()] == ["releasing"], "the hold is gone")
	ctl("exec", EDU, "--", "true", uid=OTHER, status=4)
	equal(driver(EDU), "vfio-pci", "the driver of a device that somebody has")
	lease.close()
	settled()
	ctl("exec", EDU, "--", "true", uid=OTHER)


def case_a_crash_loop_loses_nothing():
	"""More deaths in a row than systemd lets a unit have if it is not told otherwise."""
	set_policy(rule(EDU))
	directory, client = dma_client(1000000)
	lease = wait_until(leases, "the client has its lease")
	# A slow machine may not manage five starts in ten seconds, the default limit.
	equal(show("StartLimitIntervalUSec")["StartLimitIntervalUSec"], "0", "the limit of starts")
	for _ in range(8):
		before = pid()
		if before:
			os.kill(before, signal.SIGKILL)
		wait_until(lambda: pid() not in (0, before), "systemd starts it again", 30)
	equal(leases(), lease, "the lease after the crash loop")
	equal(show("ActiveState")["ActiveState"], "active", "the unit")
	client.stdin.close()
	equal(client.wait(), 0, "the client's exit status")
	equal((directory / "out").read_bytes(), (directory / "pattern").read_bytes(), "its DMA")


def case_the_service_manager_starts_itself_again():
	set_policy(rule(EDU))
	client = start("devleasectl", "exec", EDU, "--", EDU_CLIENT, "hold")
	try:
		lease = wait_until(leases, "the client has its lease")
		run("systemctl", "daemon-reexec")
		run("systemctl", "daemon-reload")
		equal(leases(), lease, "the leases after the new manager")
		kill_and_wait()
		equal(leases(), lease, "the leases after the daemon's death under the new manager")
	finally:
		stop(client)


def case_reload_keeps_a_good_policy():
	set_policy(rule(EDU))
	(POLICY / "60-broken.conf").write_text("[Rule x]\nAcces=allow\n")
	try:
		failed = ctl("reload", status=1)
		check("60-broken.conf:2" in failed.stderr, "no place in: " + failed.stderr)
		ctl("exec", EDU, "--", "true", uid=NOBODY)
	finally:
		(POLICY / "60-broken.conf").unlink()
	run("systemctl", "reload", "devleased")


main(globals())
