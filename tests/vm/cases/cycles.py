# SPDX-License-Identifier: LGPL-2.1-or-later
"""Many leases leave nothing behind: the daemon's fds and memory are where they were."""
from harness import *

EDU = ROLES["single-dma"]
CYCLES = 1000 if os.environ.get("DEVLEASE_LONG") else 50
WARM_UP = 10
GROWTH_KB = 128


def resident_kb(pid):
	for line in Path("/proc/%d/smaps_rollup" % pid).read_text().splitlines():
		if line.startswith("Pss_Anon:"):
			return int(line.split()[1])
	raise AssertionError("no Pss_Anon in smaps_rollup")


def cycle():
	lease = Lease(EDU)
	lease.close()
	lease.bus.close_sync(None)
	settled()


def case_cycles_leave_fds_and_memory_where_they_were():
	pid = daemon_pid()
	for _ in range(WARM_UP):
		cycle()
	fds, memory, begin = daemon_fds(pid), resident_kb(pid), time.monotonic()
	for _ in range(CYCLES):
		cycle()
	took = time.monotonic() - begin
	wait_until(lambda: daemon_fds(pid) == fds, "the fds are %s, not %s" % (fds, daemon_fds(pid)))
	grown = resident_kb(pid) - memory
	print("       %d cycles, %.0f ms each; %d fds; memory %d kB, grown by %d kB" % (
		CYCLES, took / CYCLES * 1000, len(fds), memory, grown))
	check(grown <= GROWTH_KB, "memory grew by %d kB" % grown)


main(globals())
