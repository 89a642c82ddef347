# SPDX-License-Identifier: LGPL-2.1-or-later
"""The suites behind tests/run: what is run in which mode, with times and counts.

A suite is a command; its counts are read from what it prints, so that a suite in which nothing ran
counts as failed. Its output goes to a log, the end of which is shown when it failed.
"""
import concurrent.futures
import os
import re
import subprocess
import sys
import time
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "devlease"
WORK = Path(os.environ.get("DEVLEASE_CACHE", CACHE)) / "test-builds"
LOGS = WORK / "logs"
GCC, SANITIZED, FUZZ = WORK / "gcc", WORK / "clang-asan", WORK / "clang-fuzz"
FUZZ_RUNS = {"normal": (200000, 60), "long": (10000000, 14400)}  # and seconds at most
TAIL = 60
VM_LIMIT = 240  # seconds for a suite in the machine; they take 20 to 50

PLAIN = re.compile(r"^(?:\w+: )?(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$")
CRITERION = re.compile(r"Tested: *(\d+) \| Passing: *(\d+) \| Failing: *(\d+) \| Crashing: *(\d+)")


class Suite:
	"""beside: it needs one processor, and may run beside another such suite."""

	def __init__(self, name, *command, env=None, limit=1800, log_of=None, beside=False):
		self.name, self.command, self.limit = name, [str(c) for c in command], limit
		self.beside = beside
		self.env = {**os.environ, **(env or {})}
		self.log_of = log_of  # a build tree whose test log has the counts

	def counts(self, output):
		if self.log_of:
			output = (self.log_of / "meson-logs/testlog.txt").read_text(errors="replace")
		passed = failed = skipped = 0
		for line in re.sub("\x1b\\[[0-9;]*m", "", output).splitlines():
			criterion, plain = CRITERION.search(line), PLAIN.match(line.strip())
			if criterion:
				tested, good, bad, crashed = map(int, criterion.groups())
				# A Criterion binary in which nothing ran exits 0 all the same.
				passed, failed = passed + good, failed + bad + crashed + (tested == 0)
			elif plain:
				passed, failed = passed + int(plain[1]), failed + int(plain[2])
				skipped += int(plain[3] or 0)
		return passed, failed, skipped

	def machine_stood(self, status, output):
		"""The machine stopped, as emulated ones do now and then, and no case had failed by then:
		the kernel reported a stall, or its heartbeat ended long before the time limit struck."""
		if re.search(r"^FAILED", output, re.M):
			return False
		if status != 124:
			return status == 125 and "QEMU itself crashed" in output
		beats = re.findall(r"\[ *(\d+)\.\d+\] devlease-heartbeat", output)
		limit = int(self.env.get("TIMEOUT", VM_LIMIT))
		return bool(re.search(r"rcu: .*(stall|starved)", output)) or (
			bool(beats) and int(beats[-1]) < limit - 90)

	def execute(self):
		try:
			done = subprocess.run(self.command, cwd=SOURCE, env=self.env, timeout=self.limit,
				stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
				stderr=subprocess.STDOUT, text=True, errors="replace")
			return done.returncode, done.stdout
		except subprocess.TimeoutExpired as e:
			return "over its limit of %d s" % self.limit, (e.stdout or b"").decode(
				errors="replace")

	def run(self):
		log = LOGS / (self.name.replace(" ", "-").replace(",", "") + ".log")
		begin, lines = time.monotonic(), []
		status, output = self.execute()
		if self.machine_stood(status, output):
			lines.append("%s: the machine itself stood still; once more" % self.name)
			status, output = self.execute()
		log.write_text(output)
		passed, failed, skipped = self.counts(output)
		if not failed and (status != 0 or passed == 0):
			failed = 1
		lines.append("%-44s %4d passed %3d failed %3d skipped %6.0f s" % (
			self.name, passed, failed, skipped, time.monotonic() - begin))
		if failed:
			lines.append("    status %s; the end of %s:" % (status, log))
			lines += ["    " + l for l in output.splitlines()[-TAIL:]]
		else:
			# What a case measured, and why one was skipped.
			lines += ["    " + l.strip() for l in output.splitlines()
				if re.match(r"^ {7}\S|^skipped: ", l)]
		print("\n".join(lines), flush=True)
		return passed, failed, skipped


def run_all(suites):
	"""One after the other, but an emulated machine is one thread: two of them at a time."""
	alone = [s.run() for s in suites if not s.beside]
	workers = max(1, min(2, os.cpu_count() or 1))
	with concurrent.futures.ThreadPoolExecutor(workers) as pool:
		return alone + list(pool.map(Suite.run, [s for s in suites if s.beside]))


def step(what, *command):
	"""Something that has to be done before the suites; its failure ends the run."""
	begin = time.monotonic()
	done = subprocess.run([str(c) for c in command], cwd=SOURCE, stdin=subprocess.DEVNULL,
		stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
	print("%-44s %6.0f s" % (what, time.monotonic() - begin), flush=True)
	if done.returncode:
		print(done.stdout[-6000:])
		print("0 passed, 1 failed, 0 skipped")
		sys.exit(1)


def build(tree, cc, *options, target="all"):
	env = ["env", "CC=" + cc]
	again = ["--wipe"] if (tree / "meson-private").exists() else []
	step("configure %s" % tree.name, *env, "meson", "setup", *again, tree, SOURCE, "-Dwerror=true",
		"-Dtests=enabled", *options)
	step("build %s" % tree.name, "ninja", "-C", tree, target)


def meson_tests(name, tree, *suites, **env):
	words = [w for s in suites for w in ("--suite", s)]
	patience = ["--timeout-multiplier=20"] if "DEVLEASE_CYCLES" in env else []
	return Suite(name, "meson", "test", "-C", tree, "--no-rebuild", "--print-errorlogs",
		*patience, *words,
		env=env, log_of=tree)


def vm(name, kernel, case, boot="init", options=(), **env):
	return Suite("%s, %s kernel" % (name, kernel), "tests/vm/test", "--kernel=" + kernel,
		"--boot=" + boot, "--build=%s" % GCC, *options, case, env={"TIMEOUT": str(VM_LIMIT), **env},
		limit=3600, beside=True)


def shell(name, command, limit):
	return Suite(name, "bash", "-o", "pipefail", "-c", command + " && echo 1 passed, 0 failed",
		limit=limit)


def fuzz(runs, seconds):
	"""The policy reader and matcher under both sanitizers, from the corpus in the tree, which is
	judged by the lines that it reaches. What is found on the way stays in the build tree."""
	build(FUZZ, "clang", "-Dfuzz=true", target="tests/fuzz/fuzz-policy")
	(FUZZ / "found").mkdir(exist_ok=True)
	fuzzer = "cd %s && tests/fuzz/fuzz-policy -runs=%d -max_total_time=%d -max_len=1024" % (
		FUZZ, runs, seconds)
	return [
		shell("lines reached by the fuzzer's corpus",
			"tests/fuzz/coverage | sed 's/^all /       all /'", 600),
		shell("fuzzing the policy reader", "(%s -dict=%s/policy.dict found %s/corpus/policy 2>&1 | "
			"tail -n 40 | sed 's/^Done /       /')" % (fuzzer, SOURCE / "tests/fuzz",
			SOURCE / "tests/fuzz"), seconds + 600),
	]


def main(mode):
	LOGS.mkdir(parents=True, exist_ok=True)
	begin = time.monotonic()
	build(GCC, "gcc")
	counts = {"DEVLEASE_CYCLES": "1000"} if mode == "long" else {}
	suites = [meson_tests("unit and bus tests, gcc", GCC, **counts)]
	if mode == "quick":
		suites.append(vm("main job", "stock", "main-job"))
	else:
		step("kernel with iommufd", "tests/vm/kernel", "cdev")
		build(SANITIZED, "clang", "-Db_sanitize=address,undefined", "-Db_lundef=false")
		suites.append(meson_tests("unit and bus tests, clang ASan UBSan", SANITIZED, **counts,
			DEVLEASE_SANITIZED="1", LSAN_OPTIONS="print_suppressions=0:suppressions=%s"
			% (SOURCE / "tests/unit/lsan.supp")))
		suites.append(Suite("bench, floors", "tests/bench/floors", GCC))
		boots = [] if mode == "long" else ["--boot=init"]
		suites.append(Suite("test machine", "tests/vm/selftest", *boots, beside=True))
		long = {"DEVLEASE_LONG": "1", "TIMEOUT": "3000"} if mode == "long" else {}
		for kernel in ("stock", "cdev"):
			suites += [
				vm("main job", kernel, "main-job"),
				vm("reset sets", kernel, "reset-sets"),
				vm("isolation", kernel, "isolation"),
				vm("SR-IOV", kernel, "sriov"),
				vm("no-IOMMU mode", kernel, "no-iommu",
					options=["--append=intel_iommu=off"]),
				vm("requirements", kernel, "requirements", TIMEOUT="480"),
				vm("host use", kernel, "host-use"),
				vm("holders", kernel, "holders"),
				vm("faults", kernel, "faults"),
				vm("cycles", kernel, "cycles", **long),
				vm("shipped unit", kernel, "unit", boot="systemd"),
				vm("kills", kernel, "kills", boot="systemd", **({"TIMEOUT": "480"} | long)),
			]
		suites.append(vm("polkit", "cdev", "polkit"))
		suites.append(vm("journal", "cdev", "journal"))
		suites += fuzz(*FUZZ_RUNS[mode])
	totals = [sum(column) for column in zip(*run_all(suites))]
	print("%.0f minutes in all" % ((time.monotonic() - begin) / 60))
	print("%d passed, %d failed, %d skipped" % tuple(totals))
	sys.exit(1 if totals[1] or not totals[0] else 0)


main(sys.argv[1])
