"""What was measured: a row a contender of a case, its median and spread, and ratios."""

import statistics
from dataclasses import dataclass, field
from typing import Any

from .case import Case
from .contender import Sample

PODWARP = "podwarp"


@dataclass
class Row:
    """One contender's samples in one case, in the order of the rounds."""

    suite: str
    case: Case
    contender: str
    samples: list[Sample] = field(default_factory=list)

    @property
    def values(self) -> list[float]:
        return [sample.value for sample in self.samples]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def low(self) -> float:
        return min(self.values)

    @property
    def high(self) -> float:
        return max(self.values)

    @property
    def cycles_per_frame(self) -> float | None:
        cycles = [s.cycles_per_frame for s in self.samples if s.cycles_per_frame is not None]
        return statistics.median(cycles) if cycles else None

    @property
    def details(self) -> dict[str, float]:
        """Medians of what the samples say beside their value; of the worst, the worst."""
        names = {name for sample in self.samples for name in sample.details}
        return {
            name: (max if name.startswith("max_") else statistics.median)(
                s.details[name] for s in self.samples if name in s.details
            )
            for name in sorted(names)
        }

    @property
    def variant(self) -> str:
        """What follows the contender's own name: ", 2 workers". Compared is like with like."""
        return "".join(self.contender.partition(", ")[1:])

    @property
    def is_podwarp(self) -> bool:
        return self.contender == PODWARP + self.variant


@dataclass
class Results:
    """Of a whole run. `failures` and `disturbed` are sentences."""

    rows: list[Row] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    disturbed: list[str] = field(default_factory=list)

    def row(self, suite: str, case: str, contender: str) -> Row | None:
        """None if it was not measured."""
        for row in self.rows:
            if (row.suite, row.case.name, row.contender) == (suite, case, contender):
                return row
        return None

    def peers(self, row: Row) -> list[Row]:
        """The other contenders of the same case."""
        return [
            other
            for other in self.rows
            if (other.suite, other.case.name) == (row.suite, row.case.name) and other is not row
        ]

    def beside(self, row: Row, contender: str) -> Row | None:
        """The contender's row in the same case: of the same variant, if it has variants."""
        return self.row(row.suite, row.case.name, contender + row.variant) or self.row(
            row.suite, row.case.name, contender
        )

    def floor(self, row: Row) -> Row | None:
        return self.beside(row, row.case.floor)

    def describe(self, row: Row) -> dict[str, Any]:
        """The row as JSON has it."""
        floor = self.floor(row)
        return {
            "suite": row.suite,
            "case": row.case.name,
            "contender": row.contender,
            "unit": row.case.unit,
            "more_is_better": row.case.more_is_better,
            "median": row.median,
            "low": row.low,
            "high": row.high,
            "samples": row.values,
            "floor": floor.contender if floor else None,
            "ratio_to_floor": ratio(row, floor),
            "ratio_to": {peer.contender: ratio(row, peer) for peer in self.peers(row)},
            "cycles_per_frame": row.cycles_per_frame,
            "details": row.details,
        }


def ratio(row: Row | None, to: Row | None) -> float | None:
    """Of their medians; None where one is missing or zero."""
    if row is None or to is None or to.median == 0:
        return None
    return row.median / to.median
