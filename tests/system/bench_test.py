"""tools/bench measures, and says in JSON what. No figure is checked: that is the bench's own work."""

import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
from typing import Any

from testbed.case import binary
from testbed.command import run

TOOLS = pathlib.Path(__file__).resolve().parents[2] / "tools"
sys.path.insert(0, str(TOOLS))

# pylint: disable=wrong-import-position
from benchmark import gate
from benchmark.case import Case
from benchmark.contender import Sample
from benchmark.errors import BenchError
from benchmark.frames import IMIX, Frames, Traffic
from benchmark.quiet import disturbance
from benchmark.results import Results, Row
from benchmark.routes import Ranges

FLOOR = "testpmd io"


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
