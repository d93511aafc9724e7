"""Who watches podwarp while it forwards. All of them run on the core that loads, not the worker's."""

import abc
import contextlib
import os
import pathlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from testbed.api import UnixConnection

from .bench import Bench
from .errors import BenchError
from .podwarp import Podwarp

COMMANDS = ("ports", "workers", "drops", "stages", "latency", "pods")
_BEGIN_SECONDS = 0.3  # in which a program has connected, and workers know that somebody watches
_END_SECONDS = 10


class Watcher(abc.ABC):
    """Watches a podwarp, as often as wanted."""

    @abc.abstractmethod
    def watching(self, podwarp: Podwarp) -> contextlib.AbstractContextManager[None]:
        """From its beginning to its end. Raises BenchError if it could not watch all the time."""


class Nobody(Watcher):
    """Takes the same time, and does nothing."""

    @contextlib.contextmanager
    def watching(self, podwarp: Podwarp) -> Iterator[None]:
        time.sleep(_BEGIN_SECONDS)
        yield


class Reader(Watcher):
    """Looks at regular times, as a thread of the bench's."""

    def __init__(self, bench: Bench, every_seconds: float, look: Callable[[Podwarp], None]) -> None:
        self._core = bench.cores.load
        self._every_seconds = every_seconds
        self._look = look

    @contextlib.contextmanager
    def watching(self, podwarp: Podwarp) -> Iterator[None]:
        is_over = threading.Event()
        errors: list[Exception] = []
        late = 0.0

        def read() -> None:
            nonlocal late
            os.sched_setaffinity(0, {self._core})  # of this thread alone
            due = time.monotonic()
            try:
                while not is_over.wait(max(0.0, due - time.monotonic())):
                    self._look(podwarp)
                    due += self._every_seconds
                    late = max(late, time.monotonic() - due)
            except Exception as error:  # pylint: disable=broad-exception-caught
                errors.append(error)

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        try:
            time.sleep(_BEGIN_SECONDS)
            yield
        finally:
            is_over.set()
            thread.join()
        if errors:
            raise BenchError(f"the reader ended: {errors[0]}") from errors[0]
        if late > self._every_seconds:
            # On a busy machine that may be: whoever reads the figures has to know.
            print(f"note: a look came {late:.1f} s late", file=sys.stderr)


class Command(Watcher):
    """A podwarpctl that runs until it is told to end. What it prints goes nowhere."""

    def __init__(self, bench: Bench, socket: pathlib.Path, *arguments: str) -> None:
        program = bench.build / "tools/podwarpctl/podwarpctl"
        if not program.exists():
            raise BenchError(f"{program} is missing; tools/build makes it")
        self._log = bench.directory / f"{bench.unique('podwarpctl')}.log"
        self._command = [
            *["setpriv", "--pdeathsig", "KILL"],
            *["taskset", "--cpu-list", str(bench.cores.load)],
            *[str(program), "--socket", str(socket), *arguments],
        ]

    @contextlib.contextmanager
    def watching(self, podwarp: Podwarp) -> Iterator[None]:
        with self._log.open("wb") as log, subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log
        ) as process:
            try:
                time.sleep(_BEGIN_SECONDS)
                yield
                has_ended = process.poll() is not None
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_END_SECONDS)
            finally:
                process.kill()
        if has_ended or process.returncode > 0:
            said = self._log.read_text(encoding="utf-8", errors="replace").strip()
            raise BenchError(f"podwarpctl didn't go on watching: {said or 'it said nothing'}")


def read_telemetry(commands: Sequence[str] = COMMANDS) -> Callable[[Podwarp], None]:
    def look(podwarp: Podwarp) -> None:
        for command in commands:
            podwarp.telemetry.ask(f"/podwarp/{command}")

    return look


def scrape_metrics(socket: pathlib.Path) -> Callable[[Podwarp], None]:
    def look(_: Podwarp) -> None:
        connection = UnixConnection(str(socket))
        with contextlib.closing(connection):
            connection.request("GET", "/metrics")
            answer = connection.getresponse()
            text = answer.read()
        if answer.status != 200 or not text:
            raise BenchError(f"/metrics answers {answer.status}: {text[:200]!r}")

    return look
