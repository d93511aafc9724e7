"""What podwarp must reach, as data: the work, the figure of the results, and its bound."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .results import PODWARP, Results, ratio
from .testpmd import FLOOR

Figure = Callable[[Results], float | None]


def of(suite: str, case: str, peer: str) -> Figure:
    """podwarp's median as a share of the peer's, in the same case."""
    return lambda results: ratio(results.row(suite, case, PODWARP), results.row(suite, case, peer))


def between(suite: str, case: str, variant: str, other: str) -> Figure:
    """podwarp's median in one variant as a share of its median in another."""
    return lambda results: ratio(
        *(results.row(suite, case, f"{PODWARP}, {name}") for name in (variant, other))
    )


def median(suite: str, case: str) -> Figure:
    def figure(results: Results) -> float | None:
        row = results.row(suite, case, PODWARP)
        return row.median if row else None

    return figure


def detail(suite: str, case: str, contender: str, name: str) -> Figure:
    """Something that the contender's samples say beside their value."""

    def figure(results: Results) -> float | None:
        row = results.row(suite, case, contender)
        return row.details.get(name) if row else None

    return figure


def gain(suite: str, case: str, peer: str) -> Figure:
    """What podwarp gains from a second worker, as a share of what the peer gains."""

    def gained(results: Results, who: str) -> float | None:
        one, two = (results.row(suite, case, f"{who}, {n}") for n in ("1 worker", "2 workers"))
        return ratio(two, one)

    def figure(results: Results) -> float | None:
        ours, theirs = gained(results, PODWARP), gained(results, peer)
        return ours / theirs if ours and theirs else None

    return figure


def unmeasured(_: Results) -> float | None:
    """For what no suite measures yet."""
    return None


@dataclass(frozen=True)
class Goal:
    """`figure` must be at least, or at most, `bound`."""

    work: str
    wants: str
    figure: Figure
    bound: float
    at_most: bool = False

    def verdict(self, results: Results) -> dict[str, Any]:
        """As JSON has it."""
        figure = self.figure(results)
        if figure is None:
            said = "not measured"
        elif (figure <= self.bound) if self.at_most else (figure >= self.bound):
            said = "met"
        else:
            said = "missed"
        return {
            "work": self.work,
            "wants": self.wants,
            "verdict": said,
            "figure": figure,
            "bound": self.bound,
            "at_most": self.at_most,
        }


_RANGES = ("uplink", "256 ranges")
_DENSE = ("uplink", "1 M pods, dense")

GOALS: Sequence[Goal] = (
    Goal("uplink to uplink, 256 ranges", f"0.75 of {FLOOR}", of(*_RANGES, FLOOR), 0.75),
    Goal("uplink to uplink, 256 ranges", "1.6 x VPP", of(*_RANGES, "VPP"), 1.6),
    Goal("uplink to uplink, 256 ranges", "3 x grout", of(*_RANGES, "grout"), 3),
    Goal("uplink to uplink, 256 ranges", "8 x OVS-DPDK", of(*_RANGES, "OVS-DPDK"), 8),
    Goal("1,000,000 single-pod routes, dense", f"0.6 of {FLOOR}", of(*_DENSE, FLOOR), 0.6),
    Goal("service translation", "at most 60 cycles a frame more", unmeasured, 60, at_most=True),
    Goal(
        "2 workers",
        f"0.95 of what {FLOOR} gains from a second core",
        gain("scale", "256 ranges", FLOOR),
        0.95,
    ),
    Goal(
        "100,000 table changes a second",
        "at most 5 % slower",
        between("churn", "256 ranges", "100 k changes/s", "no changes"),
        0.95,
    ),
    Goal(
        "100,000 table changes a second",
        "no frame lost",
        detail("churn", "256 ranges", f"{PODWARP}, 100 k changes/s", "lost"),
        0,
        at_most=True,
    ),
    Goal("idle node", "under 3 % of a core", median("idle", "no pods"), 3, at_most=True),
    Goal("idle node, 250 pods", "under 3 % of a core", median("idle", "250 pods"), 3, at_most=True),
)


def verdicts(results: Results) -> list[dict[str, Any]]:
    return [goal.verdict(results) for goal in GOALS]
