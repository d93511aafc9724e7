"""What a second worker is worth: two queues of frames, a core each."""

from collections.abc import Sequence

from ..bench import Bench
from ..case import Case, Suite
from ..closed_loop import ClosedLoop
from ..contender import Contender
from ..frames import Traffic
from ..routes import Ranges
from ..testpmd import FLOOR


def _contenders(bench: Bench) -> Sequence[Contender]:
    """All in one case, so that one and two workers take turns too."""
    contenders: list[Contender] = []
    for workers, variant in ((1, "1 worker"), (2, "2 workers")):
        loop = ClosedLoop(bench, Traffic(Ranges(256)), workers)
        contenders.append(loop.podwarp(f"podwarp, {variant}"))
        contenders.append(loop.testpmd("io", f"{FLOOR}, {variant}"))
    return contenders


SUITE = Suite(
    "scale",
    "closed loop as in uplink, one worker and two; with two, this bench has no core of its own",
    [Case("256 ranges", _contenders, is_quick=True)],
)
