"""Results as people read them."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from .results import PODWARP, Results, Row, ratio

Cells = Sequence[str]

_HEADER = ("case", "", "median", "spread", "of floor", "podwarp is", "cycles/frame", "")

_LONG_START_SECONDS = 1  # only then is it worth a word


def render(machine: dict[str, Any], results: Results, verdicts: list[dict[str, Any]]) -> str:
    lines = [f"{name.replace('_', ' '):<11} {value}" for name, value in machine.items()]
    for suite, rows in groupby(results.rows, key=lambda row: row.suite):
        lines += ["", suite, *_columns([_HEADER, *_suite(results, list(rows))])]
    lines += ["", "goals", *_columns([_goal(verdict) for verdict in verdicts])]
    for title, said in (("failed", results.failures), ("disturbed", results.disturbed)):
        lines += ["", title, *(f"  {line}" for line in said)] if said else []
    return "\n".join(lines)


def number(value: float) -> str:
    """Three figures at least, and no false ones."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _suite(results: Results, rows: list[Row]) -> Iterator[Cells]:
    said = ""
    for row in rows:
        case = row.case.name
        yield (case if case != said else "", *_row(results, row))
        said = case


def _row(results: Results, row: Row) -> Cells:
    podwarp = results.beside(row, PODWARP)
    cycles = row.cycles_per_frame
    return (
        row.contender,
        f"{number(row.median)} {row.case.unit}",
        f"{number(row.low)} .. {number(row.high)}",
        _ratio(ratio(row, results.floor(row))),
        "" if row.is_podwarp else _ratio(ratio(podwarp, row), " x"),
        f"{cycles:.0f}" if cycles is not None else "",
        ", ".join(_details(row)),
    )


def _details(row: Row) -> Iterator[str]:
    for name, value in row.details.items():
        if name != "start_s" or value > _LONG_START_SECONDS:
            yield f"{name} {number(value)}"


def _ratio(value: float | None, suffix: str = "") -> str:
    return f"{value:.2f}{suffix}" if value is not None else ""


def _goal(verdict: dict[str, Any]) -> Cells:
    figure = verdict["figure"]
    said = number(figure) if figure is not None else ""
    return (verdict["work"], verdict["wants"], verdict["verdict"], said)


def _columns(rows: Sequence[Cells]) -> Iterator[str]:
    """Aligned, two blanks between; what stands last is as long as it likes."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield ("  " + "  ".join(cells)).rstrip()
