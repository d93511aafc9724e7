"""The API: how fast objects come, move and go while frames are forwarded, and how soon one is there."""

import statistics
import threading
import time
from collections.abc import Iterator, Sequence

from testbed.api import Api, Json
from testbed.config import Config

from ..bench import Bench
from ..case import Case, Suite
from ..closed_loop import ClosedLoop
from ..contender import Contender, Sample
from ..errors import BenchError
from ..frames import Traffic
from ..podwarp import Podwarp
from ..routes import Ranges, dotted

BULK = "a million routes there, bulk changes"
ONE = "a million routes there, one change"
BULK_CHANGES = "podwarp, bulk changes"
NO_CHANGES = "podwarp, no changes"

_ROUTES = 1_000_000  # that are there all the time
_CHANGED = 50_000  # that come, move and go
_FIRST = 10 << 24 | 128 << 16  # nodes' ranges lie below
_NODES = 256
_BODY = 100_000  # lines

Routes = range  # by number


def _address(number: int) -> str:
    return f"{dotted(_FIRST + number)}/32"


def _puts(routes: Routes, shift: int = 0) -> bytes:
    return "".join(
        f'{{"op":"put","kind":"route","object":{{"prefix":"{_address(i)}",'
        f'"node":"node-{(i + shift) % _NODES}"}}}}\n'
        for i in routes
    ).encode()


def _deletes(routes: Routes) -> bytes:
    return "".join(
        f'{{"op":"delete","kind":"route","key":"{_address(i)}"}}\n' for i in routes
    ).encode()


def _applied(answer: Json) -> int:
    if answer["failed"]:
        raise BenchError(f"{answer['failed']} changes failed: {answer['errors'][0]}")
    return int(answer["applied"])


class ApiPodwarp(Podwarp):
    """podwarp with an API, and a million routes that came by it."""

    def __init__(self, bench: Bench, config: Config, name: str) -> None:
        state = bench.directory / bench.unique("state")
        socket = state.with_suffix(".sock")
        api = {"socket": str(socket), "state": str(state)}
        super().__init__(bench, {**config, "api": api}, name=name)
        self.api = Api(socket)
        self._state = state

    def start(self) -> None:
        """Routes that were there before are there again."""
        is_new = not self._state.exists()
        super().start()
        if is_new:
            for first in range(0, _ROUTES, _BODY):
                _applied(self.api.bulk_text(_puts(range(first, first + _BODY))))
        there = self.api.get("/v1/status")["routes"]
        if there != _ROUTES:
            raise BenchError(f"there are {there:,} routes instead of {_ROUTES:,}")


class Quiet(ApiPodwarp):
    """Nothing changes."""


class Changing(ApiPodwarp):
    """Bulk changes, one after the other: routes come, move to other nodes, and go."""

    def __init__(self, bench: Bench, config: Config, name: str) -> None:
        super().__init__(bench, config, name)
        routes = range(_ROUTES, _ROUTES + _CHANGED)
        self._bodies = [_puts(routes), _puts(routes, shift=1), _deletes(routes)]

    def measure(self, seconds: float) -> Sample:
        sample = super().measure(seconds)
        return Sample(sample.value, sample.cycles_per_frame, {**sample.details, **self._said})

    _said: dict[str, float]

    def start(self) -> None:
        super().start()
        self._stop = threading.Event()
        self._times: list[tuple[float, int]] = []
        self._error: Exception | None = None
        self._changing = threading.Thread(target=self._change)
        self._changing.start()

    def end(self) -> None:
        if hasattr(self, "_changing"):
            self._stop.set()
            self._changing.join()
            del self._changing
        super().end()
        if self._error is not None:
            raise BenchError(f"the changes ended: {self._error}") from self._error
        seconds = sum(took for took, _ in self._times)
        changes = sum(count for _, count in self._times)
        self._said = {"changes_per_second": changes / seconds if seconds else 0}

    def _change(self) -> None:
        """All three, over and over, so that what is there at the end is what was at the start."""
        try:
            while not self._stop.is_set():
                for body in self._bodies:
                    begin = time.monotonic()
                    count = _applied(self.api.bulk_text(body))
                    self._times.append((time.monotonic() - begin, count))
        except Exception as error:  # pylint: disable=broad-exception-caught
            self._error = error


class OneChange(Contender):
    """A route comes, moves or goes: until `/v1/arp` says so on another connection, which asks all
    the time, and until the change is answered."""

    def __init__(self, podwarp: ApiPodwarp) -> None:
        super().__init__("podwarp")
        self._podwarp = podwarp

    def measure(self, seconds: float) -> Sample:
        try:
            self._podwarp.start()
            visible, answered = zip(*self._changes(time.monotonic() + seconds), strict=True)
        finally:
            self._podwarp.end()
        return Sample(
            statistics.median(visible),
            details={
                "p99_us": statistics.quantiles(visible, n=100)[98],
                "answered_us": statistics.median(answered),
            },
        )

    def _changes(self, end: float) -> Iterator[tuple[float, float]]:
        """Microseconds until it was seen, and until it was answered."""
        prefix = _address(_ROUTES)
        path = f"/v1/routes/{prefix}"
        question = f"/v1/arp?address={prefix.partition('/')[0]}"
        with self._podwarp.api.connect() as changing, self._podwarp.api.connect() as asking:
            while time.monotonic() < end:
                for node in ("node-1", "node-2", None):
                    body = None if node is None else {"prefix": prefix, "node": node}
                    begin = time.monotonic()
                    changing.send("DELETE" if body is None else "PUT", path, body)
                    wanted = "ranges" if node is None else f"node {node}"
                    while asking.ask("GET", question)["owner"] != wanted:
                        pass
                    seen = time.monotonic()
                    changing.receive()
                    yield (seen - begin) * 1e6, (time.monotonic() - begin) * 1e6


def _loop(bench: Bench) -> ClosedLoop:
    return ClosedLoop(bench, Traffic(Ranges(_NODES)))


def _bulk(bench: Bench) -> Sequence[Contender]:
    loop = _loop(bench)
    config = loop.config()
    return [
        Quiet(bench, config, NO_CHANGES),
        Changing(bench, config, BULK_CHANGES),
        loop.testpmd("io"),
    ]


def _one(bench: Bench) -> Sequence[Contender]:
    return [OneChange(ApiPodwarp(bench, _loop(bench).config(), "podwarp"))]


SUITE = Suite(
    "changes",
    "closed loop as in uplink, beside routes that come, move and go by the API",
    [
        Case(BULK, _bulk, is_quick=True),
        Case(ONE, _one, unit="us", more_is_better=False, is_quick=True, floor=""),
    ],
)
