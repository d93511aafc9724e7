"""Uplink to uplink on one core: what routes, flows and frame sizes cost."""

from collections.abc import Callable, Sequence

from ..bench import Bench
from ..case import Case, Suite
from ..closed_loop import ClosedLoop
from ..contender import Contender
from ..frames import IMIX, Traffic
from ..routes import Ranges, SinglePods

RANGES = Ranges(256)
MILLION = 1_000_000
DENSE, SPARSE = 256, 16  # pods in each /24

# Frames that fit the memory and are many more than caches hold: nearly as good as one a pod.
_UNIFORM = 262_144


def _contenders(traffic: Traffic, with_peers: bool) -> Callable[[Bench], Sequence[Contender]]:
    def make(bench: Bench) -> Sequence[Contender]:
        loop = ClosedLoop(bench, traffic)
        contenders: list[Contender] = [loop.podwarp(), loop.testpmd("io"), loop.testpmd("macswap")]
        if bench.with_ovs and with_peers:
            contenders.append(loop.ovs())
        return contenders

    return make


def _case(name: str, traffic: Traffic, is_quick: bool = False) -> Case:
    """Other routers take part where they have the buffers for the frames, and whole ranges."""
    with_peers = isinstance(traffic.layout, Ranges) and traffic.frames <= 16384
    return Case(name, _contenders(traffic, with_peers), is_quick=is_quick)


def _pods(pods: int, per_24: int, flows: int = 16384) -> Traffic:
    return Traffic(SinglePods(pods, per_24), flows=flows, frames=flows)


def _sized(*sizes: int) -> Traffic:
    """So few frames that they lie in a cache, as those from a NIC do, however large they are.

    With 16,384 of them the floor itself swings threefold with what else uses the memory.
    """
    return Traffic(RANGES, flows=4096, frames=4096, sizes=sizes)


SUITE = Suite(
    "uplink",
    "closed loop on one core; 64 bytes and 16,384 flows, 4,096 where sizes are named",
    [
        _case("256 ranges", Traffic(RANGES), is_quick=True),
        _case("1 range", Traffic(Ranges(1))),
        _case("5,000 ranges", Traffic(Ranges(5000))),
        _case("1 k pods, dense", _pods(1000, DENSE)),
        _case("1 k pods, sparse", _pods(1000, SPARSE)),
        _case("100 k pods, dense", _pods(100_000, DENSE)),
        _case("100 k pods, sparse", _pods(100_000, SPARSE)),
        _case("1 M pods, dense", _pods(MILLION, DENSE)),
        _case("1 M pods, sparse", _pods(MILLION, SPARSE)),
        _case("1 M pods, dense, uniform", _pods(MILLION, DENSE, _UNIFORM)),
        _case("1 M pods, sparse, uniform", _pods(MILLION, SPARSE, _UNIFORM)),
        _case("256 ranges, 1 flow", Traffic(RANGES, flows=1)),
        _case("256 ranges, 1 k flows", Traffic(RANGES, flows=1024)),
        _case("256 ranges, 64 k flows", Traffic(RANGES, flows=65536, frames=65536)),
        _case("256 ranges, 128 bytes", _sized(128)),
        _case("256 ranges, 512 bytes", _sized(512)),
        _case("256 ranges, 1500 bytes", _sized(1500)),
        _case("256 ranges, IMIX", _sized(*IMIX), is_quick=True),
    ],
)
