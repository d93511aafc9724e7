"""Ordinary containers: iperf3 between two, beside what Linux does for them by itself."""

from collections.abc import Callable, Sequence

from ..bench import Bench
from ..case import Case, Suite
from ..contender import Contender
from ..kernel_pods import LINUX, UDP_RATE, LinuxPods, PodwarpPods


def _contenders(nodes: int, udp: bool) -> Callable[[Bench], Sequence[Contender]]:
    return lambda bench: [
        PodwarpPods(bench, nodes=nodes, udp=udp),
        LinuxPods(bench, nodes=nodes, udp=udp),
    ]


def _case(name: str, nodes: int, udp: bool, is_quick: bool = False) -> Case:
    return Case(name, _contenders(nodes, udp), unit="Gbit/s", is_quick=is_quick, floor=LINUX)


SUITE = Suite(
    "kernel",
    "iperf3, one stream, between taps; Linux: veth and bridge on one node, routing between two",
    [
        _case("TCP, one node", 1, udp=False, is_quick=True),
        _case(f"UDP at {UDP_RATE}, one node", 1, udp=True),
        _case("TCP, two nodes", 2, udp=False),
        _case(f"UDP at {UDP_RATE}, two nodes", 2, udp=True),
    ],
)
