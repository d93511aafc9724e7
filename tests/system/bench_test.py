"""tools/bench measures, and says in JSON what. No figure is checked: that is the bench's own work."""

import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
from typing import Any, cast

from testbed.case import binary
from testbed.command import run, wait_for

TOOLS = pathlib.Path(__file__).resolve().parents[2] / "tools"
sys.path.insert(0, str(TOOLS))

# pylint: disable=wrong-import-position
from benchmark import gate
from benchmark.bench import Bench, find_cores
from benchmark.case import Case
from benchmark.contender import Sample
from benchmark.errors import BenchError
from benchmark.frames import IMIX, Frames, Traffic
from benchmark.podwarp import Podwarp
from benchmark.quiet import disturbance
from benchmark.results import Results, Row
from benchmark.routes import Ranges
from benchmark.suites import observation
from benchmark.watchers import Command, Reader

FLOOR = "testpmd io"
# A podwarpctl, however late it is.
_FAILING = """\
#!/bin/sh
trap '' TERM
touch {}
echo no such pod >&2
exit 1
"""
NO_PODWARP = cast(Podwarp, None)  # for watchers that don't look at it


def a_bench(directory: pathlib.Path) -> Bench:
    """Whose programs are in that folder, too."""
    return Bench(directory, directory, rounds=1, seconds=1, cores=find_cores(), tsc_hz=1e9)


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    """What tools/bench starts when all is built."""
    build = pathlib.Path(binary()).resolve().parents[1]
    return subprocess.run(
        ["/usr/bin/python3", str(TOOLS / "benchmark"), *arguments, f"--build={build}"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


class Measuring(unittest.TestCase):
    """By force: CI's machines are never quiet."""

    def test_a_quick_look(self) -> None:
        result = bench("--quick", "--force", "-o", "json", "uplink")
        self.assertEqual(result.returncode, 0, result.stderr)
        document = json.loads(result.stdout)
        for key in ("cpu", "cores", "tsc_mhz", "hypervisor", "kernel", "dpdk", "compiler"):
            self.assertTrue(document["machine"][key], key)
        rows = {(row["case"], row["contender"]): row for row in document["rows"]}
        for case in ("256 ranges", "256 ranges, IMIX"):
            for contender in ("podwarp", FLOOR, "testpmd macswap"):
                with self.subTest(case=case, contender=contender):
                    self.check_row(rows[case, contender])
        self.assertEqual(len(rows), 6)
        verdicts = {goal["verdict"] for goal in document["goals"]}
        self.assertLessEqual(verdicts, {"met", "missed", "not measured"})
        self.assertIn("uplink: 256 ranges: round 1 of 1: podwarp: ", result.stderr)

    def test_a_look_while_watched(self) -> None:
        result = bench("--quick", "--force", "-o", "json", f"observation:{observation.TELEMETRY}")
        self.assertEqual(result.returncode, 0, result.stderr)
        document = json.loads(result.stdout)
        rows = {row["contender"]: row for row in document["rows"]}
        self.assertEqual(set(rows), {observation.NOBODY, observation.WATCHED})
        for row in rows.values():
            self.assertEqual(row["unit"], "% of quiet")
            self.assertTrue(0 < row["median"] and 0 < row["details"]["watched_mpps"], row)
        (goal,) = [g for g in document["goals"] if g["work"] == "watched: telemetry, 10 Hz"]
        self.assertIn(goal["verdict"], {"met", "missed"})

    def check_row(self, row: dict[str, Any]) -> None:
        self.assertEqual((row["suite"], row["unit"]), ("uplink", "Mpps"))
        self.assertTrue(0 < row["low"] <= row["median"] <= row["high"], row)
        self.assertEqual(len(row["samples"]), 1)
        self.assertGreater(row["cycles_per_frame"], 0)
        self.assertEqual(len(row["ratio_to"]), 2)
        self.assertGreater(row["ratio_to_floor"], 0)
        if row["contender"] == FLOOR:
            self.assertEqual(row["ratio_to_floor"], 1)

    def test_what_there_is_not(self) -> None:
        for arguments, words in (
            (["uplonk"], "no suite 'uplonk'; there are uplink, "),
            (["uplink:7 bytes", "--list"], "no case of uplink has '7 bytes'"),
            (["--rounds=0"], "'0' is not a number above 0"),
            (["--with=l3fwd"], "invalid choice: 'l3fwd'"),
        ):
            with self.subTest(arguments):
                result = bench(*arguments)
                self.assertNotEqual(result.returncode, 0)
                self.assertIn(words, result.stderr)
                self.assertNotIn("Traceback", result.stderr)


class WatchedInTurns(unittest.TestCase):
    """Of rates, quiet and watched in turn, which share is left."""

    def test_each_is_held_against_its_neighbours(self) -> None:
        self.assertEqual(observation.share([10, 9, 10]), 90)
        self.assertEqual(observation.share([8, 9, 10, 11, 12]), 100)  # a drift
        self.assertEqual(observation.share([10, 9, 10, 8, 10, 1, 10]), 80)  # an outlier

    def test_what_can_not_be_held(self) -> None:
        for rates in ([], [10], [10, 9], [10, 9, 10, 9]):
            with self.assertRaisesRegex(ValueError, "a quiet one"):
                observation.share(rates)

    def test_nobody_by_that_program(self) -> None:
        """What ends early didn't watch."""
        with tempfile.TemporaryDirectory() as directory:
            folder = pathlib.Path(directory)
            program = folder / "tools/podwarpctl/podwarpctl"
            program.parent.mkdir(parents=True)
            there = folder / "there"
            program.write_text(_FAILING.format(there), encoding="utf-8")
            program.chmod(0o755)
            watcher = Command(a_bench(folder), folder / "api", "trace")
            with self.assertRaisesRegex(BenchError, "go on watching: no such pod"):
                with watcher.watching(NO_PODWARP):
                    wait_for(there.exists, "it has begun")

    def test_a_reader_that_fails(self) -> None:
        def look(_: Podwarp) -> None:
            raise OSError("nobody is there")

        with tempfile.TemporaryDirectory() as directory:
            watcher = Reader(a_bench(pathlib.Path(directory)), 0.1, look)
            with self.assertRaisesRegex(BenchError, "the reader ended: nobody is there"):
                with watcher.watching(NO_PODWARP):
                    pass


class TheFrames(unittest.TestCase):
    def test_they_are_valid(self) -> None:
        """To tcpdump, which sums for itself."""
        with tempfile.TemporaryDirectory() as directory:
            traffic = Traffic(Ranges(256), flows=600, frames=600, sizes=IMIX)
            file = Frames(pathlib.Path(directory)).pcap(traffic)
            said = run("tcpdump", "-nnvv", "-r", str(file)).stdout
        self.assertEqual(said.count("[udp sum ok]"), 600)
        self.assertNotIn("bad cksum", said)
        lengths = [int(length) for length in re.findall(r"proto UDP \(17\), length (\d+)", said)]
        self.assertEqual({n + 18 for n in lengths}, set(IMIX))
        self.assertEqual(sum(n + 18 for n in lengths), 600 // len(IMIX) * sum(IMIX))


class Quiet(unittest.TestCase):
    def test_who_disturbs_is_named(self) -> None:
        with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as busy:
            try:
                self.assertRegex(
                    disturbance() or "nobody", r"\(process \d+\) takes \d+ % of a core"
                )
            finally:
                busy.kill()


class Gate(unittest.TestCase):
    def results(self, *podwarp: float, more_is_better: bool = True) -> Results:
        case = Case("case", lambda _: [], more_is_better=more_is_better)
        rows = {"podwarp": podwarp, FLOOR: [100.0] * len(podwarp)}
        return Results(
            [Row("suite", case, name, [Sample(v) for v in values]) for name, values in rows.items()]
        )

    def baseline(self, results: Results) -> gate.Baseline:
        with tempfile.TemporaryDirectory() as directory:
            file = pathlib.Path(directory) / "baseline.json"
            gate.update(results, file)
            return gate.read(file)

    def test_what_falls_by_more_than_noise(self) -> None:
        baseline = self.baseline(self.results(80, 80, 80, 80))
        self.assertEqual(gate.fallen(self.results(79, 79, 79, 79), baseline), [])
        (said,) = gate.fallen(self.results(70, 70, 70, 70), baseline)
        self.assertIn("suite: case: 0.700 of the floor, was 0.800", said)
        self.assertEqual(gate.fallen(self.results(66, 70, 76, 85), baseline), [])
        self.assertTrue(gate.fallen(self.results(20, 60, 70, 95), baseline))  # no such excuse

    def test_where_less_is_better(self) -> None:
        baseline = self.baseline(self.results(80, 80, more_is_better=False))
        self.assertEqual(gate.fallen(self.results(70, 70, more_is_better=False), baseline), [])
        self.assertTrue(gate.fallen(self.results(90, 90, more_is_better=False), baseline))

    def test_cases_that_the_file_does_not_know(self) -> None:
        self.assertEqual(gate.compared(self.results(80), self.baseline(self.results(80))), 1)
        self.assertEqual(gate.compared(self.results(80), {"suite": {"other": {}}}), 0)

    def test_the_file(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            file = pathlib.Path(directory) / "baseline.json"
            with self.assertRaisesRegex(BenchError, "--update-baseline"):
                gate.read(file)
            file.write_text("{", encoding="utf-8")
            with self.assertRaisesRegex(BenchError, "not JSON"):
                gate.read(file)
