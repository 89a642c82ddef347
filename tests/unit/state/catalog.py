# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every MESSAGE_ID has an entry in the catalog, every entry an id, and journalctl can read it."""
import collections
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parents[3]
CATALOG = SOURCE / "systemd/devlease.catalog"


def check(condition, message):
    if not condition:
        sys.exit("catalog: " + message)


def entries(text):
    """Header lines and body by id."""
    found = {}
    for block in re.split(r"^-- ", text, flags=re.M)[1:]:
        number, rest = block.split("\n", 1)
        header, _, body = rest.partition("\n\n")
        check(number not in found, number + " is there twice")
        found[number] = (dict(l.split(": ", 1) for l in header.splitlines()), body)
    return found


ids = dict(re.findall(r"#define (MESSAGE_ID_\w+) \"([0-9a-f]{32})\"",
                      (SOURCE / "daemon/state/message-ids.h").read_text()))
check(len(ids) >= 10, "no ids were found")
twice = [n for n, c in collections.Counter(ids.values()).items() if c > 1]
check(not twice, "one id for two messages: %s" % twice)
mirror = (SOURCE / "daemon/state/journal-mirror.c").read_text()
found = entries(CATALOG.read_text())
for name, number in ids.items():
    check(name in mirror, name + " is never sent")
    check(number in found, name + " has no entry")
    headers, body = found[number]
    check({"Subject", "Defined-By"} <= set(headers), name + " lacks a header")
    check(len(body.strip()) > 40, name + " is not explained")
check(set(found) == set(ids.values()), "entries that no message has: %s" %
      (set(found) - set(ids.values())))
known = {"@%s@" % f for f in re.findall(r"DEVLEASE_[A-Z]+", mirror)}
used = set(re.findall(r"@\w+@", CATALOG.read_text()))
check(used <= known, "fields that no message has: %s" % (used - known))
if shutil.which("journalctl"):
    with tempfile.TemporaryDirectory() as root:
        for directory in ("usr/lib/systemd/catalog", "var/lib/systemd/catalog"):
            (pathlib.Path(root) / directory).mkdir(parents=True)
        shutil.copy(CATALOG, pathlib.Path(root) / "usr/lib/systemd/catalog")
        done = subprocess.run(["journalctl", "--root=" + root, "--update-catalog"],
                              capture_output=True, text=True, check=False)
        check(done.returncode == 0 and not done.stderr.strip(), done.stderr)
        check((pathlib.Path(root) / "var/lib/systemd/catalog/database").stat().st_size > 0,
              "journalctl made no database")
print("%d messages are explained\n1 passed, 0 failed" % len(ids))
