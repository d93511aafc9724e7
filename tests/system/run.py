"""Runs system tests: `run.py --podwarp build/src/podwarp [reachability_test ...]`, all by default.

Status 0: all passed; 1: not; 77: skipped, for want of root. With CI=true in the environment nothing
may be skipped.
"""

import argparse
import os
import pathlib
import shutil
import signal
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

# pylint: disable=wrong-import-position
from testbed.bed import live_beds
from testbed.case import set_binary

PROGRAMS = ("ip", "ping", "arping", "traceroute", "iperf3", "ethtool", "nft", "sysctl", "setpriv")
SKIPPED = 77
LOG_LINES = 40


class Result(unittest.TextTestResult):
    """Shows what the podwarps wrote beside each failure."""

    def addFailure(self, test: unittest.TestCase, err: object) -> None:
        super().addFailure(test, err)  # type: ignore[arg-type]
        self._add_logs(self.failures)

    def addError(self, test: unittest.TestCase, err: object) -> None:
        super().addError(test, err)  # type: ignore[arg-type]
        self._add_logs(self.errors)

    @staticmethod
    def _add_logs(where: list[tuple[unittest.TestCase, str]]) -> None:
        test, words = where[-1]
        for bed in live_beds:
            for name, log in bed.logs().items():
                last = "\n".join(log.splitlines()[-LOG_LINES:])
                words += f"\n{name} wrote:\n{last}\n"
        where[-1] = (test, words)


def why_not() -> str:
    if os.geteuid() != 0:
        return "needs root, for network namespaces"
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    return f"not installed: {', '.join(missing)}; tools/deps installs them" if missing else ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--podwarp", required=True, help="the program to test")
    parser.add_argument("tests", nargs="*", help="modules, or module.Class.test_name")
    arguments = parser.parse_args()
    is_ci = os.environ.get("CI") == "true"
    if reason := why_not():
        print(f"{'FAILED' if is_ci else 'skipped'}: {reason}")
        return 1 if is_ci else SKIPPED
    set_binary(arguments.podwarp)
    names = arguments.tests or sorted(file.stem for file in HERE.glob("*_test.py"))
    suite = unittest.defaultTestLoader.loadTestsFromNames(names)
    result = unittest.TextTestRunner(verbosity=2, resultclass=Result).run(suite)
    if result.skipped and is_ci:
        print("FAILED: tests were skipped, which CI=true forbids")
        return 1
    return 0 if result.wasSuccessful() and result.testsRun else 1


if __name__ == "__main__":
    for end in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(end, lambda number, _: sys.exit(128 + number))
    sys.exit(main())
