"""Services: iperf3 by one and without, and what translation costs a frame, by how many connections
there are."""

import json
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

from testbed.bed import Node, TestBed
from testbed.command import run
from testbed.iperf import PORT

from ..bench import Bench
from ..case import Case, Suite
from ..contender import Contender, Sample
from ..errors import BenchError
from ..kernel_pods import PodwarpPods

NODES = {"one node": 1, "two nodes": 2}
BY_SERVICE, DIRECT = "by a service", "direct"
PLAIN, CALLS, ANSWERS = "plain", "calls", "answers"
ESTABLISHED = "cycles, 100 k connections"
STRESS = "4 M connections"

_SERVICE = "10.96.0.10"
_STRESS_SECONDS = 300  # at most, the minutes among them that connections take to expire
# As bench_service has them: of the table, and of what is in it.
_SIZES = {
    "cycles, 1 k connections": (1 << 20, 1 << 10),
    ESTABLISHED: (1 << 20, 100_032),
    "cycles, 1 M connections": (1 << 20, 15 << 16),
    "cycles, 4 M connections": (1 << 22, 15 << 18),
}


def iperf_case(nodes: str) -> str:
    return f"TCP, {nodes}"


class ServicePods(PodwarpPods):
    """The server is the only backend of a service."""

    target = _SERVICE

    def __init__(self, bench: Bench, *, nodes: int) -> None:
        super().__init__(bench, nodes=nodes, udp=False, name=f"podwarp, {BY_SERVICE}")

    def edit(self, bed: TestBed, node: Node) -> None:
        server = list(bed.nodes.values())[-1].pods[-1]
        backends = [{"address": server.address}]
        ports = [{"port": PORT, "backends": backends}]
        node.config["services"] = [{"name": "iperf3", "address": _SERVICE, "ports": ports}]


def _run(bench: Bench, program: str, *arguments: str, timeout: float) -> str:
    """What a program of the build writes. It dies with the bench."""
    file = bench.build / "tests/bench" / program
    if not file.exists():
        raise BenchError(f"{file} isn't built; tools/bench does it")
    return run("setpriv", "--pdeathsig", "KILL", str(file), *arguments, timeout=timeout).stdout


class TranslationCycles(Contender):
    """bench_service: the value is cycles a frame, of the worker's whole way."""

    _BENCHMARKS = {PLAIN: "BM_Plain", CALLS: "BM_Calls", ANSWERS: "BM_Answers"}

    def __init__(self, bench: Bench, case: str, way: str) -> None:
        super().__init__(f"podwarp, {way}")
        capacity, connections = _SIZES[case]
        self._bench = bench
        self._benchmark = f"{self._BENCHMARKS[way]}/capacity:{capacity}/connections:{connections}"

    def measure(self, seconds: float) -> Sample:
        file = pathlib.Path(self._bench.directory / f"{self._bench.unique('service')}.json")
        _run(
            self._bench,
            "bench_service",
            f"--benchmark_filter=^{self._benchmark}$",
            f"--benchmark_min_time={seconds}",
            f"--benchmark_out={file}",
            timeout=60 + 10 * seconds,
        )
        (said,) = json.loads(file.read_text(encoding="utf-8"))["benchmarks"]
        names = ("translated", "cycles_per_new_flow")
        return Sample(said["cycles_per_frame"], details={n: said[n] for n in names if n in said})


class ConnectionStress(Contender):
    """connection_load: opens them, uses them, opens more than there is room for, lets all expire.

    The value is how many of those that are there are used.
    """

    def __init__(self, bench: Bench) -> None:
        super().__init__("podwarp")
        self._bench = bench

    def measure(self, seconds: float) -> Sample:
        said = _run(
            self._bench,
            "connection_load",
            f"--seconds={seconds}",
            timeout=_STRESS_SECONDS + 2 * seconds,
        )
        steps: dict[str, Any] = json.loads(said.splitlines()[-1])
        if steps["expire"]["left"]:
            raise BenchError(f"{steps['expire']['left']:,} connections didn't expire")
        return Sample(
            steps["use"]["mpps"],
            steps["use"]["cycles_per_frame"],
            {
                "in_use": steps["open"]["in_use"],
                "memory_MiB": steps["memory_mib"],
                "of_MiB": steps["memory_computed_mib"],
                "open_Mpps": steps["open"]["mpps"],
                "flood_Mpps": steps["flood"]["mpps"],
                "dropped": sum(steps[step]["dropped_full"] for step in ("open", "use", "flood")),
                "kept_%": 100 * steps["flood"]["kept"] / steps["flood"]["in_use_meanwhile"],
                "expire_s": steps["expire"]["seconds"],
            },
        )


def _iperf(nodes: int) -> Callable[[Bench], Sequence[Contender]]:
    return lambda bench: [
        PodwarpPods(bench, nodes=nodes, udp=False, name=f"podwarp, {DIRECT}"),
        ServicePods(bench, nodes=nodes),
    ]


def _cycles(case: str) -> Callable[[Bench], Sequence[Contender]]:
    return lambda bench: [TranslationCycles(bench, case, way) for way in (PLAIN, CALLS, ANSWERS)]


SUITE = Suite(
    "services",
    "iperf3 between taps by a service's address and by the pod's; cycles a frame of translation",
    [
        *(
            Case(iperf_case(name), _iperf(n), "Gbit/s", is_quick=n == 1, floor=f"podwarp, {DIRECT}")
            for name, n in NODES.items()
        ),
        *(
            Case(
                name,
                _cycles(name),
                unit="cycles",
                more_is_better=False,
                is_quick=name == ESTABLISHED,
                floor=f"podwarp, {PLAIN}",
            )
            for name in _SIZES
        ),
        Case(STRESS, lambda bench: [ConnectionStress(bench)]),
    ],
)
