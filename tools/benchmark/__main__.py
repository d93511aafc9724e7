"""tools/bench: measures podwarp beside other forwarders, on this machine."""

import datetime
import importlib
import json
import pathlib
import shlex
import signal
import sys
import tempfile
from typing import Any

_TOOLS = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(_TOOLS), str(_TOOLS.parent / "tests/system")]

# pylint: disable=wrong-import-position
from benchmark import gate, goals, leftovers, machine, options, table
from benchmark.bench import Bench, find_cores
from benchmark.errors import BenchError
from benchmark.results import Results
from benchmark.runner import Runner, say
from testbed.command import CommandFailed

NAME = "tools/bench"


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["pktgen"]:
        status: int = importlib.import_module("benchmark.pktgen").main(arguments[1:])
        return status
    asked = options.parse(arguments)
    chosen = options.choose(asked.suites, quick=asked.quick)
    if asked.list:
        print(options.listing(chosen))
        return 0
    baseline = gate.read() if asked.gate else {}
    leftovers.remove_leftovers_of_others()
    tsc_hz = machine.tsc_hz()
    with tempfile.TemporaryDirectory(prefix=leftovers.name("")) as directory:
        bench = Bench(
            build=asked.build.resolve(),
            directory=pathlib.Path(directory),
            rounds=asked.rounds,
            seconds=asked.seconds,
            cores=find_cores(),
            tsc_hz=tsc_hz,
            with_ovs="ovs" in asked.peers,
        )
        results = Runner(bench, force=asked.force).run(chosen)
    report(asked.output, machine.describe(tsc_hz), arguments, results)
    if asked.update_baseline:
        gate.update(results)
        say(f"{NAME}: {gate.FILE} is up to date")
    is_slower = asked.gate and not passes(results, baseline)
    return 1 if results.failures or is_slower else 0


def report(output: str, about: dict[str, Any], arguments: list[str], results: Results) -> None:
    """Writes what was measured to standard output."""
    about = {
        "date": datetime.datetime.now().astimezone().isoformat(timespec="minutes"),
        "command": shlex.join([NAME, *without_build(arguments)]),
        **about,
    }
    verdicts = goals.verdicts(results)
    if output == "table":
        print(table.render(about, results, verdicts))
        return
    document = {
        "date": about.pop("date"),
        "command": about.pop("command"),
        "machine": about,
        "rows": [results.describe(row) for row in results.rows],
        "goals": verdicts,
        "failures": results.failures,
        "disturbed": results.disturbed,
    }
    print(json.dumps(document, indent=2))


def passes(results: Results, baseline: gate.Baseline) -> bool:
    """The gate's verdict, told on standard error."""
    count = gate.compared(results, baseline)
    if count == 0:
        raise BenchError(f"{gate.FILE} has none of the cases that were measured")
    slower = gate.fallen(results, baseline)
    for sentence in slower:
        say(f"slower: {sentence}")
    say(f"gate: {len(slower)} of {count} cases are slower than the baseline")
    return not slower


def without_build(arguments: list[str]) -> list[str]:
    """As the user typed it: tools/bench says where the programs are."""
    return [word for word in arguments if not word.startswith("--build=")]


if __name__ == "__main__":
    # So that everything is ended and removed however the bench ends.
    for end in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(end, lambda number, _: sys.exit(128 + number))
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit("\ninterrupted")
    except (BenchError, CommandFailed, OSError) as error:
        sys.exit(f"{NAME}: {error}")
