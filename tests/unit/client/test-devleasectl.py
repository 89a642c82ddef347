#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""devleasectl from outside: exit statuses, JSON shapes, and what exec gives to a command.

Runs against the stand-in service on a private bus. Arguments: the devleasectl to test, then the
interface files.
"""
import contextlib
import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
CTL = None
ASKED = "0000:00:16.0"  # polkit would be
BUS_CONFIG = """<busconfig><listen>unix:path={0}/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/>
<allow receive_sender="*"/></policy></busconfig>
"""
# Prints what a command got.
SHOW = """import json, os, sys
fds = {}
for i, name in enumerate(os.environ["LISTEN_FDNAMES"].split(":")):
    fd = 3 + i
    fds[name] = os.pread(fd, 100, 0).decode() if name[0] == "0" else os.fstat(fd).st_mode
env = {k: v for k, v in os.environ.items() if k.startswith(("LISTEN_", "DEVLEASE_"))}
print(json.dumps({"fds": fds, "env": env, "pid": os.getpid(), "argv": sys.argv[1:],
                  "open": sorted(int(fd) for fd in os.listdir("/proc/self/fd"))}))
"""


class Bus:
    """A bus, with the stand-in on it unless there are no interface files."""

    def __init__(self, files):
        self.directory = tempfile.TemporaryDirectory()
        path = self.directory.name
        self.log = path + "/log"
        self.address = f"unix:path={path}/bus"
        with open(path + "/bus.conf", "w", encoding="utf-8") as config:
            config.write(BUS_CONFIG.format(path))
        self.daemon = subprocess.Popen(
            ["dbus-daemon", "--nofork", "--print-address", f"--config-file={path}/bus.conf"],
            stdout=subprocess.PIPE)
        self.daemon.stdout.readline()
        self.service = None
        if files:
            self.start_service(files)

    def start_service(self, files):
        self.service = subprocess.Popen(
            [sys.executable, HERE + "/standin.py", self.address, self.log, *files],
            stdout=subprocess.PIPE)
        if self.service.stdout.readline() != b"ready\n":
            self.close()
            sys.exit("the stand-in service does not start")

    def close(self):
        for process in filter(None, (self.service, self.daemon)):
            process.terminate()
            process.wait()
            process.stdout.close()
        self.directory.cleanup()

    def calls(self):
        with open(self.log, encoding="utf-8") as log:
            return [json.loads(line) for line in log]

    def wait_for(self, condition):
        end = time.monotonic() + 10
        while time.monotonic() < end:
            found = [call for call in self.calls() if condition(call)]
            if found:
                return found[-1]
            time.sleep(0.05)
        raise AssertionError("not seen in the service's log")


class Case(unittest.TestCase):
    bus = None

    def run_ctl(self, *arguments, status=0, stdin=None, **environment):
        done = subprocess.run(
            [CTL, *arguments], capture_output=True, stdin=stdin, text=True, timeout=60, check=False,
            env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": self.bus.address, **environment})
        self.assertEqual(done.returncode, status, done.stderr + done.stdout)
        self.assertNotIn("\x1b", done.stdout + done.stderr)
        return done

    @contextlib.contextmanager
    def start_ctl(self, *arguments, **more):
        with subprocess.Popen(
                [CTL, *arguments], stdout=subprocess.PIPE, text=True,
                env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": self.bus.address}, **more) as process:
            try:
                yield process
            except BaseException:
                process.kill()
                raise

    def json(self, *arguments, status=0):
        return json.loads(self.run_ctl(*arguments, "--json=short", status=status).stdout)


class Listings(Case):
    def test_list_is_an_array_with_the_names_of_the_bus(self):
        devices = self.json("list")
        self.assertEqual([d["Address"] for d in devices],
                         ["0000:00:16.0", "0000:01:00.0", "0000:02:00.0", "0000:02:00.1",
                          "0000:0c:00.0"])
        self.assertEqual(devices[1]["ResetMethods"], ["flr", "bus"])
        self.assertEqual(devices[1]["VendorId"], 0x1234)
        self.assertEqual(devices[0]["IommuGroup"], -1)

    def test_list_filters(self):
        self.assertEqual([d["Address"] for d in self.json("list", "--state=leased")],
                         ["0000:02:00.0"])
        self.assertEqual(len(self.json("list", "--driver=nvme")), 1)
        self.assertEqual(len(self.json("list", "0000:02:*", "0000:0c:00.0")), 3)
        self.assertEqual(self.run_ctl("list", "--state=stuck", "--json=short").stdout, "[]\n")

    def test_list_table(self):
        lines = self.run_ctl("list").stdout.splitlines()
        self.assertEqual(lines[0].split(),
                         ["ADDRESS", "NAME", "DRIVER", "GROUP", "RESET", "STATE"])
        self.assertEqual(len(lines), 1 + 5 + 2)
        self.assertIn("Red Hat QEMU NVM Express Controller", lines[2])
        self.assertIn("1234:11e8", lines[1])
        self.assertIn("\\x1b[31m", lines[4])
        self.assertEqual(lines[-1], "5 devices listed.")
        bare = self.run_ctl("list", "--no-legend").stdout.splitlines()
        self.assertEqual(bare, lines[1:6])

    def test_pretty_and_off(self):
        pretty = self.run_ctl("list", "--json=pretty").stdout
        self.assertGreater(len(pretty.splitlines()), 50)
        self.assertEqual(json.loads(pretty), self.json("list"))
        self.assertTrue(self.run_ctl("list", "--json=off").stdout.startswith("ADDRESS"))
        self.assertEqual(len(self.run_ctl("list", "-j").stdout.splitlines()), 1)

    def test_show(self):
        shown = self.json("show", "0000:01:00.0", "0000:0c:00.0")
        self.assertEqual([d["Address"] for d in shown], ["0000:01:00.0", "0000:0c:00.0"])
        self.assertEqual([d["HostUse"] for d in shown], [["mounted", "open"], []])
        self.assertIn("Host use: mounted open\n", self.run_ctl("show", "0000:01:00.0").stdout)
        text = self.run_ctl("show", "0000:02:00.0").stdout
        self.assertIn("Host use: none\n", text)
        self.assertRegex(text, r"Driver: vfio-pci \(e1000e comes back afterwards\)")
        self.assertIn("Driver: vfio-pci (it has no driver afterwards, as before)\n",
                      self.run_ctl("show", "0000:02:00.1").stdout)
        self.assertRegex(text, r"Reset set: this device and 0000:02:00\.1")
        done = self.run_ctl("show", "0000:77:00.0", status=1)
        self.assertEqual(done.stderr, "devleasectl: 0000:77:00.0: no such device\n")

    def test_tree(self):
        text = self.run_ctl("tree").stdout
        self.assertLess(text.index("no IOMMU"), text.index("group 3"))
        self.assertLess(text.index("group 4"), text.index("group 12"))
        self.assertRegex(text, r"#1 +0000:02:00\.0 0000:02:00\.1")
        self.assertEqual(len(self.json("tree")), 5)

    def test_leases(self):
        with self.start_ctl("acquire", "0000:0c:00.0") as process:
            process.stdout.readline()
            leases = self.json("leases")
            self.assertEqual(leases[-1]["Owner"], [os.getuid(), 7, "", "vm1"])
            self.assertIs(leases[-1]["ResetSetOwned"], True)
            self.assertIn(leases[-1]["Id"], self.run_ctl("leases").stdout)
            process.send_signal(signal.SIGTERM)

    def test_terminal_is_eighty_columns(self):
        for verb in (["list"], ["tree"], ["explain", "0000:04:01.0"], ["leases"]):
            text = on_terminal(self.bus, verb, 80)
            plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
            self.assertLessEqual(max(len(line) for line in plain.splitlines()), 80, plain)
        self.assertIn("\x1b[", on_terminal(self.bus, ["list"], 80))
        self.assertNotIn("\x1b[", on_terminal(self.bus, ["list"], 80, NO_COLOR="1"))

    def test_pager_only_on_a_terminal(self):
        pager = "sed s/^/paged:/"
        self.assertNotIn("paged:", self.run_ctl("list", DEVLEASE_PAGER=pager).stdout)
        self.assertIn("paged:", on_terminal(self.bus, ["list"], 80, DEVLEASE_PAGER=pager))
        self.assertIn("paged:", on_terminal(self.bus, ["list"], 80, DEVLEASE_PAGER=None,
                                            PAGER=pager))
        self.assertNotIn("paged:", on_terminal(self.bus, ["list", "--no-pager"], 80,
                                               DEVLEASE_PAGER=pager))
        self.assertIn("ADDRESS", on_terminal(self.bus, ["list"], 80, DEVLEASE_PAGER="/nowhere"))


def on_terminal(bus, arguments, columns, **environment):
    """The output on a terminal of that width."""
    environment = {"DEVLEASE_PAGER": "cat", "TERM": "xterm", **environment}
    pid, fd = pty.fork()
    if pid == 0:
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = bus.address
        for unwanted in ("COLUMNS", "NO_COLOR"):
            os.environ.pop(unwanted, None)
        for key, value in environment.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value
        os.execv(CTL, [CTL, *arguments])
    text = b""
    while True:
        try:
            chunk = os.read(fd, 4096)
        except OSError:
            break
        if not chunk:
            break
        text += chunk
    os.waitpid(pid, 0)
    os.close(fd)
    return text.decode().replace("\r", "")


class Decisions(Case):
    def test_explain(self):
        self.assertEqual(self.json("explain", "0000:0c:00.0")[0]["code"], "access.allowed")
        findings = self.json("explain", "0000:04:01.0", status=3)
        self.assertEqual(sorted(findings[0]),
                         ["code", "device", "help", "severity", "text", "verdict"])
        self.assertEqual({f["verdict"] for f in findings}, {"deny"})
        self.assertEqual(self.json("explain", "0000:0c:00.0")[0]["verdict"], "allow")
        self.assertEqual(self.json("explain", ASKED, status=3)[0]["verdict"], "ask")

    def test_explain_is_a_tree(self):
        """The request, then each device; what helps against several findings stands there once."""
        text = self.run_ctl("explain", "0000:04:01.0", status=3, LC_ALL="C.UTF-8").stdout
        self.assertEqual(text, """\
deny: 0000:04:01.0
├─request
│   ok      backend.chosen     the lease runs on the backend iommufd
└─0000:04:01.0
    refuse  group.host-driver  0000:04:02.0 in the same IOMMU group, which the driver e1000 uses
    refuse  reset-set.shared   0000:04:02.0 in the same reset set, which the driver e1000 uses
                               help: add 0000:04:02.0 to the request
""")
        typed = self.run_ctl("explain", "0000:04:01.0", status=3, LC_ALL="C").stdout
        self.assertEqual(typed.splitlines()[1], "|-request")
        narrow = on_terminal(self.bus, ["explain", "0000:04:01.0"], 64, NO_COLOR="1",
                             LC_ALL="C.UTF-8").splitlines()
        self.assertEqual(narrow[5:7], [
            "    refuse  group.host-driver  0000:04:02.0 in the same IOMMU",
            "                               group, which the driver e1000"])

    def test_statuses_of_errors(self):
        expected = {"04:01.0": 3, "06:00.0": 3, "06:00.1": 3, "06:00.2": 3, "06:00.3": 3,
                    "06:00.4": 3, "05:00.0": 4, "06:00.5": 1, "06:00.6": 1}
        for address, status in expected.items():
            self.run_ctl("acquire", "0000:" + address, status=status)
            self.run_ctl("exec", "0000:" + address, "--", "true",
                         status=status if status in (3, 4) else 125)

    def test_each_refusal_has_a_line_and_no_escape_gets_through(self):
        lines = self.run_ctl("acquire", "0000:04:01.0", status=3).stderr.splitlines()
        self.assertEqual(len(lines), 2)
        self.assertTrue(all(line.startswith("devleasectl: 0000:04:01.0: ") for line in lines))
        self.assertTrue(lines[1].endswith("\\x1b[31mred"))

    def test_unreachable(self):
        nowhere = {"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent/bus"}
        for verb in (["list"], ["leases"], ["reload"], ["acquire", "x"], ["monitor"]):
            self.run_ctl(*verb, status=5, **nowhere)
        self.run_ctl("exec", "x", "--", "true", status=125, **nowhere)

    def test_bus_without_the_daemon(self):
        bus = Bus([])
        self.addCleanup(bus.close)
        done = self.run_ctl("list", status=5, DBUS_SYSTEM_BUS_ADDRESS=bus.address)
        self.assertIn("devleasectl: see systemctl status devleased\n", done.stderr)

    def test_usage(self):
        for arguments in ([], ["nonsense"], ["show"], ["list", "--nonsense"],
                          ["list", "--json=yes"], ["list", "--head=1:2"], ["leases", "x"],
                          ["acquire", "--keep", "x"], ["acquire", "--bind-unit=a", "x"],
                          ["release", "--handover=opened", "x"], ["revoke", "x"],
                          ["audit", "--since=never"], ["audit", "verify", "--head=5"]):
            self.assertTrue(self.run_ctl(*arguments, status=2).stderr)
        for arguments in (["policy"], ["policy", "list"]):
            self.assertIn("policy check or policy show",
                          self.run_ctl(*arguments, status=2).stderr)
        self.assertIn("use function or hot",
                      self.run_ctl("reset", "--kind=foo", "1", status=2).stderr)
        for arguments in (["exec", "x"], ["exec", "x", "--"], ["exec", "--", "true"],
                          ["exec", "--nonsense", "x", "--", "true"]):
            self.run_ctl(*arguments, status=125)
        self.assertIn("devleasectl", self.run_ctl("--version").stdout)
        help_text = self.run_ctl("--help").stdout
        self.assertLessEqual(max(len(line) for line in help_text.splitlines()), 80)

    def test_options_reach_the_daemon(self):
        self.run_ctl("explain", "0000:0c:00.0", "--handover=opened", "--backend=legacy",
                     "--reset-set=both", "--isolation=strict", "--label=vm", "--for-user=root")
        self.assertEqual(self.bus.calls()[-1]["arguments"],
                         [["0000:0c:00.0"],
                          {"handover": "opened", "backend": "legacy", "reset-set": "both",
                           "isolation": "strict", "label": "vm", "for-uid": 0}])

    def test_explain_for_a_user(self):
        self.run_ctl("explain", "0000:0c:00.0", "--user=root")
        self.assertEqual(self.bus.calls()[-1]["arguments"][1], {"for-uid": 0})
        self.run_ctl("acquire", "0000:0c:00.0", "--user=root", status=2)

    def test_polkit_may_ask_on_a_terminal_only(self):
        for arguments, interactive in ((["explain", "0000:0c:00.0"], True),
                                       (["--no-ask-password", "explain", "0000:0c:00.0"], False)):
            on_terminal(self.bus, arguments, 80)
            self.assertIs(self.bus.calls()[-1]["interactive"], interactive)
        self.run_ctl("explain", "0000:0c:00.0", stdin=subprocess.DEVNULL)
        self.assertFalse(self.bus.calls()[-1]["interactive"])

    def test_reload_says_what_the_daemon_said(self):
        self.assertEqual(self.run_ctl("reload", status=1).stderr,
                         "devleasectl: 50-x.conf:3:1: error: no\n")

    def test_release_and_reset_of_an_unknown_lease(self):
        self.assertEqual(self.run_ctl("release", "nosuch", status=1).stderr,
                         "devleasectl: nosuch: no such lease, or it is another user's\n")
        self.run_ctl("reset", "nosuch", status=1)


class Leases(Case):
    def ended(self, lease):
        self.bus.wait_for(lambda call: call.get("hold_ended") == lease)

    def exec_show(self, *arguments, devices=("0000:0c:00.0",), extra=()):
        done = self.run_ctl("exec", *devices, *arguments, "--", sys.executable, "-c", SHOW, *extra)
        return json.loads(done.stdout)

    def test_exec_passes_fds(self):
        got = self.exec_show(devices=["0000:0c:00.0", "0000:01:00.0"])
        self.assertEqual(got["env"]["LISTEN_FDS"], "4")
        self.assertEqual(got["env"]["LISTEN_PID"], str(got["pid"]))
        self.assertEqual(got["env"]["LISTEN_FDNAMES"],
                         "iommu:hold:0000-0c-00.0:0000-01-00.0")
        self.assertEqual(got["fds"]["0000-0c-00.0"], "0000:0c:00.0")
        self.assertEqual(got["fds"]["0000-01-00.0"], "0000:01:00.0")
        # 7 is the directory that lists them.
        self.assertEqual(got["open"], [0, 1, 2, 3, 4, 5, 6, 7])
        self.ended(got["env"]["DEVLEASE_LEASE"])

    def test_exec_environment(self):
        env = self.exec_show()["env"]
        self.assertEqual((env["DEVLEASE_BACKEND"], env["DEVLEASE_HANDOVER"],
                          env["DEVLEASE_IOAS_ID"]), ("iommufd", "attached", "9"))
        env = self.exec_show("--backend=legacy", "--handover=opened")["env"]
        self.assertEqual((env["DEVLEASE_BACKEND"], env["DEVLEASE_HANDOVER"]),
                         ("legacy", "opened"))
        self.assertNotIn("DEVLEASE_IOAS_ID", env)

    def test_exec_placeholders(self):
        got = self.exec_show(extra=["fd={iommu},{hold}", "{0000:0c:00.0}", "{0C:00.0}", "{other}",
                                    "{", "--x={"])
        self.assertEqual(got["argv"], ["fd=3,4", "5", "5", "{other}", "{", "--x={"])

    def test_exec_many_devices_come_one_by_one(self):
        devices = [f"0000:20:{i:02x}.0" for i in range(20)]
        got = self.exec_show(devices=devices)
        self.assertEqual(got["env"]["LISTEN_FDS"], "22")
        for address in devices:
            self.assertEqual(got["fds"][address.replace(":", "-")], address)

    def test_exec_status(self):
        self.run_ctl("exec", "x", "--", "sh", "-c", "exit 7", status=7)
        self.run_ctl("exec", "x", "--", "sh", "-c", "kill -USR1 $$", status=128 + signal.SIGUSR1)
        done = self.run_ctl("exec", "x", "--", "/nonexistent/command", status=125)
        self.assertIn("/nonexistent/command: No such file", done.stderr)

    def test_exec_forwards_signals(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            command = f"trap 'exit {40 + number}' {number.name[3:]}; echo ready; " \
                      "while :; do sleep 0.1; done"
            with self.start_ctl("exec", "x", "--", "sh", "-c", command,
                                start_new_session=True) as process:
                self.assertEqual(process.stdout.readline(), "ready\n")
                process.send_signal(number)
                self.assertEqual(process.wait(timeout=20), 40 + number)

    def test_exec_holds_until_the_command_ends(self):
        # The command closes all it got: the lease has to last nevertheless.
        command = "exec 3<&- 4<&- 5<&-; echo $DEVLEASE_LEASE; read x"
        with self.start_ctl("exec", "x", "--", "sh", "-c", command,
                            stdin=subprocess.PIPE) as process:
            lease = process.stdout.readline().strip()
            time.sleep(0.3)
            self.assertNotIn({"hold_ended": lease}, self.bus.calls())
            process.stdin.close()
            self.assertEqual(process.wait(timeout=20), 1)
            self.ended(lease)
        self.assertTrue([call for call in self.bus.calls() if call.get("method") == "Release"
                         and call["path"].endswith("/" + lease)])

    def test_killed_exec_leaves_the_hold_to_the_command(self):
        with self.start_ctl("exec", "x", "--", "sh", "-c", "echo $DEVLEASE_LEASE; read x",
                            stdin=subprocess.PIPE) as process:
            lease = process.stdout.readline().strip()
            process.kill()
            process.wait()
            time.sleep(0.3)
            self.assertNotIn({"hold_ended": lease}, self.bus.calls())
            process.stdin.close()
            self.ended(lease)

    def test_acquire_holds_until_interrupted(self):
        with self.start_ctl("acquire", "0000:0c:00.0", "--json=short") as process:
            (lease,) = json.loads(process.stdout.readline())
            self.assertEqual(lease["Devices"], ["0000:0c:00.0"])
            self.assertEqual(sorted(lease["Fds"]), ["0000:0c:00.0", "hold", "iommu"])
            self.assertEqual(lease["Pid"], process.pid)
            time.sleep(0.2)
            self.assertNotIn({"hold_ended": lease["Id"]}, self.bus.calls())
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.wait(timeout=20), 0)
            self.ended(lease["Id"])

    def test_release_and_reset(self):
        with self.start_ctl("acquire", "0000:0c:00.0", "--json=short") as process:
            (lease,) = json.loads(process.stdout.readline())
            self.run_ctl("reset", lease["Id"], "--kind=hot")
            self.assertEqual(self.bus.calls()[-1]["arguments"], ["hot"])
            self.run_ctl("reset", lease["Id"])
            self.assertEqual(self.bus.calls()[-1]["arguments"], ["function"])
            self.run_ctl("release", lease["Id"])
            self.bus.wait_for(lambda call: call.get("method") == "Release" and
                              call["path"].endswith("/" + lease["Id"]))
            process.send_signal(signal.SIGTERM)
            # Its lease is gone by then, which is no failure.
            self.assertEqual(process.wait(timeout=20), 0)


class WithoutDaemon(Case):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)

    def write(self, name, text):
        path = os.path.join(self.directory.name, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def away(self, *arguments, status=0):
        return self.run_ctl(*arguments, status=status, DBUS_SYSTEM_BUS_ADDRESS="unix:path=/none")

    def test_policy_check(self):
        good = self.write("good.conf", "[Rule lab]\nUser=root\nAccess=allow\n")
        bad = self.write("bad.conf", "[Rule lab]\nUser=root\nAccess=perhaps\n")
        self.assertEqual(self.away("policy", "check", good).stdout, "OK: 1 rule\n")
        self.assertRegex(self.away("policy", "check", bad, status=1).stderr,
                         r"bad\.conf:3:\d+: error: ")
        self.away("policy", "check", "/nonexistent.conf", status=1)
        warned = self.write("warned.conf", "[Rule a]\n[Rule b]\n")
        self.assertIn(":2:1: warning: rule 'b' can never match",
                      self.away("policy", "check", warned).stderr)

    def test_policy_check_as_json(self):
        bad = self.write("bad.conf", "[Rule lab]\nUser=root\nAccess=perhaps\n")
        told = self.away("policy", "check", "--json=short", bad, status=1)
        self.assertEqual(told.stderr, "")
        [problem] = json.loads(told.stdout)
        self.assertEqual((problem["File"], problem["Line"], problem["Column"],
                          problem["Severity"]), (bad, 3, 8, "error"))
        good = self.write("good.conf", "[Rule lab]\nUser=root\n")
        self.assertEqual(self.away("policy", "check", "--json=short", good).stdout, "[]\n")

    def test_policy_of_a_root(self):
        self.write("etc/devlease/policy.d/50-a.conf", "[Rule lab]\nUser=root\nAccess=allow\n")
        root = "--root=" + self.directory.name
        self.assertEqual(self.away("policy", "check", root).stdout, "OK: 1 rule\n")
        self.write("usr/lib/devlease/policy.d/00-b.conf", "[Defaults]\nBackend=legacy\n")
        self.write("usr/lib/devlease/policy.d/50-a.conf", "[Rule masked]\n")
        self.write("usr/lib/devlease/policy.d/60-c.conf", "[Rule away]\n")
        os.symlink("/dev/null", self.directory.name + "/etc/devlease/policy.d/60-c.conf")
        shown = self.away("policy", "show", root).stdout
        self.assertLess(max(map(len, shown.splitlines())), 80)
        self.assertEqual(shown.splitlines()[:2], ["# /usr/lib/devlease/policy.d/00-b.conf",
                                                  "# /etc/devlease/policy.d/50-a.conf"])
        self.assertNotIn("# /", self.away("policy", "show", "--no-legend", root).stdout)
        for line in ("[Rule lab]                              # 50-a.conf:1",
                     "User=root                               # 50-a.conf:2",
                     "Backend=legacy                          # 00-b.conf:2",
                     "Isolation=group                         # built-in"):
            self.assertIn(line + "\n", shown)
        self.assertNotIn("masked", shown)
        self.assertNotIn("away", shown)
        told = self.away("policy", "show", "--json=short", root).stdout
        values = {(v["Section"], v["Key"]): v for v in json.loads(told)}
        self.assertEqual(values["Rule lab", "Backend"], {
            "Section": "Rule lab", "Key": "Backend", "Value": "legacy", "Line": 2,
            "File": "/usr/lib/devlease/policy.d/00-b.conf", "Inherited": True})
        self.assertEqual(values["Rule lab", "Access"]["Value"], "allow")
        self.assertFalse(values["Rule lab", "Access"]["Inherited"])
        self.write("etc/devlease/policy.d/90-bad.conf", "[Rule bad]\nAccess=perhaps\n")
        done = self.away("policy", "show", "--json=short", root, status=1)
        self.assertEqual([(e["Line"], e["Severity"]) for e in json.loads(done.stdout)],
                         [(2, "error")])

    def journal(self):
        """A journal of three records, chained as the design says."""
        import hashlib
        records = [
            {"event": "lease.requested", "caller": {"uid": 0}},
            {"event": "lease.granted", "lease": "1a", "caller": {"uid": 65534}, "uid": 65534,
             "devices": [{"address": "0000:0c:00.0"}], "backend": "iommufd"},
            {"event": "lease.released", "lease": "1a", "uid": 65534,
             "devices": [{"address": "0000:0c:00.0"}]},
        ]
        text, prev = "", "0" * 64
        for seq, record in enumerate(records, 1):
            line = json.dumps({"seq": seq, "prev": prev, "boot": "0" * 32,
                               "realtime": (1700000000 + seq) * 1000000, "monotonic": seq,
                               **record}, separators=(",", ":"))
            prev = hashlib.sha256(line.encode()).hexdigest()
            text += line + "\n"
        return self.write("journal.jsonl", text), prev

    def test_audit(self):
        path, _head = self.journal()

        def seqs(*filters):
            text = self.away("audit", "--file", path, "--json=short", *filters).stdout
            return [record["seq"] for record in json.loads(text)]

        self.assertEqual(seqs(), [1, 2, 3])
        self.assertEqual(seqs("--lease=1a"), [2, 3])
        self.assertEqual(seqs("--event=*.granted"), [2])
        self.assertEqual(seqs("--device=0000:0c:00.0", "--user=65534"), [2, 3])
        self.assertEqual(seqs("--user=root"), [1])
        self.assertEqual(seqs("--since=@1700000002", "--until=@1700000002"), [2])
        self.assertEqual(seqs("--event=nothing"), [])
        table = self.away("audit", "--file", path).stdout.splitlines()
        self.assertEqual(table[0].split(),
                         ["TIME", "EVENT", "LEASE", "DEVICES", "USER", "RESULT"])
        self.assertEqual(table[-1], "3 records listed.")
        self.away("audit", "--file=/nonexistent", status=1)

    def test_audit_report(self):
        edu, nvme = {"address": "0000:0c:00.0"}, {"address": "0000:01:00.0"}
        records = [
            (1, {"event": "lease.granted", "lease": "a", "uid": 65534, "devices": [nvme, edu],
                 "caller": {"uid": 0, "for-uid": 65534, "unit": "spdk.service", "label": "vm1"}}),
            (2, {"event": "lease.refused", "uid": 0, "devices": [edu], "caller": {"uid": 0},
                 "count": 7}),
            (3, {"event": "lease.granted", "lease": "b", "uid": 0, "devices": [{"address": "x"}],
                 "caller": {"uid": 0}}),
            (4, {"event": "lease.released", "lease": "b", "reason": "hold"}),
            (3700, {"event": "lease.released", "lease": "a", "reason": "release"}),
            (3800, {"event": "lease.granted", "lease": "c", "uid": 0, "devices": [edu],
                    "caller": {"uid": 0}}),
        ]
        path = self.write("journal.jsonl", "".join(
            json.dumps({"realtime": (1700000000 + at) * 1000000, **r}) + "\n" for at, r in records))

        def report(*words):
            return json.loads(self.away("audit", "report", "--file", path, "--json=short",
                                        *words).stdout)
        first, second = report("0000:0c:00.0")
        start = 1700000001 * 1000000
        self.assertEqual(first, {
            "Device": "0000:0c:00.0", "Lease": "a", "From": start, "User": 65534,
            "Unit": "spdk.service", "Label": "vm1", "Until": start + 3699 * 1000000,
            "Duration": 3699 * 1000000, "End": "release"})
        self.assertEqual(second["Lease"], "c")
        self.assertNotIn("Until", second)
        self.assertEqual([s["Lease"] for s in report("0c:00.0", "--user=root")], ["c"])
        self.assertEqual([s["Lease"] for s in report("0c:00.0", "--until=@1700000100")], ["a"])
        self.assertEqual([s["Lease"] for s in report("0c:00.0", "--since=@1700003750")], ["c"])
        self.assertEqual([s["Device"] for s in report("*", "--until=@1700000010")],
                         ["0000:01:00.0", "0000:0c:00.0", "x"])
        self.assertEqual(report("0000:99:00.0"), [])
        table = self.away("audit", "report", "--file", path, "0c:00.0").stdout.splitlines()
        self.assertEqual(table[0].split(), ["FROM", "UNTIL", "DURATION", "USER", "UNIT", "LABEL",
                                            "LEASE", "END"])
        self.assertIn("01:01:39", table[1])
        self.assertIn("release", table[1])
        self.assertEqual(table[-1], "2 leases listed.")
        units = self.away("audit", "--file", path, "--unit=spdk*", "--json=short").stdout
        self.assertEqual([r["lease"] for r in json.loads(units)], ["a"])
        self.assertIn("7 times", self.away("audit", "--file", path).stdout)

    def test_audit_table(self):
        """At 80 columns the devices are whole; what gives way is the result."""
        device = {"address": "0000:02:00.0"}
        records = [
            {"event": "lease.refused", "uid": 65534, "verdict": "deny", "count": 3,
             "devices": [device], "findings": [{"device": device["address"], "code": c}
                                               for c in ("busy.leased", "access.denied")]},
            {"event": "device.quarantined", "device": device["address"], "uid": 0,
             "reason": "a reset failed, and the device cannot be trusted any more"},
            {"event": "lease.granted", "lease": "l01234567890", "uid": 65534,
             "devices": [device, {"address": "0000:02:00.1"}], "backend": "legacy"}]
        path = self.write("table.jsonl", "".join(
            json.dumps({"seq": seq, "prev": "0" * 64, "realtime": 1700000000000000, **record}) +
            "\n" for seq, record in enumerate(records, 1)))
        self.assertIn("deny, busy.leased, access.denied, 3 times\n",
                      self.away("audit", "--file", path).stdout)
        bus = Bus(())
        self.addCleanup(bus.close)
        text = on_terminal(bus, ["audit", "--file", path], 80)
        lines = re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines()
        self.assertLessEqual(max(map(len, lines)), 80, text)
        for line in lines[1:4]:
            self.assertIn(device["address"] + " ", line)
        self.assertIn(" +1 ", lines[3])

    def test_audit_verify(self):
        path, head = self.journal()
        self.assertEqual(self.away("audit", "verify", path).stdout,
                         f"OK: 3 records, head 3:{head}\n")
        self.away("audit", "verify", f"--head=3:{head}", path)
        self.away("audit", "verify", f"--head=3:{'0' * 64}", path, status=1)
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines(keepends=True)
        bad = self.write("bad.jsonl", lines[0] + lines[1].replace("65534", "65535", 1) + lines[2])
        self.assertRegex(self.away("audit", "verify", bad, status=1).stderr,
                         r"^devleasectl: bad\.jsonl:\d: ")
        told, = json.loads(self.away("audit", "verify", "-j", path).stdout)
        self.assertEqual(told, {"Good": True, "Records": 3, "Files": 1, "HeadSeq": 3,
                                "HeadHash": head})
        told, = json.loads(self.away("audit", "verify", "-j", bad, status=1).stdout)
        self.assertEqual((told["Good"], told["File"], told["Line"]), (False, "bad.jsonl", 2))
        self.assertTrue(told["Reason"])


class Monitoring(Case):
    def emit(self, state):
        """The same signal from somebody else."""
        subprocess.run(
            ["gdbus", "emit", "--address", self.bus.address, "--object-path",
             "/org/devlease1/device/_30000_3a0c_3a00_2e0",
             "--signal", "org.freedesktop.DBus.Properties.PropertiesChanged",
             "org.devlease1.Device", f"{{'State': <'{state}'>}}", "@as []"], check=True)

    def test_monitor(self):
        for arguments in (["monitor"], ["monitor", "--json=short"]):
            with self.start_ctl(*arguments, stderr=subprocess.PIPE) as process:
                self.assertIn("Watching", process.stderr.readline())
                self.emit("forged")
                self.run_ctl("exec", "0000:0c:00.0", "--", "true")
                lines = [process.stdout.readline() for _ in range(2)]
                process.terminate()
                self.assertEqual(process.stderr.read(), "")
                if len(arguments) > 1:
                    events = [json.loads(line) for line in lines]
                    self.assertEqual([event["Member"] for event in events],
                                     ["PropertiesChanged", "InterfacesRemoved"])
                    self.assertEqual(events[0]["Arguments"][1], {"State": "leased"})
                else:
                    self.assertRegex(lines[0], r'^\d\d:\d\d:\d\d 0000:0c:00\.0 State="leased"\n$')
                    self.assertRegex(lines[1], r"^\S+ 0000:0c:00\.0 removed\n$")
                    self.assertNotIn("forged", lines[0])


def main():
    global CTL
    # A shell cannot trap what is ignored when it starts, as below nohup.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    CTL, *files = sys.argv[1:]
    Case.bus = Bus(files)
    try:
        suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__])
        result = unittest.TextTestRunner(verbosity=2).run(suite)
    finally:
        Case.bus.close()
    return 0 if result.testsRun > 0 and result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
