# SPDX-License-Identifier: LGPL-2.1-or-later
"""A client in a process of its own: holder.py ADDRESS UID DEVICE,... [OPTION=VALUE...]

Says what it got as one line of JSON, then does what it is told: "release", or ends at end of input.
"""
import json
import os
import sys

from client import Client, Refused


def become(uid):
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def main():
    address, uid, devices = sys.argv[1:4]
    become(int(uid))
    client = Client(address)
    values = dict(a.split("=", 1) for a in sys.argv[4:])
    try:
        lease = client.acquire(devices.split(","), **values)
    except Refused as e:
        print(json.dumps({"error": e.name, "message": e.message}), flush=True)
        return
    fds = {name: os.readlink("/proc/self/fd/%d" % fd) for name, fd in lease.fds.items()}
    cloexec = all(not os.get_inheritable(fd) for fd in lease.fds.values())
    print(json.dumps({"path": lease.path, "id": lease.id, "fds": fds, "info": lease.info,
                      "cloexec": cloexec, "uids": os.getresuid()}), flush=True)
    for line in sys.stdin:
        if line == "release\n":
            lease.release()
            print("released", flush=True)


if __name__ == "__main__":
    main()
