"""Runs programs, and waits for conditions."""

import subprocess
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

# Only what hangs takes so long: what is merely slow, on however busy a machine, must not fail.
PATIENCE_SECONDS = 60


class CommandFailed(Exception):
    """A program ended with a status other than 0; says what it was and what it wrote."""


def run(
    *command: str, check: bool = True, timeout: float = PATIENCE_SECONDS
) -> subprocess.CompletedProcess[str]:
    """Runs a program to its end. Its output is in .stdout, errors among it."""
    try:
        result = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError as error:
        raise CommandFailed(f"{command[0]} is not installed; tools/deps installs it") from error
    except subprocess.TimeoutExpired as error:
        raise CommandFailed(f"{' '.join(command)}\nstill runs after {timeout:g} s") from error
    if check and result.returncode != 0:
        raise CommandFailed(f"{' '.join(command)}\nstatus {result.returncode}:\n{result.stdout}")
    return result


def wait_for(condition: Callable[[], T | None], what: str, timeout: float = PATIENCE_SECONDS) -> T:
    """Asks until the answer is true, and returns it. Raises TimeoutError(what)."""
    end = time.monotonic() + timeout
    while not (answer := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {timeout:g} s")
        time.sleep(0.02)
    return answer
