"""Forwarding while the tables change: pods that come and go, some of them where frames go to."""

import json
import pathlib
from collections.abc import Sequence

from testbed.config import Config, to_yaml

from ..bench import Bench
from ..case import Case, Suite
from ..closed_loop import ClosedLoop
from ..contender import WARM_UP_SECONDS, Contender, Sample
from ..errors import BenchError
from ..frames import Traffic
from ..program import Program
from ..routes import Ranges

PROGRAM = "tests/bench/churn_load"
# How much of the changes asked for must have been made for the figure to be about them.
_ENOUGH = 0.95


class ChurningPodwarp(Contender):
    """churn_load: podwarp's own ports, workers and tables, and a control thread that is busy."""

    def __init__(self, bench: Bench, name: str, config: Config, changes_per_second: int) -> None:
        super().__init__(name)
        self._changes_per_second = changes_per_second
        self._load = bench.build / PROGRAM
        self._program = Program(bench.directory, bench.unique("churn"))
        self._file: pathlib.Path = bench.directory / f"{self._program.prefix}.yaml"
        self._config = {**config, "memory": {**config["memory"]}}
        self._config["memory"]["file_prefix"] = self._program.prefix

    def measure(self, seconds: float) -> Sample:
        self._file.write_text(to_yaml(self._config), encoding="utf-8")
        command = [str(self._load), f"--config={self._file}", f"--seconds={seconds}"]
        try:
            self._program.start([*command, f"--changes_per_second={self._changes_per_second}"])
            self._program.wait_until(r"^\{.*\}$", timeout=seconds + WARM_UP_SECONDS + 30)
            self._program.require_hugepages()
            said = next(line for line in self._program.output().splitlines() if line[:1] == "{")
        finally:
            self._program.end()
        measured: dict[str, float] = json.loads(said)
        if measured["changes_per_second"] < _ENOUGH * self._changes_per_second:
            raise BenchError(
                f"only {measured['changes_per_second']:,.0f} changes a second were made"
            )
        if measured["dropped"]:
            raise BenchError(f"{measured['dropped']:,.0f} frames were dropped that had a route")
        return Sample(
            measured["mpps"],
            measured["cycles_per_frame"],
            {name: measured[name] for name in ("changes_per_second", "lost")},
        )


def _contenders(bench: Bench) -> Sequence[Contender]:
    """All in one case, so that they take turns."""
    loop = ClosedLoop(bench, Traffic(Ranges(256)))
    rates = {"no changes": 0, "1 k changes/s": 1000, "100 k changes/s": 100_000}
    return [
        *(
            ChurningPodwarp(bench, f"podwarp, {name}", loop.config(), rate)
            for name, rate in rates.items()
        ),
        loop.testpmd("io"),
    ]


SUITE = Suite(
    "churn",
    "closed loop as in uplink, beside changes of single-pod routes and their adjacencies",
    [Case("256 ranges", _contenders, is_quick=True)],
)
