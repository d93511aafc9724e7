"""What it costs to look at podwarp while it forwards: uplink to uplink, watched and not.

A percent is to be seen, and rates swing by more from one start to the next. So one process forwards
all the time and is watched every other second: each second is held against those beside it.
"""

import pathlib
import statistics
import time
from collections.abc import Callable, Sequence

from ..bench import Bench
from ..case import Case, Suite
from ..closed_loop import ClosedLoop
from ..contender import WARM_UP_SECONDS, Contender, Count, Sample
from ..errors import BenchError
from ..frames import Traffic
from ..podwarp import Podwarp
from ..routes import Ranges
from ..watchers import Command, Nobody, Reader, Watcher, read_telemetry, scrape_metrics

NOBODY, WATCHED = "podwarp, nobody", "podwarp, watched"
TELEMETRY, METRICS = "telemetry, 10 Hz", "/metrics, 1 Hz"
TRACE, TRACE_DROP = "trace", "trace of a drop that never comes"
CAPTURE, CAPTURE_NONE = "capture", "capture, a filter that nothing matches"
CAPTURE_DROPS = "capture of drops"

_SECONDS = 1.0  # of one look

Watch = Callable[[Bench, pathlib.Path], Watcher]


def share(rates: Sequence[float]) -> float:
    """Of the rates of quiet and watched times in turn, quiet ones at both ends: what is left of the
    quiet rate while watched, in percent. A steady drift changes nothing.
    """
    if len(rates) < 3 or len(rates) % 2 == 0:
        raise ValueError(f"{len(rates)} rates don't begin and end with a quiet one")
    shares = [
        rates[i] / statistics.mean((rates[i - 1], rates[i + 1])) for i in range(1, len(rates), 2)
    ]
    return 100 * statistics.median(shares)


class Watched(Contender):
    """podwarp, which is watched every other time."""

    def __init__(self, name: str, podwarp: Podwarp, watcher: Watcher) -> None:
        super().__init__(name)
        self._podwarp = podwarp
        self._watcher = watcher

    def measure(self, seconds: float) -> Sample:
        """Watched for so long altogether, at least once."""
        looks = max(1, round(seconds / _SECONDS))
        try:
            self._podwarp.start()
            time.sleep(WARM_UP_SECONDS)
            first = self._podwarp.count()
            rates = [self._rate(Nobody())]
            for _ in range(looks):
                rates += [self._rate(self._watcher), self._rate(Nobody())]
            last = self._podwarp.count()
        finally:
            self._podwarp.end()
        _require_no_drops(first, last)
        quiet, watched = (statistics.median(rates[i::2]) for i in (0, 1))
        return Sample(share(rates), details={"quiet_mpps": quiet, "watched_mpps": watched})

    def _rate(self, watcher: Watcher) -> float:
        """In Mpps."""
        with watcher.watching(self._podwarp):
            before = self._podwarp.count()
            time.sleep(_SECONDS)
            after = self._podwarp.count()
        frames = after.frames - before.frames
        if frames <= 0:
            raise BenchError(f"{self.name} has forwarded no frame")
        return frames / (after.when - before.when) / 1e6


def _require_no_drops(before: Count, after: Count) -> None:
    new = [reason for reason, n in after.drops.items() if n > before.drops.get(reason, 0)]
    if new:
        raise BenchError(f"podwarp dropped frames that it was to forward: {', '.join(new)}")


def _contenders(watch: Watch) -> Callable[[Bench], Sequence[Contender]]:
    def make(bench: Bench) -> Sequence[Contender]:
        loop = ClosedLoop(bench, Traffic(Ranges(256)))
        contenders = []
        for name in (NOBODY, WATCHED):
            state = bench.directory / bench.unique("state")
            socket = state.with_suffix(".sock")
            config = {**loop.config(), "api": {"socket": str(socket), "state": str(state)}}
            watcher = watch(bench, socket) if name == WATCHED else Nobody()
            contenders.append(Watched(name, Podwarp(bench, config, name=name), watcher))
        return contenders

    return make


def _command(*arguments: str) -> Watch:
    return lambda bench, socket: Command(bench, socket, *arguments)


def _case(name: str, watch: Watch, is_quick: bool = False) -> Case:
    return Case(name, _contenders(watch), unit="% of quiet", is_quick=is_quick, floor=NOBODY)


SUITE = Suite(
    "observation",
    "closed loop as in uplink, watched every other second: what is left of the rate",
    [
        _case(TELEMETRY, lambda bench, _: Reader(bench, 0.1, read_telemetry()), is_quick=True),
        _case(METRICS, lambda bench, socket: Reader(bench, 1, scrape_metrics(socket))),
        _case(TRACE, _command("trace", "-c", "0"), is_quick=True),
        _case(TRACE_DROP, _command("trace", "-c", "0", "--drop", "spoofed_ip")),
        _case(CAPTURE, _command("capture", "-w", "/dev/null"), is_quick=True),
        _case(CAPTURE_NONE, _command("capture", "-w", "/dev/null", "-f", "src host 192.0.2.1")),
        _case(CAPTURE_DROPS, _command("capture", "-w", "/dev/null", "--drops")),
    ],
)
