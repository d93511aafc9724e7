"""DPDK's testpmd as a generator at a chosen rate, for two pods over virtio-user.

Valid frames come out of a file in memory, without end, and go to the first pod's ring; what comes
out of the second pod's ring goes nowhere. testpmd has no rates for virtual devices. So it is made
slower: its mode `noisy` reads so many random words for each frame, and the smaller its bursts are,
the more each costs. What a read and a burst cost is measured first, and a rate is tried out before
its trial, so that it is hit within some percent on a quiet machine. Frames so leave it evenly, not
in heaps with pauses between. What was offered is what testpmd counts: frames that the ring took,
and those that found no room in it.
"""

import math
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

from testbed.telemetry import Telemetry
from testbed.vhost import VhostPod

from .bench import Bench
from .errors import BenchError
from .frames import Traffic
from .guests import wait_until_up
from .podwarp import Podwarp
from .program import Program
from .rfc2544 import FULL_RATE, Trial
from .testpmd import PROGRAM

_PROMPT = r"(?s)\A(.*?)testpmd> "
_SOURCE, _SENDER, _RECEIVER = range(3)  # its ports; the fourth swallows what the third receives
_FRAMES = 1024
_MOST_BURST, _SMALL_BURST = 64, 4
_SOME_READS = 20
_SETTLE_SECONDS = 0.2
_CALIBRATION_SECONDS = 0.5
_PROBE_SECONDS, _MOST_TRIES, _TOLERANCE = 0.3, 4, 0.03


@dataclass(frozen=True)
class Knobs:
    """What makes testpmd slower."""

    reads: int = 0  # for each frame, out and in
    burst: int = _MOST_BURST


@dataclass(frozen=True)
class Model:
    """Seconds that a frame takes: fixed, a share of its burst's, and for each read."""

    fixed: float
    burst: float
    read: float

    @classmethod
    def fit(cls, fastest: float, in_small_bursts: float, with_reads: float) -> "Model":
        """From the times a frame takes with none of the knobs turned, and with each of them."""
        burst = max(0, (in_small_bursts - fastest) / (1 / _SMALL_BURST - 1 / _MOST_BURST))
        read = (with_reads - fastest) / _SOME_READS
        if read <= 0:
            raise BenchError("testpmd is not slower with more reads: is the machine disturbed?")
        return cls(fastest - burst / _MOST_BURST, burst, read)

    @property
    def fastest(self) -> float:
        return self.fixed + self.burst / _MOST_BURST

    def knobs(self, seconds: float) -> Knobs:
        """Those that make a frame take about so long: reads for the most, bursts for the rest."""
        reads = max(0, math.floor((seconds - self.fastest) / self.read))
        rest = seconds - self.fixed - reads * self.read
        burst = round(self.burst / rest) if rest > self.burst / _MOST_BURST else _MOST_BURST
        return Knobs(reads, max(burst, 1))


class TestpmdGenerator:
    """Trials of one frame size between two pods of a podwarp that runs. A context manager."""

    __test__ = False  # whatever pytest thinks

    def __init__(
        self, bench: Bench, podwarp: Podwarp, pods: Sequence[VhostPod], traffic: Traffic
    ) -> None:
        self._bench = bench
        self._podwarp = podwarp
        self._pods = pods
        self._size = traffic.sizes[0]
        self._pcap = bench.pcap(traffic)
        self._program: Program | None = None
        self._reads = 0
        self._model: Model | None = None

    def __enter__(self) -> "TestpmdGenerator":
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def trial(self, rate: float, seconds: float) -> Trial:
        """`rate` is percent of the most that testpmd can offer with frames of this size."""
        if self._model is None:
            self._model = self._calibrate()
        knobs = self._tune(self._model.fastest * FULL_RATE / rate) if rate < FULL_RATE else Knobs()
        return self._run(rate, knobs, seconds)

    def _tune(self, frame_seconds: float) -> Knobs:
        """Corrects what the model says by what it comes to."""
        assert self._model is not None
        aim = frame_seconds
        for _ in range(_MOST_TRIES):
            knobs = self._model.knobs(aim)
            probe = self._run(FULL_RATE, knobs, _PROBE_SECONDS)
            error = probe.seconds / max(probe.offered, 1) / frame_seconds
            if abs(error - 1) <= _TOLERANCE:
                break
            aim = max(aim / error, self._model.fastest)
        return knobs

    def _calibrate(self) -> Model:
        knobs = (Knobs(), Knobs(burst=_SMALL_BURST), Knobs(reads=_SOME_READS))
        trials = [self._run(FULL_RATE, each, _CALIBRATION_SECONDS) for each in knobs]
        if not all(trial.offered for trial in trials):
            raise BenchError("testpmd has sent no frames")
        return Model.fit(*(trial.seconds / trial.offered for trial in trials))

    def _run(self, rate: float, knobs: Knobs, seconds: float) -> Trial:
        if self._program is None or self._reads != knobs.reads:
            self._end()
            self._start(knobs.reads)
        self._ask(f"set burst {knobs.burst}")
        self._ask("set fwd noisy")
        received = self._received()
        busy, begin = self._busy_cycles(), time.monotonic()
        self._ask("start")
        time.sleep(seconds)
        end = time.monotonic()
        said = self._ask("stop")
        busy = (self._busy_cycles() - busy) / self._bench.tsc_hz / (end - begin)
        self._drain()
        return Trial(
            size=self._size,
            rate=rate,
            seconds=end - begin,
            offered=_offered(said),
            received=self._received() - received,
            note=f"worker {100 * busy:.0f} % busy",
        )

    def _start(self, reads: int) -> None:
        self._reads = reads
        self._program = Program(self._bench.directory, self._bench.unique("generator"))
        core = self._bench.cores.load
        sockets = [
            f"--vdev=net_virtio_user{i},path={pod.socket},mac={pod.mac},server=1,queue_size=1024"
            for i, pod in enumerate(self._pods)
        ]
        self._program.start(
            [
                *["stdbuf", "--output=L", PROGRAM, f"--lcores=0@{core},1@{core}", "--no-pci"],
                *[f"--file-prefix={self._program.prefix}", "--single-file-segments"],
                *[f"--vdev=net_pcap0,rx_pcap={self._pcap},infinite_rx=1", *sockets],
                *["--vdev=net_null0,no-rx=1", "--", "--interactive", "--forward-mode=noisy"],
                *["--noisy-lkup-memory=1", f"--noisy-lkup-num-reads={reads}"],
                *["--rxd=1024", "--txd=1024", f"--total-num-mbufs={16 * _FRAMES}"],
            ]
        )
        self._program.wait_until(r"^testpmd> ")
        wait_until_up(self._podwarp.telemetry, self._pods)

    def _end(self) -> None:
        if self._program is not None:
            self._program.end()
            self._program = None

    def _ask(self, words: str) -> str:
        assert self._program is not None
        return self._program.wait_for(_PROMPT, self._program.say(words))[1]

    def _drain(self) -> None:
        """Takes what is still on its way, and sends nothing."""
        self._ask("set fwd rxonly")
        self._ask("start")
        time.sleep(_SETTLE_SECONDS)
        self._ask("stop")

    def _received(self) -> int:
        assert self._program is not None
        statistics = Telemetry(self._program.prefix).ask(f"/ethdev/stats,{_RECEIVER}")
        return int(statistics["ipackets"])

    def _busy_cycles(self) -> float:
        workers = self._podwarp.telemetry.entries("/podwarp/workers")
        return float(sum(worker["cycles_busy"] for worker in workers))


def _offered(said: str) -> int:
    """What testpmd tells, when it stops, that it has sent or tried to."""
    statistics = said.partition(f"Forward statistics for port {_SENDER} ")[2]
    total = re.search(r"TX-total: (\d+)", statistics)
    if total is None:
        raise BenchError(f"testpmd doesn't say what it has sent:\n{said}")
    return int(total[1])
