"""DPDK's testpmd as a contender: `io` touches no frame, which makes it the floor."""

import shutil
import time
from collections.abc import Sequence

from testbed.telemetry import Telemetry

from .bench import Bench
from .contender import Count, Forwarder
from .errors import BenchError
from .program import Program

PROGRAM = "dpdk-testpmd"
FLOOR = "testpmd io"
BURST = 64  # as podwarp's


class Testpmd(Forwarder):
    """testpmd in one forwarding mode between the ports of its vdevs, the first two being a pair.

    Counts what leaves the ports with these numbers.
    """

    def __init__(
        self,
        bench: Bench,
        mode: str,
        vdevs: Sequence[str],
        *,
        buffers: int,
        queues: int = 1,
        ports: tuple[int, ...] = (1,),
        worker_cores: Sequence[int] = (),
        options: Sequence[str] = (),
        name: str = "",
    ) -> None:
        super().__init__(name or f"testpmd {mode}")
        if shutil.which(PROGRAM) is None:
            raise BenchError(f"{PROGRAM} is not installed; tools/deps installs it")
        self._bench = bench
        self._ports = ports
        self._cores = list(worker_cores) or [bench.cores.worker]
        self.program = Program(bench.directory, bench.unique("testpmd"))
        self.telemetry = Telemetry(self.program.prefix)
        lcores = [f"0@{bench.cores.all}"]
        lcores += [f"{i}@{core}" for i, core in enumerate(self._cores, start=1)]
        self._command = [
            *["stdbuf", "--output=L", PROGRAM, f"--lcores={','.join(lcores)}"],
            *["--no-pci", f"--file-prefix={self.program.prefix}"],
            *[f"--vdev={vdev}" for vdev in vdevs],
            *["--", "--interactive", "--auto-start"],
            *[f"--forward-mode={mode}", f"--nb-cores={len(self._cores)}"],
            *[f"--rxq={queues}", f"--txq={queues}", f"--burst={BURST}"],
            *[f"--total-num-mbufs={buffers}", *options],
        ]

    def launch(self) -> None:
        """Returns at once."""
        self.program.start(self._command)

    def start(self) -> None:
        self.launch()
        self.program.wait_until("^testpmd> ")

    def end(self) -> None:
        self.program.end()

    def count(self) -> Count:
        asked = time.monotonic()
        stats = [self.telemetry.ask(f"/ethdev/stats,{port}") for port in self._ports]
        answered = time.monotonic()
        frames = sum(int(port["opackets"]) for port in stats)
        when = (asked + answered) / 2
        # It polls all the time and keeps no account: right as long as it is never short of frames.
        return Count(when, frames, when * self._bench.tsc_hz * len(self._cores))
