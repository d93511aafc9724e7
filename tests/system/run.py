"""Runs system tests: `run.py --podwarp build/src/podwarp [reachability_test ...]`, all by default.

Speaks the Test Anything Protocol, so that meson counts the cases. Status 0: none failed. Without
root, or without the programs needed, all is skipped; with CI=true in the environment that fails.
"""

import argparse
import os
import pathlib
import shutil
import signal
import sys
import traceback
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

# pylint: disable=wrong-import-position
from testbed.bed import live_beds
from testbed.case import set_binary

PROGRAMS = (
    *("ip", "ping", "arping", "traceroute", "iperf3", "ethtool", "nft", "sysctl", "setpriv"),
    *("dpdk-testpmd", "qemu-system-x86_64", "busybox", "/usr/lib/cni/host-local", "podman", "runc"),
    "promtool",
    *("curl", "tshark", "dpdk-testpmd", "qemu-system-x86_64", "busybox", "podman", "runc"),
    "/usr/lib/cni/host-local",
)
IS_CI = os.environ.get("CI") == "true"
LOG_LINES = 40


class Ended(KeyboardInterrupt):
    """By a signal. unittest lets it pass; SystemExit would be one more failure of a case or of a
    part of it, and the run went on.
    """


class Result(unittest.TestResult):
    """A line for each case on stdout, and all about failures on stderr, of which meson shows the end:
    so what the podwarps wrote comes at once, and what failed when all is over.
    """

    number = 0

    def __init__(self) -> None:
        super().__init__()
        self._failed_in_parts: set[str] = set()
        self._reasons: list[str] = []

    def addSuccess(self, test: unittest.TestCase) -> None:
        self._tell("ok", test)

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        super().addSkip(test, reason)
        self._tell("not ok" if IS_CI else "ok", test, "" if IS_CI else f" # SKIP {reason}")

    def addFailure(self, test: unittest.TestCase, err: object) -> None:
        super().addFailure(test, err)  # type: ignore[arg-type]
        self._tell_failure(test, self.failures[-1][1])

    def addError(self, test: unittest.TestCase, err: object) -> None:
        super().addError(test, err)  # type: ignore[arg-type]
        self._tell_failure(test, self.errors[-1][1])

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: object) -> None:
        """A case counts once, however many of its parts fail."""
        super().addSubTest(test, subtest, err)  # type: ignore[arg-type]
        if err is not None:
            is_failure = issubclass(err[0], test.failureException)  # type: ignore[index]
            words = (self.failures if is_failure else self.errors)[-1][1]
            self._explain(subtest, words)
            self._failed_in_parts.add(test.id())

    def stopTest(self, test: unittest.TestCase) -> None:
        super().stopTest(test)
        if test.id() in self._failed_in_parts:
            self._tell("not ok", test)

    def _tell_failure(self, test: unittest.TestCase, words: str) -> None:
        self._failed_in_parts.discard(test.id())
        self._tell("not ok", test)
        self._explain(test, words)

    def _explain(self, test: unittest.TestCase, words: str) -> None:
        self._reasons.append(f"{test.id()}\n{words}")
        for bed in live_beds:
            for name, log in bed.logs().items():
                last = "\n".join(log.splitlines()[-LOG_LINES:])
                print(f"{test.id()}: {name} wrote:\n{last}", file=sys.stderr, flush=True)

    def tell_reasons(self) -> None:
        """What failed, as far as it wasn't told yet."""
        for reason in self._reasons:
            print(reason, file=sys.stderr, flush=True)
        self._reasons.clear()

    def _tell(self, verdict: str, test: unittest.TestCase, remark: str = "") -> None:
        self.number += 1
        print(f"{verdict} {self.number} - {test.id()}{remark}", flush=True)


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
    if reason := why_not():
        print("1..1\nnot ok 1 - " + reason if IS_CI else f"1..0 # SKIP {reason}")
        return 1 if IS_CI else 0
    set_binary(arguments.podwarp)
    names = arguments.tests or sorted(file.stem for file in HERE.glob("*_test.py"))
    suite = unittest.defaultTestLoader.loadTestsFromNames(names)
    print(f"1..{suite.countTestCases()}", flush=True)
    result = Result()
    try:
        suite.run(result)
    except Ended as ended:
        # First of all, since SIGKILL may follow.
        traceback.print_exc()
        result.tell_reasons()
        for bed in live_beds[:]:
            bed.remove()
        return 128 + int(ended.args[0])
    result.tell_reasons()
    return 0 if result.wasSuccessful() else 1


def end_by_signal(number: int, _: object) -> None:
    raise Ended(number)


if __name__ == "__main__":
    for end in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(end, end_by_signal)
    sys.exit(main())
