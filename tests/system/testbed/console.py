"""A program that is spoken to by its standard input and output."""

import os
import pathlib
import re
import subprocess
from collections.abc import Sequence

from .command import PATIENCE_SECONDS, wait_for


class Console:
    """Runs a program, types lines and reads what it says.

    Input is a FIFO that the program itself holds open, output a file: so the program outlives
    whoever started it, and nothing that it says stops it for want of a reader.
    """

    def __init__(self, directory: pathlib.Path, name: str) -> None:
        """Makes NAME.in and NAME.log in the directory."""
        self.name = name
        self.log_file = directory / f"{name}.log"
        self._fifo = directory / f"{name}.in"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None, f"{self.name} was not started"
        return self._process.pid

    def start(self, command: Sequence[str]) -> None:
        if not self._fifo.exists():
            os.mkfifo(self._fifo)
        # Both ends: the program then never meets the end of its input.
        fifo = os.open(self._fifo, os.O_RDWR)
        try:
            with self.log_file.open("wb") as log:
                self._process = subprocess.Popen(
                    command, stdin=fifo, stdout=log, stderr=log, start_new_session=True
                )
        finally:
            os.close(fifo)

    def say(self, line: str) -> int:
        """Types a line. Returns where in the output its consequences begin."""
        here = self.position()
        fifo = os.open(self._fifo, os.O_WRONLY | os.O_NONBLOCK)
        try:
            os.write(fifo, f"{line}\n".encode())
        finally:
            os.close(fifo)
        return here

    def position(self) -> int:
        return self.log_file.stat().st_size

    def output(self, since: int = 0) -> str:
        with self.log_file.open("rb") as log:
            log.seek(since)
            return log.read().decode(errors="replace")

    def wait_for(
        self, pattern: str, since: int = 0, timeout: float = PATIENCE_SECONDS
    ) -> re.Match[str]:
        """Waits until the output since that place has the pattern (of whole lines: ^ and $)."""

        def search() -> re.Match[str] | None:
            if found := re.search(pattern, self.output(since), re.MULTILINE):
                return found
            if not self.is_running():
                raise RuntimeError(f"{self.name} has ended:\n{self.output()}")
            return None

        try:
            return wait_for(search, f"{self.name} says {pattern!r}", timeout)
        except TimeoutError as error:
            raise TimeoutError(f"{error}, but:\n{self.output(since)[-2000:]}") from None

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """SIGKILL, if it still runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self, timeout: float = 10) -> None:
        """SIGTERM, if it still runs, and SIGKILL if that has not ended it in time."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
