"""What podwarp must reach, as data: the work, the figure of the results, and its bound."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .kernel_pods import LINUX
from .results import PODWARP, Results, ratio
from .suites import arp, changes, latency, observation, services, vhost
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


def cycles_above(suite: str, case: str, peer: str) -> Figure:
    """TSC cycles that a frame costs podwarp more than the peer, both busy all the time."""

    def figure(results: Results) -> float | None:
        rows = [results.row(suite, case, name) for name in (PODWARP, peer)]
        ours, theirs = (row.cycles_per_frame if row else None for row in rows)
        return ours - theirs if ours is not None and theirs is not None else None

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


def above(suite: str, case: str, variant: str, other: str) -> Figure:
    """What podwarp's median in one variant is more than its median in another."""

    def figure(results: Results) -> float | None:
        one, two = (results.row(suite, case, f"{PODWARP}, {name}") for name in (variant, other))
        return one.median - two.median if one and two else None

    return figure


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


def _vhost_goals() -> Iterator[Goal]:
    for way in vhost.WAYS:
        case = ("vhost", vhost.case_name(way))
        yield Goal(way.name, f"0.95 of {vhost.FLOOR}", of(*case, vhost.FLOOR), 0.95)
        yield Goal(way.name, "1.5 x OVS-DPDK", of(*case, "OVS-DPDK"), 1.5)
        yield Goal(way.name, "1 x VPP", of(*case, "VPP"), 1)


_RANGES = ("uplink", "256 ranges")
_DENSE = ("uplink", "1 M pods, dense")

GOALS: Sequence[Goal] = (
    Goal("uplink to uplink, 256 ranges", f"0.75 of {FLOOR}", of(*_RANGES, FLOOR), 0.75),
    Goal("uplink to uplink, 256 ranges", "1.6 x VPP", of(*_RANGES, "VPP"), 1.6),
    Goal("uplink to uplink, 256 ranges", "3 x grout", of(*_RANGES, "grout"), 3),
    Goal("uplink to uplink, 256 ranges", "8 x OVS-DPDK", of(*_RANGES, "OVS-DPDK"), 8),
    Goal("1,000,000 single-pod routes, dense", f"0.6 of {FLOOR}", of(*_DENSE, FLOOR), 0.6),
    *_vhost_goals(),
    *(
        Goal(
            f"service translation, {way}, 100 k connections",
            "at most 60 cycles a frame more",
            above("services", services.ESTABLISHED, way, services.PLAIN),
            60,
            at_most=True,
        )
        for way in (services.CALLS, services.ANSWERS)
    ),
    *(
        Goal(
            f"iperf3 by a service, {nodes}",
            "0.85 of the same path without",
            between("services", services.iperf_case(nodes), services.BY_SERVICE, services.DIRECT),
            0.85,
        )
        for nodes in services.NODES
    ),
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
    Goal(
        "bulk changes by the API, a million routes there",
        "100,000 a second",
        detail("changes", changes.BULK, changes.BULK_CHANGES, "changes_per_second"),
        100_000,
    ),
    Goal(
        "bulk changes by the API, a million routes there",
        "at most 5 % slower",
        between("changes", changes.BULK, "bulk changes", "no changes"),
        0.95,
    ),
    Goal(
        "one change by the API, a million routes there",
        "seen within 1 ms",
        median("changes", changes.ONE),
        1000,
        at_most=True,
    ),
    Goal(
        "ARP answer",
        f"at most 100 cycles above {vhost.FLOOR}",
        cycles_above("arp", arp.ANSWERS, vhost.FLOOR),
        100,
        at_most=True,
    ),
    Goal(
        "ARP storm on one port",
        "costs the others less than 5 %",
        between("arp", arp.PACED, "storm", "quiet"),
        0.95,
    ),
    *(
        Goal(
            f"{ports} silent, connected",
            "at most 5 % slower",
            between("idle-ports", ports, "silent ports", "alone"),
            0.95,
        )
        for ports in ("250 guests", "250 taps")
    ),
    *(
        Goal(
            f"watched: {case}",
            wants,
            between("observation", case, "watched", "nobody"),
            bound,
        )
        for case, wants, bound in (
            (observation.TELEMETRY, "costs less than 1 %", 0.99),
            (observation.METRICS, "costs less than 1 %", 0.99),
            (observation.TRACE, "costs less than 25 %", 0.75),
            (observation.TRACE_DROP, "costs less than 25 %", 0.75),
        )
    ),
    Goal(
        "kernel pods, one node, TCP",
        "0.5 of Linux's bridge and veth",
        of("kernel", "TCP, one node", LINUX),
        0.5,
    ),
    Goal(
        "first frame after idle",
        "within idle.max_sleep, 1 ms",
        detail("latency", latency.AFTER_IDLE, PODWARP, "max_us"),
        1000,
        at_most=True,
    ),
    Goal("idle node", "under 3 % of a core", median("idle", "no pods"), 3, at_most=True),
    Goal("idle node, 250 pods", "under 3 % of a core", median("idle", "250 pods"), 3, at_most=True),
)


def verdicts(results: Results) -> list[dict[str, Any]]:
    return [goal.verdict(results) for goal in GOALS]
