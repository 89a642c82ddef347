# SPDX-License-Identifier: LGPL-2.1-or-later
# Finds a cached kernel by name, and makes the initramfs it boots with. tests/vm/kernel fills the
# cache: KIND-VERSION-KEY/ with image, release, source, modules/ and, for a kernel whose drivers
# are modules, load: the modules the machine needs, in the order they have to go in. The link
# default-KEY names the one that "cdev" means.
import gzip
import hashlib
import lzma
import os
import re
import shutil
import subprocess
import tempfile

from . import CACHE, VM, Failure, say

DIRECTORY = CACHE / "kernels"
BUSYBOX = "/bin/busybox"
APPLETS = ("sh cat chroot cp echo grep insmod ln mkdir mknod mount mv poweroff rm sleep "
	   "switch_root umount").split()


class Kernel:
	def __init__(self, path):
		self.path = path = path.resolve()
		self.image = path / "image"
		self.release = (path / "release").read_text().strip()
		self.modules = path / "modules"


def options_key():
	with open(VM / "kernels/cdev.config", "rb") as f:
		options = b"".join(line for line in f if line.startswith(b"CONFIG_"))
	return hashlib.sha256(options).hexdigest()[:12]


def version_key(path):
	return [int(n) for n in re.findall(r"\d+", path.name.split("-")[1])]


def cached(kind):
	"""The newest finished kernel of a kind or version, or None."""
	if kind == "stock":
		pattern = "stock-*"
	elif kind == "cdev":
		pattern = "default-" + options_key()
	else:
		pattern = "cdev-%s[.-]*-%s" % (kind, options_key())
	found = [p for p in DIRECTORY.glob(pattern) if (p / "release").exists()]
	return max(found, key=version_key, default=None)


def find(name):
	"""The kernel asked for; what the cache lacks is fetched or built, which is said."""
	if name is None:
		name = "cdev" if cached("cdev") else "stock"
	if name not in ("cdev", "stock") and not re.fullmatch(r"\d+\.\d+(\.\d+)?", name):
		raise Failure("kernel '%s' is neither cdev nor stock nor a version" % name)
	if not cached(name):
		say("kernel %s is not in the cache yet, preparing it" % name)
		if subprocess.run([VM / "kernel", name], stdout=subprocess.DEVNULL).returncode:
			raise Failure("kernel %s could not be prepared" % name)
	path = cached(name)
	if not path:
		raise Failure("kernel %s is still missing from %s" % (name, DIRECTORY))
	return Kernel(path)


def initramfs(kernel):
	"""The archive for this kernel, made once for each version of its parts."""
	load = kernel.path / "load"
	names = load.read_text().split() if load.exists() else []
	if not os.access(BUSYBOX, os.X_OK):
		raise Failure("%s is missing: run tests/setup vm" % BUSYBOX)
	key = hashlib.sha256("\n".join(APPLETS + names + [kernel.path.name]).encode())
	for part in (VM / "guest/init", BUSYBOX):
		with open(part, "rb") as f:
			key.update(f.read())
	target = CACHE / "initramfs" / (key.hexdigest()[:16] + ".cpio")
	if not target.exists():
		target.parent.mkdir(parents=True, exist_ok=True)
		with tempfile.TemporaryDirectory(dir=target.parent) as tree:
			fill(tree, kernel, names)
			pack(tree, target)
	return target


def fill(tree, kernel, names):
	for sub in ("bin", "dev", "proc", "sys", "run", "lower", "layer", "new", "modules"):
		os.mkdir(os.path.join(tree, sub))
	shutil.copy(BUSYBOX, os.path.join(tree, "bin/busybox"))
	for applet in APPLETS:
		os.symlink("busybox", os.path.join(tree, "bin", applet))
	shutil.copy(VM / "guest/init", os.path.join(tree, "init"))
	os.chmod(os.path.join(tree, "init"), 0o755)
	for number, name in enumerate(names):
		content = unpacked(kernel.modules / name)
		with open("%s/modules/%03d-%s" % (tree, number, os.path.basename(name)), "wb") as f:
			f.write(content)


def unpacked(path):
	content = path.read_bytes()
	if path.suffix == ".xz":
		return lzma.decompress(content)
	if path.suffix == ".gz":
		return gzip.decompress(content)
	if path.suffix == ".zst":
		return subprocess.run(["zstd", "-dc", path], capture_output=True, check=True).stdout
	return content


def pack(tree, target):
	"""Uncompressed: under emulation the unpacking would cost more than the reading."""
	names = subprocess.run(["find", ".", "-print0"], cwd=tree, capture_output=True, check=True)
	half = "%s.%d" % (target, os.getpid())
	with open(half, "wb") as out:
		subprocess.run(["cpio", "--null", "--create", "--format=newc", "--owner=0:0",
				"--quiet"], cwd=tree, input=names.stdout, stdout=out, check=True)
	os.rename(half, target)
