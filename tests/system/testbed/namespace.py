"""Network namespaces, named as `ip netns` names them."""

import contextlib
import ctypes
import os
import signal
import subprocess
from collections.abc import Iterator

from .command import PATIENCE_SECONDS, run, wait_for

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class Namespace:
    """A network namespace, made by create() and deleted by remove()."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.path = f"/run/netns/{name}"

    def create(self) -> None:
        run("ip", "netns", "add", self.name)
        # podwarp doesn't carry IPv6, and the kernel must not talk on the wire beside it.
        for which in ("all", "default"):
            self.run("sysctl", "-qw", f"net.ipv6.conf.{which}.disable_ipv6=1", check=False)
        self.ip("link", "set", "lo", "up")

    def command(self, *command: str) -> list[str]:
        """`ip netns exec` becomes the program, so the process's id is the program's."""
        return ["ip", "netns", "exec", self.name, *command]

    def run(
        self, *command: str, check: bool = True, timeout: float = PATIENCE_SECONDS
    ) -> subprocess.CompletedProcess[str]:
        return run(*self.command(*command), check=check, timeout=timeout)

    def ip(self, *arguments: str) -> str:
        return run("ip", "-n", self.name, *arguments).stdout

    def spawn(self, *command: str) -> subprocess.Popen[str]:
        """Starts a program; remove() ends it at the latest."""
        return subprocess.Popen(
            self.command(*command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """The calling thread is in the namespace: a socket made there stays there."""
        with open("/proc/thread-self/ns/net", "rb") as before, open(self.path, "rb") as there:
            _set_namespace(there.fileno())
            try:
                yield
            finally:
                _set_namespace(before.fileno())

    def remove(self) -> None:
        """Ends what still runs there and deletes the namespace with its interfaces."""
        if not os.path.exists(self.path):
            return
        for pid in self._pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(TimeoutError):
            wait_for(lambda: not self._pids(), f"processes in {self.name} end")
        run("ip", "netns", "delete", self.name, check=False)

    def _pids(self) -> list[int]:
        found = run("ip", "netns", "pids", self.name, check=False).stdout.split()
        # A child of ours that has ended but wasn't waited for has no executable.
        return [int(pid) for pid in found if pid.isdigit() and not _is_zombie(int(pid))]


def _is_zombie(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def _set_namespace(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def join(a: Namespace, b: Namespace, interface: str, mtu_bytes: int) -> None:
    """A wire between two namespaces: a veth pair of the same name on both sides.

    Linux would hand whole TCP segments and unfinished checksums over a veth pair; on a wire there
    are none, and DPDK's net_af_packet can't take them. Hence all offloads off, receive side too.
    """
    run(
        *["ip", "-n", a.name, "link", "add", interface, "mtu", str(mtu_bytes), "type", "veth"],
        *["peer", "name", interface, "mtu", str(mtu_bytes), "netns", b.name],
    )
    for side in (a, b):
        off = [word for name in ("rx", "tx", "sg", "tso", "gso", "gro") for word in (name, "off")]
        side.run("ethtool", "-K", interface, *off)
        side.ip("link", "set", interface, "up")
    # The kernel drops what is sent before it has noticed, up to a second later.
    wait_for(lambda: _is_up(a, interface) and _is_up(b, interface), f"{interface} is up")


def _is_up(namespace: Namespace, interface: str) -> bool:
    return " state UP " in namespace.ip("-o", "link", "show", interface)
