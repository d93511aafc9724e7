"""A vhost-user pod that is DPDK's testpmd over virtio-user."""

import os

from .console import Console
from .namespace import Namespace
from .telemetry import Entry, Telemetry
from .vhost import VhostPod

MEMORY_MB = 48
_BUFFERS = 4096
_PROMPT = r"testpmd> "


class Testpmd:
    """testpmd with one virtio port. It polls, at the lowest priority that there is.

    It runs on ordinary pages, which virtio-user shares by a memfd, so that it takes no hugepages
    from podwarp. Its process is in the node's namespace only to end with it.
    """

    def __init__(self, namespace: Namespace, pod: VhostPod, queues: int = 1) -> None:
        self.pod = pod
        self.telemetry = Telemetry(pod.prefix)
        self.console = Console(pod.directory, pod.name)
        self._namespace = namespace
        self._queues = queues

    def start(self, forward: str = "icmpecho", *options: str) -> None:
        """Returns when it forwards: `forward` and `options` are testpmd's.

        Where podwarp is the server, podwarp must be there first.
        """
        if self.pod.listens:
            self.pod.socket.unlink(missing_ok=True)  # of one that was killed
        cores = ",".join(map(str, sorted(os.sched_getaffinity(0))))
        command = [
            # Lines at once, though no terminal reads them.
            *["stdbuf", "--output=L", "chrt", "--idle", "0"],
            *["dpdk-testpmd", f"--file-prefix={self.pod.prefix}"],
            *["--no-huge", "-m", str(MEMORY_MB), "--no-pci", "--no-shconf"],
            # The threads of DPDK's two lcores may run on any core.
            f"--lcores=0@({cores}),1@({cores})",
            f"--vdev=net_virtio_user0,path={self.pod.socket},mac={self.pod.mac},"
            f"server={int(self.pod.listens)},queues={self._queues},queue_size=256",
            *["--", "--interactive", f"--forward-mode={forward}"],
            f"--total-num-mbufs={_BUFFERS}",
            *[f"--rxq={self._queues}", f"--txq={self._queues}"],
        ]
        self.console.start(self._namespace.command(*command, *options))
        self.console.wait_for(_PROMPT)
        self.ask("start")

    def ask(self, command: str) -> str:
        """A command of testpmd's, and what it says to it."""
        answered = self.console.say(command)
        return self.console.wait_for(rf"(?s)\A(.*?){_PROMPT}", answered)[1]

    def forward(self, mode: str) -> None:
        """From now on in this mode, and the counters at 0."""
        for command in ("stop", "clear port stats all", f"set fwd {mode}", "start"):
            self.ask(command)

    def is_connected(self) -> bool:
        return bool(self.telemetry.ask("/ethdev/link_status,0")["status"] == "UP")

    def statistics(self) -> Entry:
        """ipackets, opackets, ibytes, obytes, imissed, ierrors, oerrors..."""
        statistics: Entry = self.telemetry.ask("/ethdev/stats,0")
        return statistics

    def sent(self) -> int:
        """Frames, since it was started or told to forward in some mode."""
        return int(self.statistics()["opackets"])

    def received(self) -> int:
        """As sent()."""
        return int(self.statistics()["ipackets"])

    def is_running(self) -> bool:
        return self.console.is_running()

    def kill(self) -> None:
        """SIGKILL: nobody is told."""
        self.console.kill()
