"""Whether podwarp has become slower, held against the floor, than a file says it was."""

import json
import pathlib
import statistics
from collections.abc import Iterator
from dataclasses import dataclass

from .errors import BenchError
from .results import Results, Row, ratio

FILE = pathlib.Path(__file__).with_name("baseline.json")
# What no run can tell from noise, however well its own rounds agree; and noise that is no excuse.
_LEAST_NOISE, _MOST_NOISE = 0.02, 0.10

Baseline = dict[str, dict[str, dict[str, float]]]  # suite -> case -> ratio and noise


@dataclass(frozen=True)
class Share:
    """What podwarp's median is of the floor's, in one case."""

    suite: str
    case: str
    ratio: float
    noise: float
    more_is_better: bool


def shares(results: Results) -> Iterator[Share]:
    """Of all cases that have a floor."""
    for row in results.rows:
        floor = results.floor(row)
        share = ratio(row, floor)
        if row.is_podwarp and floor is not None and share is not None:
            case = row.case.name + row.variant
            yield Share(row.suite, case, share, noise(row, floor), row.case.more_is_better)


def noise(row: Row, floor: Row) -> float:
    """Half of what the ratios of single rounds spread over, quartiles where there are enough."""
    ratios = sorted(a / b for a, b in zip(row.values, floor.values) if b > 0)
    if len(ratios) >= 4:
        quartiles = statistics.quantiles(ratios, n=4)
        low, high = quartiles[0], quartiles[-1]
    else:
        low, high = ratios[0], ratios[-1]
    return min(max((high - low) / 2, _LEAST_NOISE), _MOST_NOISE)


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
    for now in shares(results):
        entry = {"ratio": round(now.ratio, 4), "noise": round(now.noise, 4)}
        baseline.setdefault(now.suite, {})[now.case] = entry
    file.write_text(json.dumps(baseline, indent=2) + "\n", encoding="utf-8")


def fallen(results: Results, baseline: Baseline) -> list[str]:
    """A sentence a case that is worse than its baseline by more than noise explains."""
    sentences = []
    for now in shares(results):
        was = baseline.get(now.suite, {}).get(now.case)
        if was is None:
            continue
        worse = was["ratio"] - now.ratio if now.more_is_better else now.ratio - was["ratio"]
        allowed = max(was["noise"], now.noise)
        if worse > allowed:
            sentences.append(
                f"{now.suite}: {now.case}: {now.ratio:.3f} of the floor, was {was['ratio']:.3f} "
                f"(noise {allowed:.3f})"
            )
    return sentences


def compared(results: Results, baseline: Baseline) -> int:
    """Cases that the file knows: with none, nothing was checked."""
    return sum(now.case in baseline.get(now.suite, {}) for now in shares(results))
