"""A vhost-user pod that is a virtual machine: Linux under QEMU."""

import itertools

from .console import Console
from .guest_image import initramfs, kernel
from .namespace import Namespace
from .vhost import VhostPod

MEMORY_MB = 192
BOOT_SECONDS = 60  # at most; a processor that QEMU emulates is slow, and more so on a busy machine
_UP = "^The guest is up"


class Vm:
    """A guest with one virtio-net device. It is emulated: tests need no KVM, and run everywhere.

    QEMU's process is in the node's namespace only to end with it.
    """

    def __init__(
        self, namespace: Namespace, pod: VhostPod, gateway: str, mtu_bytes: int = 1500
    ) -> None:
        self.pod = pod
        self.console = Console(pod.directory, pod.name)
        self._namespace = namespace
        self._initramfs = pod.directory / f"{pod.name}.cpio"
        self._initramfs.write_bytes(
            initramfs(
                f"ip link set eth0 up mtu {mtu_bytes}\n"
                f"ip address add {pod.address}/32 dev eth0\n"
                f"ip route add {gateway} dev eth0\n"
                f"ip route add default via {gateway} dev eth0"
            )
        )
        self._numbers = itertools.count()

    def start(self, *options: str) -> None:
        """Returns when the guest is up. `options` are QEMU's.

        Where podwarp is the client, podwarp must be there: QEMU waits for it.
        """
        socket = "server=on,wait=off" if self.pod.listens else "reconnect=1"
        if self.pod.listens:
            self.pod.socket.unlink(missing_ok=True)  # of one that was killed
        command = [
            *["nice", "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none"],
            *["-machine", "pc,memory-backend=memory", "-accel", "tcg", "-cpu", "max"],
            # What vhost-user needs: memory that the other side can map.
            *["-object", f"memory-backend-memfd,id=memory,size={MEMORY_MB}M,share=on"],
            *["-m", f"{MEMORY_MB}M", "-serial", "stdio"],
            *["-kernel", str(kernel()), "-initrd", str(self._initramfs)],
            *["-append", "console=ttyS0 quiet panic=-1 ipv6.disable=1"],
            *["-chardev", f"socket,id=socket,path={self.pod.socket},{socket}"],
            *["-netdev", "vhost-user,id=net,chardev=socket"],
            # Without KVM, interrupts of a vhost device only work as INTx does: no vectors.
            "-device",
            f"virtio-net-pci,netdev=net,mac={self.pod.mac},vectors=0,disable-legacy=on,romfile=",
        ]
        self.console.start(self._namespace.command(*command, *options))
        self.console.wait_for(_UP, timeout=BOOT_SECONDS)

    def run(self, command: str, check: bool = True, timeout: float = 30) -> str:
        """What a shell command in the guest, one line, said. Raises RuntimeError if it fails."""
        mark = f"ended-{next(self._numbers)}"
        said = self.console.say(f"( {command} ) </dev/null 2>&1; echo {mark} $?")
        ended = self.console.wait_for(rf"(?s)\A(.*?)^{mark} (\d+)\r?$", said, timeout)
        output = ended[1].replace("\r\n", "\n")
        if check and ended[2] != "0":
            raise RuntimeError(f"{self.pod.name}: {command}\nstatus {ended[2]}:\n{output}")
        return output

    def reboot(self) -> None:
        """As by the reset button. Returns when the guest is up again."""
        since = self.console.say("echo b > /proc/sysrq-trigger")
        self.console.wait_for(_UP, since, timeout=BOOT_SECONDS)

    def kill(self) -> None:
        """SIGKILL: nobody is told."""
        self.console.kill()
