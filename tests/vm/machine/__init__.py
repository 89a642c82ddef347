# SPDX-License-Identifier: LGPL-2.1-or-later
# The test machine, seen from the host: where things are, and how to say things.
# Everything that is built or downloaded lives under CACHE, outside the source tree.
import os
import sys
from pathlib import Path

VM = Path(__file__).resolve().parent.parent
SOURCE = VM.parent.parent
CACHE = Path(os.environ.get("DEVLEASE_CACHE") or os.path.join(
	os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "devlease"))

# The machine's own failures, apart from any status a command is likely to have; 124 is the limit.
FAILED = 125
TIMED_OUT = 124


class Failure(Exception):
	"""Something that ends the run; the text says what would help."""


def say(text):
	print("%s: %s" % (os.path.basename(sys.argv[0]), text), file=sys.stderr, flush=True)
