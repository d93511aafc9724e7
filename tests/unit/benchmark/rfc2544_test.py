"""RFC 2544's search, against forwarders that are known."""

import pathlib
import sys
import unittest
from collections.abc import Callable

_ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path[:0] = [str(_ROOT / "tools"), str(_ROOT / "tests/system")]

# pylint: disable=wrong-import-position
from benchmark import pktgen_scripts
from benchmark.pktgen_testpmd import Knobs, Model
from benchmark.rfc2544 import Search, Trial, best, report


def forwarder(capacity: float, size: int = 64) -> Callable[[float], Trial]:
    """Forwards so many percent of the full rate and loses the rest."""

    def run(rate: float) -> Trial:
        offered = round(rate * 10_000)
        received = min(offered, round(capacity * 10_000))
        return Trial(size=size, rate=rate, seconds=1, offered=offered, received=received)

    return run


class SearchTest(unittest.TestCase):
    def test_one_that_loses_nothing_needs_one_trial(self) -> None:
        search = Search(forwarder(100))
        passed = search.highest(0)
        self.assertIsNotNone(passed)
        self.assertEqual([trial.rate for trial in search.trials], [100])

    def test_the_highest_rate_is_found_to_the_resolution(self) -> None:
        for capacity in (1.5, 33, 50, 72.3, 99.5):
            with self.subTest(capacity):
                passed = Search(forwarder(capacity), resolution=0.5).highest(0)
                assert passed is not None
                self.assertLessEqual(passed.rate, capacity)
                self.assertGreater(passed.rate, capacity - 0.5)

    def test_loss_that_is_borne_allows_more(self) -> None:
        passed = Search(forwarder(50), resolution=0.1).highest(20)
        assert passed is not None
        self.assertAlmostEqual(passed.rate, 62.5, delta=0.1)  # 12.5 of 62.5 are lost

    def test_one_that_forwards_nothing_never_passes(self) -> None:
        search = Search(forwarder(0))
        self.assertIsNone(search.highest(0.1))
        self.assertEqual(len(search.trials), 8)  # 100 % halved until less than 1 is left

    def test_a_second_search_runs_no_trial_again(self) -> None:
        search = Search(forwarder(50))
        search.highest(0)
        search.highest(0)
        rates = [trial.rate for trial in search.trials]
        self.assertEqual(len(rates), len(set(rates)))
        self.assertEqual(len(rates), 8)

    def test_a_resolution_must_make_sense(self) -> None:
        for resolution in (0, -1, 100):
            with self.assertRaises(ValueError):
                Search(forwarder(50), resolution)


class TrialTest(unittest.TestCase):
    def test_figures(self) -> None:
        trial = Trial(size=64, rate=50, seconds=2, offered=2_000_000, received=1_999_000)
        self.assertEqual(trial.lost, 1000)
        self.assertAlmostEqual(trial.loss, 0.05)
        self.assertAlmostEqual(trial.offered_mpps, 1)
        self.assertAlmostEqual(trial.wire_gbps, 0.9995 * 84 * 8 / 1e3)

    def test_what_cannot_be_counts_as_all_lost(self) -> None:
        for offered, received in ((0, 0), (10, 11)):
            trial = Trial(size=64, rate=50, seconds=1, offered=offered, received=received)
            self.assertEqual(trial.loss, 100)


class ReportTest(unittest.TestCase):
    def test_the_best_is_what_offered_most_of_those_that_passed(self) -> None:
        trials = [forwarder(50)(rate) for rate in (100, 25, 50, 75)]
        trials += [forwarder(100, size=1518)(100)]
        passed = best(trials, 64, 0)
        assert passed is not None
        self.assertEqual(passed.rate, 50)
        self.assertIsNone(best(trials, 128, 0))

    def test_it_says_when_trials_are_too_short_and_when_none_passed(self) -> None:
        said = report([forwarder(0)(100)], [0.0], "the port's speed")
        self.assertIn("none passed", said)
        self.assertIn("RFC 2544 wants 60 s", said)


class PktgenTest(unittest.TestCase):
    def test_results_are_read_as_the_scripts_write_them(self) -> None:
        line = (
            '{"name": "IMIX", "size": 361, "rate": 100.0, "seconds": 2, "sent": 9, "received": 8}'
        )
        ((name, trial),) = pktgen_scripts.measured(line + "\n")
        self.assertEqual((name, trial.size, trial.offered, trial.lost), ("IMIX", 361, 9, 1))

    def test_settings_are_lua(self) -> None:
        lua = pktgen_scripts.Settings(seconds=1, sizes=[64, 1518]).lua()
        self.assertIn('  sender = "0",', lua)
        self.assertIn("  sizes = { 64, 1518 },", lua)

    def test_only_the_storm_needs_the_capture_file(self) -> None:
        devices = pktgen_scripts.Devices.physical(["0000:3b:00.0", "0000:3b:00.1"], [0, 1, 2])
        for script in pktgen_scripts.SCRIPTS:
            command = pktgen_scripts.command("pktgen", devices, script, "p")
            self.assertEqual("0:arp.pcap" in command, script == "arp_storm")


class ModelTest(unittest.TestCase):
    """A testpmd that takes 100 ns a frame, 40 for each burst, and 20 for each read."""

    def setUp(self) -> None:
        def seconds(knobs: Knobs) -> float:
            return (100 + 40 / knobs.burst + 20 * knobs.reads) * 1e-9

        self.seconds = seconds
        self.model = Model.fit(seconds(Knobs()), seconds(Knobs(burst=4)), seconds(Knobs(reads=20)))

    def test_times_are_hit(self) -> None:
        for wanted in (101e-9, 110e-9, 119e-9, 250e-9, 1e-6, 2e-5):
            with self.subTest(wanted):
                got = self.seconds(self.model.knobs(wanted))
                self.assertAlmostEqual(got / wanted, 1, delta=0.05)

    def test_it_is_never_asked_to_be_faster_than_it_is(self) -> None:
        self.assertEqual(self.model.knobs(50e-9), Knobs())


if __name__ == "__main__":
    unittest.main()
