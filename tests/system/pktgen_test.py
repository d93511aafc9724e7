"""tools/bench pktgen and the guests of tools/bench: they run to their end, and say what they did."""

import json
import unittest

from bench_test import bench

PORTS = "0000:3b:00.0,0000:3b:00.1"


class DryRun(unittest.TestCase):
    def test_commands_and_scripts(self) -> None:
        result = bench("pktgen", "--dry-run", f"--ports={PORTS}", "--gateway-mac=02:00:00:00:00:99")
        self.assertEqual(result.returncode, 0, result.stderr)
        for script in ("single_flow", "flows", "imix", "arp_storm", "rfc2544"):
            with self.subTest(script):
                self.assertRegex(
                    result.stdout,
                    rf"(?m)^pktgen .* -a 0000:3b:00.0 -a 0000:3b:00.1 -- .* -f {script}\.lua$",
                )
                self.assertIn(f"# --- {script}.lua\n", result.stdout)
        self.assertIn('gateway_mac = "02:00:00:00:00:99"', result.stdout)
        self.assertIn("virtual_mac: ", result.stdout)  # podwarp's configuration

    def test_what_makes_no_sense(self) -> None:
        for arguments, words in (
            (["--sizes=60"], "60 bytes: frames have 64 to 1518"),
            (["--ports=0000:3b:00.0"], "2 are needed"),
            (["--socket=/run/a.sock"], "--socket: two are needed"),
            (["--generator=testpmd", "--script=imix"], "testpmd generates for --script rfc2544"),
            (["--generator=pktgen", "--pktgen=/nowhere/pktgen"], "there is no /nowhere/pktgen"),
        ):
            with self.subTest(arguments):
                result = bench("pktgen", *arguments)
                self.assertNotEqual(result.returncode, 0)
                self.assertIn(words, result.stderr)
                self.assertNotIn("Traceback", result.stderr)


class Search(unittest.TestCase):
    """With a resolution of 50 % there are two trials at most for each loss."""

    def search(self, generator: str) -> None:
        result = bench(
            *("pktgen", f"--generator={generator}", "--trial=0.3", "--sizes=64"),
            *("--resolution=50", "-o", "json"),
        )
        self.assertEqual(result.returncode, 0, result.stderr)
        trials = json.loads(result.stdout)
        self.assertIn(len(trials), (1, 2))
        for trial in trials:
            self.assertGreater(trial["offered"], 0)
            self.assertTrue(0 < trial["received"] <= trial["offered"], trial)

    def test_testpmd_is_a_generator(self) -> None:
        self.search("testpmd")

    def test_guest_load_is_a_generator(self) -> None:
        self.search("guest_load")


class Guests(unittest.TestCase):
    def test_a_quick_look_at_their_suites(self) -> None:
        cases = ("vhost:pod to pod, 64 bytes", "latency:after", "arp:answers")
        result = bench("--quick", "--force", "-o", "json", *cases)
        self.assertEqual(result.returncode, 0, result.stderr)
        rows = json.loads(result.stdout)["rows"]
        self.assertEqual({row["suite"] for row in rows}, {"vhost", "latency", "arp"})
        for row in rows:
            with self.subTest(suite=row["suite"], contender=row["contender"]):
                self.assertGreater(row["median"], 0)
