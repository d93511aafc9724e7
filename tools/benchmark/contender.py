"""What is measured: a program that does a case's work, and what it did."""

import abc
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from .errors import BenchError

WARM_UP_SECONDS = 1.0


@dataclass(frozen=True)
class Sample:
    """One measurement. `value` is in the case's unit; `details` are further figures by name."""

    value: float
    cycles_per_frame: float | None = None
    details: Mapping[str, float] = field(default_factory=dict)


class Contender(abc.ABC):
    """One program, ready to be measured as often as wanted. Between measurements it doesn't run."""

    def __init__(self, name: str) -> None:
        self.name = name

    @abc.abstractmethod
    def measure(self, seconds: float) -> Sample:
        """Starts it, measures it for so long after a warm-up, and ends it, whatever happens."""


@dataclass(frozen=True)
class Count:
    """What a forwarder has done until a moment of time.monotonic()."""

    when: float
    frames: int
    busy_cycles: float = 0  # of all its workers, where it knows; else 0
    drops: Mapping[str, int] = field(default_factory=dict)  # by reason, where it has any


class Forwarder(Contender):
    """A program that forwards frames by itself once it is started. The value is in Mpps.

    No frame may be dropped while it is measured, unless `may_drop` says so: dropping frames fast is
    no forwarding.
    """

    may_drop = False

    @abc.abstractmethod
    def start(self) -> None:
        """Returns when it forwards."""

    @abc.abstractmethod
    def end(self) -> None:
        """Ends it, whatever state it is in."""

    @abc.abstractmethod
    def count(self) -> Count:
        """Frames that have left it so far."""

    def measure(self, seconds: float) -> Sample:
        begin = time.monotonic()
        try:
            self.start()
            start_seconds = time.monotonic() - begin
            time.sleep(WARM_UP_SECONDS)
            before = self.count()
            time.sleep(seconds)
            after = self.count()
        finally:
            self.end()
        frames = after.frames - before.frames
        if frames <= 0:
            raise BenchError(f"{self.name} has forwarded no frame in {seconds:g} s")
        cycles = after.busy_cycles - before.busy_cycles
        return Sample(
            value=frames / (after.when - before.when) / 1e6,
            cycles_per_frame=cycles / frames if cycles > 0 else None,
            details={"start_s": round(start_seconds, 3), **self._dropped(before, after)},
        )

    def _dropped(self, before: Count, after: Count) -> dict[str, float]:
        """Raises BenchError if there are any and none may be."""
        new = {reason: n - before.drops.get(reason, 0) for reason, n in after.drops.items()}
        told = ", ".join(f"{n} as {reason}" for reason, n in new.items() if n > 0)
        if told and not self.may_drop:
            raise BenchError(f"{self.name} dropped frames that it was to forward: {told}")
        return {"dropped": sum(new.values())} if told else {}
