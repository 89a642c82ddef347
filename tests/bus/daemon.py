# SPDX-License-Identifier: LGPL-2.1-or-later
"""devleased over the fake host, in directories of its own, and what can be seen of it."""
import hashlib
import json
import os
import re
import signal
import subprocess
import time

from client import Client, Refused

USER = 65534
OTHER = 1  # a uid that the bus knows a name of
POLICY = """[Rule tests]
User=65534 1
Access=allow
"""


class Daemon:
    """The daemon on one bus. start() and stop() may alternate: the directories stay."""

    def __init__(self, bus, directory, policy=POLICY, environment=None, program=None,
                 arguments=()):
        self.bus, self.directory = bus, directory
        self.program = program or os.environ["DEVLEASED_FAKE"]
        self.process, self.arguments = None, list(arguments)
        self.policy_file = self.path("root/etc/devlease/policy.d/50-tests.conf")
        self.state_file, self.trace_file = self.path("state"), self.path("trace")
        self.fault_file = self.path("fault")
        # Leases that live at the daemon's end are not freed, on purpose: no leaks to a sanitizer.
        self.environment = dict(
            os.environ, ASAN_OPTIONS="detect_leaks=0", DBUS_SYSTEM_BUS_ADDRESS=bus.address,
            DEVLEASE_TRACE=self.trace_file,
            DEVLEASE_FAKE_STATE=self.state_file, DEVLEASE_FAULT_FILE=self.fault_file)
        self.environment.update(environment or {})
        os.makedirs(os.path.dirname(self.policy_file))
        for name in ("run", "lib", "log"):
            os.mkdir(self.path(name))
        self.write_policy(policy)

    def path(self, name):
        return os.path.join(self.directory, name)

    def write_policy(self, text):
        with open(self.policy_file, "w") as f:
            f.write(text)

    def spawn(self, prefix=(), **popen):
        arguments = ["--%s=%s" % (n, self.path(n)) for n in ("root", "run", "lib", "log")]
        arguments += self.arguments
        with open(self.path("stderr"), "ab") as log:
            self.process = subprocess.Popen([*prefix, self.program, *arguments], stdout=log,
                                            stderr=log, env=self.environment, **popen)

    def start(self, **popen):
        self.spawn(**popen)
        watcher = Client(self.bus.address)
        deadline = time.monotonic() + 20
        while True:
            try:
                watcher.call("/", "org.freedesktop.DBus.Peer", "Ping")
                break
            except Refused:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError("the daemon does not start: " + self.said()) from None
                time.sleep(0.003)
        watcher.close()
        return self

    def said(self):
        with open(self.path("stderr"), errors="replace") as f:
            return f.read().strip()

    def end(self, number, timeout=20):
        """Sends a signal and waits for the end; the exit status, -N for a signal."""
        self.process.send_signal(number)
        return self.process.wait(timeout)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.end(signal.SIGKILL)

    # --- what can be seen ---

    def host(self):
        """Devices of the fake host: driver, override; without what counts up."""
        with open(self.state_file) as f:
            devices = json.load(f)["devices"]
        return {a: {k: d[k] for k in ("driver", "override", "unbinding")}
                for a, d in devices.items()}

    def resets(self, address):
        with open(self.state_file) as f:
            return json.load(f)["devices"][address]["resets"]

    def fds(self):
        """What the daemon's fds point to, sorted; without the numbers of sockets and pipes."""
        directory = "/proc/%d/fd" % self.process.pid
        result = []
        for fd in os.listdir(directory):
            try:
                result.append(os.readlink(os.path.join(directory, fd)).split(":[")[0])
            except FileNotFoundError:
                pass
        return sorted(result)

    def trace(self):
        """Kernel operations so far: (name, subject), and "!ERRNO" when it was made to fail."""
        with open(self.trace_file) as f:
            return [tuple(line.split()) for line in f]

    def clear_trace(self):
        os.truncate(self.trace_file, 0)

    def arm(self, fault):
        with open(self.fault_file + ".new", "w") as f:
            f.write(fault + "\n")
        os.rename(self.fault_file + ".new", self.fault_file)

    def journal(self):
        """The records; fails when the chain is broken."""
        records, previous, lines = [], "0" * 64, []
        # Rotated files first: journal.jsonl.1 is the oldest.
        names = [n for n in os.listdir(self.path("log")) if re.fullmatch(r"journal\.jsonl(\.\d+)?", n)]
        for name in sorted(names, key=lambda n: int(n.removeprefix("journal.jsonl.") if
                                                    n[-1].isdigit() else 1 << 62)):
            with open(self.path("log/" + name), "rb") as f:
                lines += f.readlines()
        if lines:
            for number, line in enumerate(lines, 1):
                if not line.endswith(b"\n") or not line.isascii():
                    raise AssertionError("journal line %d: %r" % (number, line))
                record = json.loads(line)
                if record["prev"] != previous or record["seq"] != number:
                    raise AssertionError("the journal's chain breaks at line %d" % number)
                previous = hashlib.sha256(line[:-1]).hexdigest()
                records.append(record)
        return records

    def events(self, name):
        return [r for r in self.journal() if r["event"] == name]
