# SPDX-License-Identifier: LGPL-2.1-or-later
"""A service manager as far as the daemon sees one: NOTIFY_SOCKET, the fd store, LISTEN_FDS."""
import array
import os
import socket
import sys
import threading

FIRST = 3  # SD_LISTEN_FDS_START


class ServiceManager:
    def __init__(self, path):
        self.path, self.store, self.messages = path, {}, []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        size = socket.CMSG_SPACE(64 * 4)
        while True:
            data, ancillary, _, _ = self.socket.recvmsg(8192, size)
            if data == b"stop":
                return
            fds = []
            for level, kind, value in ancillary:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    fds += array.array("i", value[:len(value) // 4 * 4]).tolist()
            self.take(dict(x.partition("=")[::2] for x in data.decode().split("\n")), fds)

    def take(self, message, fds):
        self.messages.append(message)
        name = message.get("FDNAME")
        if message.get("FDSTORE") == "1" and len(fds) == 1 and message.get("FDPOLL") == "0":
            self.store.setdefault(name, []).append(fds.pop())
        elif message.get("FDSTOREREMOVE") == "1":
            for fd in self.store.pop(name, []):
                os.close(fd)
        for fd in fds:  # a BARRIER is answered by closing its fd
            os.close(fd)

    def names(self):
        return sorted(name for name, fds in self.store.items() for _ in fds)

    def start(self, daemon, wait=True):
        """Starts the daemon with what is in the store, as the service manager would."""
        stored = [(name, fd) for name, fds in self.store.items() for fd in fds]
        daemon.environment["NOTIFY_SOCKET"] = self.path
        for name in ("LISTEN_FDS", "LISTEN_FDNAMES"):
            daemon.environment.pop(name, None)
        if stored:
            daemon.environment.update(LISTEN_FDS=str(len(stored)),
                                      LISTEN_FDNAMES=":".join(name for name, _ in stored))
        numbers = [fd for _, fd in stored]
        start = daemon.start if wait else daemon.spawn
        start(prefix=[sys.executable, os.path.abspath(__file__), " ".join(map(str, numbers))],
              pass_fds=numbers)

    def again(self, daemon):
        daemon.stop()
        self.start(daemon)

    def stop(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.sendto(b"stop", self.path)
        self.thread.join()
        self.socket.close()
        for fds in self.store.values():
            for fd in fds:
                os.close(fd)


def become(fds, command):
    """Moves the fds to where a service expects them, and becomes the service."""
    high = [os.dup2(fd, 500 + n) for n, fd in enumerate(fds)]  # none is overwritten on the way
    for n, fd in enumerate(high):
        os.dup2(fd, FIRST + n)
    os.closerange(FIRST + len(fds), 1000)
    if fds:
        os.environ["LISTEN_PID"] = str(os.getpid())
    os.execv(command[0], command)


if __name__ == "__main__":
    become([int(fd) for fd in sys.argv[1].split()], sys.argv[2:])
