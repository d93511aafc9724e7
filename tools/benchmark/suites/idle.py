"""What a node without traffic costs: the whole process's share of a core, mostly asleep."""

import contextlib
import sys
import time
from collections.abc import Callable, Sequence

from testbed.command import wait_for
from testbed.config import Config
from testbed.light_peer import connect_when_listened
from testbed.vhost import SERVER, VhostPod

from ..bench import Bench
from ..case import Case, Suite
from ..closed_loop import podwarp_config
from ..contender import WARM_UP_SECONDS, Contender, Sample
from ..pods import vhost_pods
from ..podwarp import Podwarp
from ..program import Program
from ..routes import Ranges

# A process that sleeps has few moments to be measured by: it takes longer than one that works.
_LONGER = 10 / 3

SLEEPER = "1 ms sleeps"
_SLEEP = "import time\nwhile True: time.sleep(0.001)"


class IdlePodwarp(Contender):
    """podwarp with two uplinks that receive nothing, and connected guests that send nothing."""

    def __init__(self, bench: Bench, pods: Sequence[VhostPod]) -> None:
        super().__init__("podwarp")
        self._pods = pods
        self._podwarp = Podwarp(bench, _config(pods))

    def measure(self, seconds: float) -> Sample:
        program = self._podwarp.program
        try:
            self._podwarp.start()
            with contextlib.ExitStack() as guests:
                for pod in self._pods:
                    guests.callback(connect_when_listened(pod.socket).close)
                wait_for(self._is_connected, "all guests are connected")
                time.sleep(WARM_UP_SECONDS)
                sample = _share(program, seconds)
        finally:
            self._podwarp.end()
        return sample

    def _is_connected(self) -> bool:
        return all(port["up"] for port in self._podwarp.telemetry.entries("/podwarp/ports"))


class Sleeper(Contender):
    """A process that sleeps for a millisecond, again and again: what the kernel takes for that."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(SLEEPER)
        self._command = ["taskset", "-c", str(bench.cores.worker), sys.executable, "-c", _SLEEP]
        self._program = Program(bench.directory, bench.unique("sleeper"))

    def measure(self, seconds: float) -> Sample:
        try:
            self._program.start(self._command)
            time.sleep(WARM_UP_SECONDS)
            return _share(self._program, seconds)
        finally:
            self._program.end()


def _share(program: Program, seconds: float) -> Sample:
    begin, used = time.monotonic(), program.cpu_seconds()
    time.sleep(seconds * _LONGER)
    return Sample(100 * (program.cpu_seconds() - used) / (time.monotonic() - begin))


def _config(pods: Sequence[VhostPod]) -> Config:
    config = podwarp_config(Ranges(256), ["net_null0,no-rx=1", "net_null1,no-rx=1"])
    return {**config, "idle": {"mode": "adaptive"}, "pods": [pod.config() for pod in pods]}


def _contenders(count: int) -> Callable[[Bench], Sequence[Contender]]:
    return lambda bench: [IdlePodwarp(bench, vhost_pods(bench, count, SERVER)), Sleeper(bench)]


def _case(name: str, pods: int) -> Case:
    return Case(
        name,
        _contenders(pods),
        unit="% of a core",
        more_is_better=False,
        is_quick=pods > 0,
        floor=SLEEPER,
    )


SUITE = Suite(
    "idle",
    "the process's share of a core without traffic, adaptive mode, pods connected by vhost-user",
    [_case("no pods", 0), _case("250 pods", 250)],
)
