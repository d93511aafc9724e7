"""Measures: contenders take turns, one at a time, for as many rounds as asked for."""

import sys
from collections.abc import Sequence

from testbed.command import CommandFailed

from .bench import Bench
from .case import Case, Suite
from .contender import Contender
from .errors import BenchError, Disturbed
from .quiet import wait_until_quiet
from .results import Results, Row

_FAILURES = (BenchError, CommandFailed, OSError, RuntimeError, TimeoutError)


class Runner:
    """Runs cases and gathers what they give. Tells on standard error what it does."""

    def __init__(self, bench: Bench, *, force: bool) -> None:
        self._bench = bench
        self._force = force
        self.results = Results()

    def run(self, suites: Sequence[tuple[Suite, Sequence[Case]]]) -> Results:
        """Stops when the machine is not quiet, which is a failure; by force it goes on."""
        for suite, cases in suites:
            for case in cases:
                try:
                    self._run_case(suite, case)
                except Disturbed as error:
                    self._note_failure(f"{suite.name}: {case.name}", error)
                    return self.results
        return self.results

    def _run_case(self, suite: Suite, case: Case) -> None:
        where = f"{suite.name}: {case.name}"
        say(f"{where}: getting ready")
        try:
            contenders = list(case.contenders(self._bench))
        except _FAILURES as error:
            self._note_failure(where, error)
            return
        rows = {c.name: Row(suite.name, case, c.name) for c in contenders}
        for number in range(self._bench.rounds):
            # There and back again, so that none always comes after the same other one.
            order = contenders if number % 2 == 0 else contenders[::-1]
            self._check_quiet()
            for contender in order:
                if contender.name in rows:
                    turn = f"{where}: round {number + 1} of {self._bench.rounds}: {contender.name}"
                    if not self._measure(turn, rows[contender.name], contender):
                        del rows[contender.name]
        self.results.rows += rows.values()

    def _measure(self, turn: str, row: Row, contender: Contender) -> bool:
        try:
            sample = contender.measure(self._bench.seconds)
        except _FAILURES as error:
            self._note_failure(turn, error)
            return False
        row.samples.append(sample)
        say(f"{turn}: {sample.value:.4g} {row.case.unit}")
        return True

    def _check_quiet(self) -> None:
        try:
            wait_until_quiet()
        except Disturbed as error:
            if not self._force:
                raise
            say(f"warning: {error}")
            self.results.disturbed.append(str(error))

    def _note_failure(self, where: str, error: Exception) -> None:
        say(f"{where}: {error}")
        self.results.failures.append(f"{where}: {error}")


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
