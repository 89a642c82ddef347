# SPDX-License-Identifier: LGPL-2.1-or-later
"""Access=ask with the real polkitd and a rule in JavaScript that looks at the details."""
import signal
import statistics

from harness import *

EDU, NVME = ROLES["single-dma"], ROLES["single"]
FREE = ROLES["pf-nvme"]  # for another user, without polkit
POLKITD = "/usr/lib/polkit-1/polkitd"
RULES = Path("/etc/polkit-1/rules.d/10-devlease-test.rules")
LIMIT = 30  # seconds after which a question without interaction expires
JAVASCRIPT = """
polkit.addRule(function(action, subject) {
	if (action.id == "org.devlease1.acquire" && subject.user == "nobody" &&
	    action.lookup("device") == "%s" && action.lookup("handover") == "attached" &&
	    action.lookup("rule") == "asked")
		return polkit.Result.YES;
	if (action.id == "org.devlease1.reload" && subject.user == "daemon")
		return polkit.Result.YES;
	return polkit.Result.NOT_HANDLED;
});
""" % EDU
ASKED = """[Rule asked]
Device=%s %s
User=nobody
Access=ask
Handover=attached opened
""" % (EDU, NVME)


def has_owner():
	return "PolicyKit1" in run("busctl", "list", "--acquired", "--no-legend").stdout


def start_polkitd():
	"""Under systemd its unit; else by hand, as the machine's init does with the bus."""
	if Path("/run/systemd/system").exists():
		run("systemctl", "restart", "polkit")
	elif not has_owner():
		subprocess.Popen([POLKITD, "--no-debug"], stdin=subprocess.DEVNULL,
			stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
	wait_until(has_owner, "polkitd is on the bus", 30)


def polkitd_pid():
	return int(run("pgrep", "-x", "polkitd").stdout.split()[0])


def begin():
	RULES.write_text(JAVASCRIPT)
	set_policy(ASKED + rule(FREE, User="daemon"))
	start_polkitd()


def waiting_request():
	"""A request that polkit has not answered: it has no lease, and nobody said no."""
	client = subprocess.Popen(["setpriv", "--reuid=%d" % NOBODY, "--regid=%d" % NOBODY,
		"--clear-groups", "devleasectl", "exec", EDU, "--", "true"], stdin=subprocess.DEVNULL,
		stderr=subprocess.PIPE, text=True)
	time.sleep(1.5)
	check(client.poll() is None, "the request does not wait: %s" % client.returncode)
	return client


def others_are_served(what):
	times = []
	for _ in range(20):
		begun = time.monotonic()
		ctl("explain", FREE, uid=OTHER)
		times.append(time.monotonic() - begun)
	begun = time.monotonic()
	ctl("exec", FREE, "--", "true", uid=OTHER)
	whole = time.monotonic() - begun
	print("       %s: explain of another %.0f ms (max %.0f), a whole lease %.1f s" % (
		what, statistics.median(times) * 1000, max(times) * 1000, whole))
	check(statistics.median(times) < 1.0 and whole < 10, "another client waits for polkit")
	equal(json.loads(ctl("list", EDU, "--json=short").stdout)[0]["State"], "free",
		"the state of what is asked about")


def case_a_rule_that_looks_at_the_device():
	begin()
	ctl("exec", EDU, "--", EDU_CLIENT, "config", uid=NOBODY)
	equal([e for e in journal() if e["event"] == "lease.granted"][-1]["caller"]["polkit"],
		["org.devlease1.acquire"], "what the journal says of polkit")
	refused = ctl("exec", NVME, "--", "true", uid=NOBODY, status=3)
	check(NVME in refused.stderr and "authentication" in refused.stderr, refused.stderr)
	refused = ctl("exec", EDU, "--handover=opened", "--", "true", uid=NOBODY, status=None) \
		if CDEV else None
	check(not refused or refused.returncode == 3, "polkit was shown another handover")
	equal(ctl("explain", EDU, uid=NOBODY, status=3).stdout.split(":")[0], "ask", "the verdict")


def case_reload_for_whom_polkit_allows():
	begin()
	ctl("reload", uid=OTHER)
	refused = ctl("reload", uid=NOBODY, status=3)
	check("org.devlease1.reload" in refused.stderr, refused.stderr)


def case_polkitd_hangs():
	begin()
	before, pid = len(journal()), polkitd_pid()
	os.kill(pid, signal.SIGSTOP)
	try:
		begun, client = time.monotonic(), waiting_request()
		others_are_served("while polkitd is stopped")
		_, said = client.communicate(timeout=LIMIT + 20)
		took = time.monotonic() - begun
	finally:
		os.kill(pid, signal.SIGCONT)
	equal(client.returncode, 3, "the exit status of who waited: " + said)
	check("in time" in said and LIMIT - 2 < took < LIMIT + 10, "%.1f s: %s" % (took, said))
	print("       who waited was refused after %.1f s" % took)
	codes = [f["code"] for e in journal()[before:] for f in e.get("findings", [])]
	equal(codes, ["access.no-answer"], "the findings in the journal")
	ctl("exec", EDU, "--", "true", uid=NOBODY)


def case_polkitd_is_killed():
	begin()
	pid = polkitd_pid()
	os.kill(pid, signal.SIGSTOP)  # so that it cannot answer before
	client = waiting_request()
	begun = time.monotonic()
	os.kill(pid, signal.SIGKILL)
	_, said = client.communicate(timeout=10)
	took = time.monotonic() - begun
	equal(client.returncode, 3, "the exit status of who waited: " + said)
	check("not running" in said, said)
	print("       who waited was refused %.2f s after the kill" % took)
	others_are_served("after polkitd was killed")
	start_polkitd()
	ctl("exec", EDU, "--", "true", uid=NOBODY)


main(globals())
