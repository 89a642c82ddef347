# SPDX-License-Identifier: LGPL-2.1-or-later
# QEMU's command line. The machine has no network and no fixed port or path, so that any number
# of them run at once, and the host's file system is exported read-only.
import os
import shutil
import subprocess

from . import CACHE, Failure, say

BINARY = "qemu-system-x86_64"
PORTS = ("out", "err", "status")
PROBE_LIMIT = 15

CMDLINE = ("console=ttyS0 quiet panic=-1 mitigations=off no_timer_check tsc=reliable "
	   "random.trust_cpu=on systemd.unified_cgroup_hierarchy=1 intel_iommu=on")


def find_qemu():
	path = shutil.which(BINARY)
	if not path:
		raise Failure("%s is not installed: run tests/setup vm" % BINARY)
	return path


def share(tag, path, slot, writable=False):
	"""A directory of the host over 9p. Passthrough needs root, others get plain files."""
	model = "passthrough" if os.geteuid() == 0 else "none"
	return ["-fsdev", "local,id=%s,path=%s,security_model=%s,multidevs=remap%s"
		% (tag, str(path).replace(",", ",,"), model, "" if writable else ",readonly=on"),
		"-device", "virtio-9p-pci,fsdev=%s,mount_tag=%s,addr=0x%x" % (tag, tag, slot)]


def serial(name, number, chardev):
	return ["-chardev", "%s,id=%s" % (chardev, name),
		"-device", "virtserialport,chardev=%s,name=devlease.%s,nr=%d"
		% (name, name, number)]


def accelerator(kernel, initramfs):
	choice = os.environ.get("DEVLEASE_ACCEL")
	if choice not in (None, "kvm", "tcg"):
		raise Failure("DEVLEASE_ACCEL is '%s'; it can be kvm or tcg" % choice)
	return choice or ("kvm" if kvm_works(kernel, initramfs) else "tcg")


def kvm_works(kernel, initramfs):
	"""Whether a kernel really boots under KVM; remembered until the host boots again."""
	if not os.access("/dev/kvm", os.R_OK | os.W_OK):
		return False
	with open("/proc/sys/kernel/random/boot_id") as f:
		note = CACHE / ("kvm-" + f.read().strip())
	if not note.exists():
		for old in CACHE.glob("kvm-*"):
			old.unlink(missing_ok=True)
		note.write_text("yes" if probe_kvm(kernel, initramfs) else "no")
	return note.read_text() == "yes"


def probe_kvm(kernel, initramfs):
	"""That /dev/kvm opens, or that the firmware runs, says too little: some hosts get no
	further. The init stops the machine at once when it finds the word on its command line."""
	say("trying once whether KVM works here, for at most %d s" % PROBE_LIMIT)
	args = [find_qemu(), "-no-user-config", "-nodefaults", "-display", "none", "-no-reboot",
		*processor(True), "-smp", "2", "-m", "512", "-kernel", str(kernel.image),
		"-initrd", str(initramfs), "-append", CMDLINE + " devlease.probe"]
	try:
		status = subprocess.run(args, stdin=subprocess.DEVNULL, capture_output=True,
					timeout=PROBE_LIMIT).returncode
	except subprocess.TimeoutExpired:
		status = None
	say("KVM works" if status == 0 else "KVM does not work here, using emulation")
	return status == 0


def processor(kvm):
	if kvm:
		return ["-machine", "q35,kernel-irqchip=split", "-accel", "kvm", "-cpu", "host"]
	# With a thread for each CPU, QEMU 10.0 now and then fails an assertion (iotlb_to_section) or
	# loses an interrupt for good when a device's memory moves under a running CPU.
	return ["-machine", "q35", "-accel", "tcg,thread=single,tb-size=512", "-cpu", "max,la57=off"]


def command(config, kernel, initramfs, topology, directory):
	"""The whole command line but for the three output pipes, which the caller adds."""
	args = [find_qemu(), "-no-user-config", "-nodefaults", "-display", "none", "-no-reboot",
		*processor(accelerator(kernel, initramfs) == "kvm"), "-smp", str(config.smp),
		"-m", config.memory,
		"-device", "intel-iommu,intremap=on",
		"-kernel", str(kernel.image), "-initrd", str(initramfs),
		"-append", " ".join([CMDLINE] + config.append),
		"-chardev", "file,id=console,path=%s/console.log" % directory,
		"-serial", "chardev:console", "-device", "virtio-serial-pci,addr=0x2"]
	args += share("run", directory / "share", 0x3)
	args += share("root", "/", 0x4)
	if config.vmout:
		args += share("vmout", config.vmout, 0x5, writable=True)
	if config.qmp:
		args += ["-chardev", "socket,id=qmp,path=%s,server=on,wait=off" % config.qmp,
			 "-mon", "chardev=qmp,mode=control"]
		if config.qmp_inside:
			args += serial("qmp-port", len(PORTS) + 1, "socket,path=%s" % config.qmp)
	return args + topology.arguments(directory)
