"""tools/bench's command line."""

import argparse
import pathlib
from collections.abc import Callable, Sequence

from .case import Case, Suite
from .errors import BenchError
from .suites import SUITES

Chosen = list[tuple[Suite, list[Case]]]

ROUNDS, SECONDS = 4, 3.0
_QUICK_ROUNDS, _QUICK_SECONDS = 1, 1.0

_EPILOG = """\
SUITE may go on with a colon and a case's name, or a part of several names: uplink:pods. --list
beside all else shows what that amounts to.

Figures compare within one run only: contenders take turns on the same work, and what counts are
ratios. `tools/bench pktgen --help` tells of the generator for real wires.
"""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tools/bench",
        description="Measures podwarp beside other forwarders, on this machine.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("suites", nargs="*", metavar="SUITE", help="all by default; see --list")
    parser.add_argument("--list", action="store_true", help="show what would be measured, and end")
    parser.add_argument("--quick", action="store_true", help="few cases, a round of a second each")
    parser.add_argument("--rounds", type=_positive(int), help=f"of each case (default: {ROUNDS})")
    parser.add_argument(
        "--seconds", type=_positive(float), help=f"of each measurement (default: {SECONDS:g})"
    )
    parser.add_argument(
        "--with", dest="peers", action="append", default=[], choices=["ovs"],
        help="measure OVS-DPDK too; installs it if it is missing",
    )  # fmt: skip
    parser.add_argument("-o", dest="output", choices=["table", "json"], default="table")
    parser.add_argument(
        "--gate", action="store_true", help="fail if a case is slower than the baseline says"
    )
    parser.add_argument("--update-baseline", action="store_true", help="make this run the baseline")
    parser.add_argument(
        "--force", action="store_true", help="measure although other processes use the CPU"
    )
    parser.add_argument("--build", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    options.rounds = options.rounds or (_QUICK_ROUNDS if options.quick else ROUNDS)
    options.seconds = options.seconds or (_QUICK_SECONDS if options.quick else SECONDS)
    return options


def choose(wanted: Sequence[str], *, quick: bool) -> Chosen:
    """The suites and cases that were asked for. Raises BenchError for what there is not."""
    chosen: Chosen = []
    for word in wanted or [suite.name for suite in SUITES]:
        name, _, part = word.partition(":")
        suite = next((suite for suite in SUITES if suite.name == name), None)
        if suite is None:
            names = ", ".join(suite.name for suite in SUITES)
            raise BenchError(f"there is no suite {name!r}; there are {names}")
        named = [case for case in suite.cases if part == case.name] or [
            case for case in suite.cases if part in case.name
        ]
        if not named:
            raise BenchError(f"no case of {name} has {part!r} in its name; see --list")
        chosen.append((suite, [case for case in named if case.is_quick or part or not quick]))
    return chosen


def listing(chosen: Chosen) -> str:
    lines = []
    for suite, cases in chosen:
        lines.append(f"{suite.name}: {suite.about}")
        lines += [f"  {case.name}" for case in cases]
    return "\n".join(lines)


def _positive(kind: Callable[[str], float]) -> Callable[[str], float]:
    def parse_number(text: str) -> float:
        try:
            number = kind(text)
        except ValueError:
            number = 0
        if not 0 < number < 1e6:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
        return number

    return parse_number
