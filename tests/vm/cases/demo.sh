#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The main job, step by step, inside the test machine. Every step is checked; the first one that
# does not hold ends it with status 1.
set -euo pipefail

role() {
	python3 -c 'import json, os, sys
value = json.loads(os.environ["DEVLEASE_ROLES"])[sys.argv[1]]
print(value if isinstance(value, str) else " ".join(value))' "$1"
}

edu=$(role single-dma)
read -r shared sibling _ <<<"$(role conventional)"
scratch=$(mktemp -d /tmp/demo.XXXX)
chown nobody "$scratch"
# The build tree may be where only root can go.
client=/tmp/edu-client
install -m 755 "$DEVLEASE_BUILD/tests/clients/edu-client" $client

step() { printf '\n-- %s\n' "$*"; }
show() {
	printf '$ %s\n' "$*"
	"$@"
}
as_nobody() { setpriv --reuid=nobody --regid=nogroup --clear-groups "$@"; }
show_as_nobody() {
	printf 'nobody$ %s\n' "$*"
	as_nobody "$@"
}
fail() {
	printf 'NOT AS IT SHOULD BE: %s\n' "$*"
	exit 1
}
facts() { # what a lease changes: driver and driver_override of every device
	for d in /sys/bus/pci/devices/*; do
		printf '%s %s %s\n' "${d##*/}" "$(readlink "$d/driver" || echo none)" \
			"$(cat "$d/driver_override")"
	done
}
faults() { dmesg | grep -c "DMAR: \[DMA.*${edu#*:}" || true; }
wait_for() { # wait_for WHAT COMMAND...: until it succeeds, at most 20 s
	local what=$1
	shift
	for _ in $(seq 200); do
		"$@" && return
		sleep 0.1
	done
	fail "still not after 20 s: $what"
}
no_lease() { [ "$(devleasectl leases --json=short)" = "[]" ]; }
a_lease() { ! no_lease; }

step "The machine: Linux $(uname -r)"
facts >"$scratch/before"
show devleasectl list

step "The policy: nobody (the user) may have the edu device, and its cousin beside a NIC"
mkdir -p /etc/devlease/policy.d
cat >/etc/devlease/policy.d/50-demo.conf <<E
[Rule demo]
Device=$edu $shared
User=nobody daemon
Access=allow
E
show cat /etc/devlease/policy.d/50-demo.conf
show devleasectl policy check
show devleasectl reload

step "DMA in both directions, as nobody, into its own memory"
head -c 4096 /dev/urandom >"$scratch/pattern"
chmod 644 "$scratch/pattern"
show_as_nobody devleasectl exec "$edu" -- "$client" dma "$scratch/pattern" "$scratch/out"
cmp "$scratch/pattern" "$scratch/out" || fail "what came back is not what was sent"
echo "4096 random bytes went through the device and came back the same:"
sha256sum "$scratch/pattern" "$scratch/out" | cut -c1-32,65-

step "DMA outside the mapping faults in the IOMMU"
before=$(faults)
show_as_nobody devleasectl exec "$edu" -- "$client" fault 0x900000
more_faults() { [ "$(faults)" -gt "$before" ]; }
wait_for "a fault in the kernel log" more_faults
dmesg | grep "DMAR: \[DMA.*${edu#*:}" | tail -n 1

step "A second user is refused while the first one has the device"
setpriv --reuid=nobody --regid=nogroup --clear-groups devleasectl exec "$edu" -- sleep 60 &
first=$!
wait_for "the first user's lease" a_lease
show devleasectl leases
printf 'daemon$ devleasectl exec %s -- true\n' "$edu"
status=0
setpriv --reuid=daemon --regid=daemon --clear-groups devleasectl exec "$edu" -- true 2>&1 ||
	status=$?
[ "$status" = 4 ] || fail "status $status, not 4 (busy)"
kill "$first"
wait "$first" || true
wait_for "the end of the lease" no_lease

step "$shared is refused: a sibling in its IOMMU group belongs to a host driver"
status=0
show_as_nobody devleasectl explain "$shared" >"$scratch/refusal" || status=$?
cat "$scratch/refusal"
[ "$status" = 3 ] || fail "status $status, not 3 (refused)"
driver=$(basename "$(readlink "/sys/bus/pci/devices/$sibling/driver")")
grep -q "$sibling.*$driver" "$scratch/refusal" || fail "$sibling and $driver are not named"

step "Afterwards every device is as it was"
facts >"$scratch/after"
diff "$scratch/before" "$scratch/after" || fail "something is different"
echo "drivers and overrides of $(wc -l <"$scratch/after") functions: the same"

step "The journal tells it, and verifies"
show devleasectl audit
show devleasectl audit verify
