"""RFC 2544's throughput: the highest rate at which no more frames are lost than may be.

Pure: whoever can run a trial gives a function that does. Rates are shares of the highest that the
generator can offer, in percent; what it really offered is in the trial.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

FRAME_SIZES = (64, 128, 256, 512, 1024, 1280, 1518)  # of the wire, frame check sequence included
LOSSES = (0.0, 0.1)  # percent
FULL_RATE = 100.0
TRIAL_SECONDS = 60  # what the RFC wants at least

_GAP_BYTES = 20  # preamble and the gap between frames, which a wire has beside each


@dataclass(frozen=True)
class Trial:
    """Frames at one rate for some time, and then time for the last of them to arrive."""

    size: int
    rate: float  # percent, as asked for
    seconds: float
    offered: int
    received: int
    note: str = ""  # what else is worth knowing of it

    @property
    def lost(self) -> int:
        return self.offered - self.received

    @property
    def loss(self) -> float:
        """Percent. Where nothing was offered, or more came than that, nothing is known: all."""
        return 100 * self.lost / self.offered if 0 <= self.lost < self.offered else 100.0

    @property
    def offered_mpps(self) -> float:
        return self.offered / self.seconds / 1e6

    @property
    def received_mpps(self) -> float:
        return self.received / self.seconds / 1e6

    @property
    def wire_gbps(self) -> float:
        """What the received frames would fill of a wire."""
        return self.received_mpps * (self.size + _GAP_BYTES) * 8 / 1e3


class Search:
    """The trials of one frame size. Those that one search has run serve the next."""

    def __init__(self, run: Callable[[float], Trial], resolution: float = 1.0) -> None:
        """`resolution`: percent between a rate that passed and the one that didn't."""
        if not 0 < resolution < FULL_RATE:
            raise ValueError(f"a resolution of {resolution:g} % is not between 0 and 100")
        self._run = run
        self._resolution = resolution
        self._trials: dict[float, Trial] = {}

    @property
    def trials(self) -> Sequence[Trial]:
        """All of them, in the order in which they were run."""
        return tuple(self._trials.values())

    def highest(self, loss: float) -> Trial | None:
        """Halves what is left between the highest rate that lost at most so many percent and the
        lowest above it that lost more. None if frames were lost at all rates tried.
        """
        passed: Trial | None = None
        low, high, rate = 0.0, FULL_RATE, FULL_RATE
        while low < FULL_RATE and high - low > self._resolution:
            if rate not in self._trials:
                self._trials[rate] = self._run(rate)
            trial = self._trials[rate]
            if trial.loss <= loss:
                passed, low = trial, rate
            else:
                high = rate
            rate = (low + high) / 2
        return passed


def best(trials: Iterable[Trial], size: int, loss: float) -> Trial | None:
    """The trial of this size that offered most, of those that lost at most so many percent.

    By what was offered, not by what was asked for: a generator may miss the one by the other.
    """
    passed = [trial for trial in trials if trial.size == size and trial.loss <= loss]
    return max(passed, key=lambda trial: trial.offered_mpps) if passed else None


def report(trials: Sequence[Trial], losses: Sequence[float], full_rate: str) -> str:
    """As people read it. `full_rate` says what 100 % is."""
    sizes = list(dict.fromkeys(trial.size for trial in trials))
    lines = [f"RFC 2544 throughput; rates are percent of {full_rate}", ""]
    lines.append("  size  loss borne   rate   offered    received       wire   lost")
    for size in sizes:
        for loss in losses:
            trial = best(trials, size, loss)
            lines.append(f"{size:>6}  {loss:>8g} %  {figures(trial) if trial else 'none passed'}")
    shortest = min((trial.seconds for trial in trials), default=TRIAL_SECONDS)
    if shortest < TRIAL_SECONDS:
        lines += ["", f"Trials of {shortest:.3g} s; RFC 2544 wants {TRIAL_SECONDS} s at least."]
    return "\n".join([*lines, "", "all trials", *_list(trials)])


def figures(trial: Trial) -> str:
    return (
        f"{trial.rate:5.1f}  {trial.offered_mpps:6.3f} Mpps {trial.received_mpps:6.3f} Mpps"
        f" {trial.wire_gbps:5.2f} Gbit/s  {trial.lost} ({trial.loss:.4f} %)"
    )


def _list(trials: Sequence[Trial]) -> Iterator[str]:
    yield "  size   rate   offered    received       wire   lost"
    for trial in trials:
        yield f"{trial.size:>6}  {figures(trial)}" + (f"  {trial.note}" if trial.note else "")
