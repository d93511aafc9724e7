"""A podwarp that is started here between two pods, and RFC 2544's search between these."""

import contextlib
from collections.abc import Callable, Iterator, Sequence

from testbed.vhost import VhostPod

from . import guests
from .bench import Bench
from .frames import Traffic
from .guest_load import GuestLoad, Said
from .pktgen_scripts import Settings
from .pktgen_testpmd import TestpmdGenerator
from .podwarp import Podwarp
from .rfc2544 import FULL_RATE, Search, Trial
from .runner import say

Pair = Sequence[VhostPod]  # who sends, and who receives


@contextlib.contextmanager
def two_pods(bench: Bench) -> Iterator[tuple[Podwarp, Pair]]:
    """podwarp runs, and has no limit to ARP: what it can do is wanted."""
    pair = (guests.sender(bench.directory), guests.receiver(bench.directory))
    config = guests.podwarp_config(pair) | {"limits": {"arp_per_second": 0}}
    podwarp = Podwarp(bench, config, may_drop=True)
    try:
        podwarp.start()
        yield podwarp, pair
    finally:
        podwarp.end()


def search_with_testpmd(
    bench: Bench, podwarp: Podwarp, pair: Pair, settings: Settings
) -> Iterator[Trial]:
    for size in settings.sizes:
        traffic = Traffic(guests.ToReceiver(), flows=256, frames=1024, sizes=(size,))
        with TestpmdGenerator(bench, podwarp, pair, traffic) as generator:
            yield from _search(generator.trial, settings)


def search_with_guest_load(
    bench: Bench, _: Podwarp, pair: Pair, settings: Settings
) -> Iterator[Trial]:
    for size in settings.sizes:
        load = _GuestLoads(bench, pair, size)
        yield from _search(load.trial, settings)


class _GuestLoads:
    """guest_load keeps a rate by the clock, whoever takes the frames; a run of it for each trial."""

    def __init__(self, bench: Bench, pair: Pair, size: int) -> None:
        self._bench = bench
        self._pair = pair
        self._size = size
        self._full_mpps = 0.0

    def trial(self, rate: float, seconds: float) -> Trial:
        if self._full_mpps == 0:
            self._full_mpps = self._run(0, 1)["offered_mpps"]
        said = self._run(self._full_mpps * rate / FULL_RATE, seconds)
        return Trial(
            size=self._size,
            rate=rate,
            seconds=said["seconds"],
            offered=said["offered"],
            received=said["received"],
        )

    def _run(self, mpps: float, seconds: float) -> Said:
        sender, receiver = self._pair
        pace = {"rate_mpps": mpps, "burst": 32}
        load = GuestLoad(self._bench, sender, receiver, wire_bytes=self._size, options=pace)
        with load.running(seconds) as running:
            running.wait_until_measuring()
            return running.result()


def _search(run: Callable[[float, float], Trial], settings: Settings) -> Sequence[Trial]:
    def told(rate: float) -> Trial:
        trial = run(rate, settings.seconds)
        say(
            f"{trial.size} bytes at {rate:.1f} %: offered {trial.offered_mpps:.3f} Mpps,"
            f" lost {trial.lost} ({trial.loss:.4f} %) {trial.note}".rstrip()
        )
        return trial

    search = Search(told, settings.resolution)
    for loss in settings.losses:
        search.highest(loss)
    return search.trials
