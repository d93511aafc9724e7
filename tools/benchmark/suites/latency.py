"""How long frames take between guests: under load, and after pauses in which workers sleep."""

from collections.abc import Callable, Sequence

from ..bench import Bench
from ..case import Case, Suite
from ..contender import Contender
from ..guest_load import Said
from ..guest_loop import POD_TO_POD, GuestLoop, Loaded
from ..podwarp import Podwarp

_PERCENTILES = ("p99_us", "p999_us", "max_us")
LOADED = "loaded, 3 Mpps"
AFTER_IDLE = "after 20 ms without a frame"


def _median(said: Said) -> float:
    return float(said["p50_us"])


def _others(said: Said) -> dict[str, float]:
    return {name: float(said[name]) for name in _PERCENTILES}


def _podwarp(loop: GuestLoop, name: str, mode: str) -> Podwarp:
    podwarp = loop.podwarp(idle={"mode": mode})
    podwarp.name = name
    return podwarp


def _contenders(**options: object) -> Callable[[Bench], Sequence[Contender]]:
    def make(bench: Bench) -> Sequence[Contender]:
        loop = GuestLoop(bench, POD_TO_POD)
        forwarders = [
            _podwarp(loop, "podwarp", "adaptive"),
            _podwarp(loop, "podwarp, busy", "busy"),
            loop.testpmd("macswap"),
        ]
        load = loop.load(latency=True, **options)
        return [Loaded(each, load, bench.tsc_hz, _median, _others) for each in forwarders]

    return make


def _case(name: str, **options: object) -> Case:
    return Case(
        name,
        _contenders(**options),
        unit="us",
        more_is_better=False,
        is_quick=True,
        floor="testpmd macswap",
    )


SUITE = Suite(
    "latency",
    "pod to pod, 64 bytes: medians, with percentiles; podwarp adaptive unless said",
    [_case(LOADED, rate_mpps=3, burst=8), _case(AFTER_IDLE, gap_ms=20)],
)
