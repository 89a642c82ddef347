# SPDX-License-Identifier: LGPL-2.1-or-later
"""A synthetic /sys and /dev of a large machine: root ports with a device of seven functions each.

It has what the kernel shows of such devices as far as devleased and lspci look at it, configuration
space included; the links lead where the kernel's lead.
"""
import os
import struct

FUNCTIONS = 7  # behind a port
PORTS = 200  # in a domain


def write(path, data):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
    os.write(fd, data)
    os.close(fd)


def config(vendor, device, class_code, header):
    head = struct.pack("<HHHHBBHBBBB", vendor, device, 0x0406, 0x0010, 1, class_code & 0xff,
                       class_code >> 8, 0, 0, header, 0)
    return head.ljust(256, b"\0")


def add(sys, place, address, ids, group, methods, driver=None):
    """One function; place is its directory below sys/devices."""
    vendor, device, class_code = ids
    bridge = class_code >> 8 == 0x0604
    path = "%s/devices/%s" % (sys, place)
    os.makedirs(path)
    for name, text in {
            "vendor": "0x%04x" % vendor, "device": "0x%04x" % device,
            "subsystem_vendor": "0x%04x" % vendor, "subsystem_device": "0x0001",
            "class": "0x%06x" % class_code, "revision": "0x01", "irq": "16", "numa_node": "0",
            "enable": "1", "driver_override": "(null)", "reset_method": methods,
            "resource": "\n".join(["0x%016x 0x%016x 0x%016x" % (0, 0, 0)] * 13),
            "modalias": "pci:v%08Xd%08Xsv%08Xsd00000001bc%02Xsc%02Xi%02X" % (
                vendor, device, vendor, class_code >> 16, class_code >> 8 & 0xff,
                class_code & 0xff)}.items():
        if text:
            write("%s/%s" % (path, name), text.encode() + b"\n")
    write(path + "/config", config(vendor, device, class_code, 1 if bridge else 0))
    up = "../" * (place.count("/") + 2)
    if bridge:
        write(path + "/secondary_bus_number", b"1\n")
    if driver:
        os.symlink("%sbus/pci/drivers/%s" % (up, driver), path + "/driver")
    os.symlink("%skernel/iommu_groups/%d" % (up, group), path + "/iommu_group")
    kind = "%s/kernel/iommu_groups/%d/type" % (sys, group)
    if not os.path.exists(kind):
        os.makedirs(os.path.dirname(kind))
        write(kind, b"DMA-FQ\n")
    os.symlink("../../../devices/" + place, "%s/bus/pci/devices/%s" % (sys, address))


def make(directory, devices):
    """Exactly that many functions; the addresses of those that are no bridges."""
    sys = directory + "/sys"
    os.makedirs(sys + "/bus/pci/devices")
    os.makedirs(sys + "/bus/pci/drivers/igb")
    os.makedirs(directory + "/dev/vfio")
    os.makedirs(directory + "/proc")
    write(directory + "/dev/vfio/vfio", b"")
    write(directory + "/dev/iommu", b"")
    write(directory + "/proc/devices", b"Character devices:\n 510 vfio-dev\n")
    write(directory + "/proc/interrupts", b" 16: 0 IR-IO-APIC\n")
    write(directory + "/proc/cmdline", b"quiet\n")
    endpoints, n = [], 0
    while n < devices:
        domain, port = divmod(n // (FUNCTIONS + 1), PORTS)
        root = "pci%04x:00" % domain
        slot = "%04x:00:%02x.%x" % (domain, port // 8, port % 8)
        add(sys, root + "/" + slot, slot, (0x8086, 0x1901, 0x060400), n, "pm", "pcieport")
        n += 1
        for function in range(min(FUNCTIONS, devices - n)):
            address = "%04x:%02x:00.%x" % (domain, port + 1, function)
            add(sys, "%s/%s/%s" % (root, slot, address), address, (0x8086, 0x1521, 0x020000),
                n, "flr bus", "igb")
            endpoints.append(address)
            n += 1
    return endpoints
