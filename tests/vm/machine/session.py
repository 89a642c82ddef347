# SPDX-License-Identifier: LGPL-2.1-or-later
# One boot of the machine: starts QEMU with three pipes, passes on what comes out of them, and
# stops it when the end was told and every byte has arrived, or when a limit struck.
# Invariant: the command's output is passed on unchanged, and nothing else is mixed into it.
import os
import re
import select
import subprocess
import time

from . import Failure, say
from .qemu import PORTS, serial

# A boot that takes longer than this has hung.
BOOT_LIMIT = 240
DRAIN_LIMIT = 20
# Under emulation one boot in some dozens loses a timer interrupt and stands still. The kernel
# says so after 21 s, so that nobody has to wait for the limit.
STALL = re.compile(rb"rcu: INFO: .* detected stalls|self-detected stall")
STALL_POLL = 5


class Outcome:
	"""How one boot ended. status is None when the command's end was never told."""

	def __init__(self):
		self.status = None
		self.began = False
		self.limit = None
		self.stalled = False
		self.crashed = False
		self.uptime = None
		self.complaint = None


class Session:
	def __init__(self, argv, timeout, console):
		self.argv, self.timeout, self.console = list(argv), timeout, console
		self.outcome = Outcome()
		self.received = {"out": 0, "err": 0}
		self.expected = None
		self.status_text = b""

	def run(self):
		self.start = time.monotonic()
		readers, writers = {}, []
		for number, name in enumerate(PORTS):
			reader, writer = os.pipe()
			readers[reader] = name
			writers.append(writer)
			self.argv += ["-add-fd", "fd=%d,set=%d" % (writer, number)]
			self.argv += serial(name, number + 1,
					    "file,append=on,path=/dev/fdset/%d" % number)
		self.qemu = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL,
					     stderr=subprocess.PIPE, pass_fds=writers,
					     start_new_session=True)
		try:
			for writer in writers:
				os.close(writer)
			self.pump(readers)
		finally:
			ended = self.qemu.poll()
			self.qemu.kill()
			complaint = self.qemu.stderr.read().decode(errors="replace").strip()
			self.qemu.wait()
			for reader in readers:
				os.close(reader)
		# By a signal of its own: not the command's doing.
		self.outcome.crashed = ended is not None and ended < 0
		if self.outcome.crashed:
			say("QEMU itself crashed: " + complaint.rpartition("\n")[2])
		elif not self.outcome.began and complaint and self.outcome.limit is None:
			raise Failure("QEMU did not start: " + complaint)
		return self.outcome

	def pump(self, readers):
		open_readers = set(readers)
		while open_readers and not self.complete():
			wait = min(STALL_POLL, self.remaining())
			ready, _, _ = select.select(list(open_readers), [], [], wait)
			if not ready and (self.remaining() <= 0 or self.stalled()):
				self.strike()
				return
			for reader in ready:
				data = os.read(reader, 1 << 16)
				if data:
					self.take(readers[reader], data)
				else:
					open_readers.discard(reader)

	def limit(self):
		if self.expected:
			return self.end + DRAIN_LIMIT
		if self.outcome.began:
			return self.start + self.timeout
		return self.start + min(self.timeout, BOOT_LIMIT)

	def remaining(self):
		return max(0, self.limit() - time.monotonic())

	def stalled(self):
		if self.outcome.began or self.expected or not self.console.exists():
			return False
		self.outcome.stalled = bool(STALL.search(self.console.read_bytes()))
		return self.outcome.stalled

	def strike(self):
		if not self.expected:
			self.outcome.limit = "command" if self.outcome.began else "boot"

	def complete(self):
		return self.expected is not None and all(
			self.received[n] >= self.expected[n] for n in self.expected)

	def take(self, name, data):
		if name == "status":
			self.status_text += data
			*lines, self.status_text = self.status_text.split(b"\n")
			for line in lines:
				self.hear(line.decode(errors="replace").split(" ", 1))
			return
		self.received[name] += len(data)
		write_all(1 if name == "out" else 2, data)

	def hear(self, words):
		if words[0] == "begin":
			self.outcome.began = True
			self.outcome.uptime = float(words[1])
		elif words[0] == "fail":
			self.outcome.complaint = words[1]
		elif words[0] == "end" and self.expected is None:
			status, out, err = (int(n) for n in words[1].split())
			self.outcome.status = status
			self.expected = {"out": out, "err": err}
			self.end = time.monotonic()


def write_all(fd, data):
	"""A reader that went away is its own affair: the command still runs to its end."""
	view = memoryview(data)
	while view:
		try:
			view = view[os.write(fd, view):]
		except BlockingIOError:
			select.select([], [fd], [])
		except BrokenPipeError:
			return
