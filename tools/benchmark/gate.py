"""Whether podwarp has become slower, held against the floor, than a file says it was."""

import json
import pathlib
import statistics

from .errors import BenchError
from .results import Results, Row, ratio

FILE = pathlib.Path(__file__).with_name("baseline.json")
# What no run can tell from noise, however well its own rounds agree.
_LEAST_NOISE = 0.02

Baseline = dict[str, dict[str, dict[str, float]]]  # suite -> case -> ratio and noise


def measured(results: Results) -> Baseline:
    """Of podwarp, in all cases that have a floor."""
    baseline: Baseline = {}
    for row in results.rows:
        floor = results.floor(row)
        share = ratio(row, floor)
        if row.is_podwarp and floor is not None and share is not None:
            entry = {"ratio": round(share, 4), "noise": round(noise(row, floor), 4)}
            baseline.setdefault(row.suite, {})[row.case.name + row.variant] = entry
    return baseline


def noise(row: Row, floor: Row) -> float:
    """Half of what the ratios of single rounds spread over, quartiles where there are enough."""
    ratios = sorted(a / b for a, b in zip(row.values, floor.values) if b > 0)
    if len(ratios) >= 4:
        quartiles = statistics.quantiles(ratios, n=4)
        low, high = quartiles[0], quartiles[-1]
    else:
        low, high = ratios[0], ratios[-1]
    return max((high - low) / 2, _LEAST_NOISE)


def read(file: pathlib.Path = FILE) -> Baseline:
    try:
        baseline: Baseline = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BenchError(f"{file} is missing; --update-baseline writes it") from error
    except ValueError as error:
        raise BenchError(f"{file} is not JSON: {error}") from error
    return baseline


def update(results: Results, file: pathlib.Path = FILE) -> None:
    """Writes what was measured; other cases stay as they are in the file."""
    baseline: Baseline = read(file) if file.exists() else {}
    for suite, cases in measured(results).items():
        baseline.setdefault(suite, {}).update(cases)
    file.write_text(json.dumps(baseline, indent=2) + "\n", encoding="utf-8")


def fallen(results: Results, baseline: Baseline) -> list[str]:
    """A sentence a case that is below its baseline by more than noise explains."""
    sentences = []
    for suite, cases in measured(results).items():
        for case, now in cases.items():
            was = baseline.get(suite, {}).get(case)
            if was is None:
                continue
            allowed = max(was["noise"], now["noise"])
            if now["ratio"] < was["ratio"] - allowed:
                sentences.append(
                    f"{suite}: {case}: {now['ratio']:.3f} of the floor, was {was['ratio']:.3f} "
                    f"(noise {allowed:.3f})"
                )
    return sentences


def compared(results: Results, baseline: Baseline) -> int:
    """Cases that the file knows: with none, nothing was checked."""
    return sum(
        case in baseline.get(suite, {})
        for suite, cases in measured(results).items()
        for case in cases
    )
