# SPDX-License-Identifier: LGPL-2.1-or-later
# What every script of the test machine shares: where things are, and how to say things.
# Everything that is built or downloaded lives under CACHE, outside the source tree.

VMDIR=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${DEVLEASE_CACHE:-${XDG_CACHE_HOME:-${HOME:?}/.cache}/devlease}

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { say "$*"; exit 125; }

