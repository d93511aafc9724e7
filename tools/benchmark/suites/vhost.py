"""Guests' rings: pod to pod, pod to uplink, uplink to pod, on one core."""

from collections.abc import Callable, Iterator, Sequence

from ..bench import Bench
from ..case import Case, Suite
from ..contender import Contender
from ..guest_loop import POD_TO_POD, POD_TO_UPLINK, UPLINK_TO_POD, GuestLoop, Way

FLOOR = "testpmd macswap"
WAYS = (POD_TO_POD, POD_TO_UPLINK, UPLINK_TO_POD)


def case_name(way: Way, wire_bytes: int = 64, queues: int = 1, packed: bool = False) -> str:
    words = [way.name, f"{wire_bytes} bytes"]
    words += [f"{queues} queues"] if queues > 1 else []
    words += ["packed"] if packed else []
    return ", ".join(words)


def _contenders(
    way: Way, wire_bytes: int, queues: int, packed: bool
) -> Callable[[Bench], Sequence[Contender]]:
    return lambda bench: GuestLoop(bench, way, wire_bytes, queues, packed).contenders()


def _cases() -> Iterator[Case]:
    for way in WAYS:
        for wire_bytes in (64, 1500):
            for queues in (1, 2):
                for packed in (False, True):
                    what = (way, wire_bytes, queues, packed)
                    is_quick = what[1:] == (64, 1, False)
                    yield Case(case_name(*what), _contenders(*what), is_quick=is_quick, floor=FLOOR)


SUITE = Suite(
    "vhost",
    "guests with rings of 1,024 on the other core; one queue pair and split rings unless said",
    list(_cases()),
)
