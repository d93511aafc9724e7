"""ARP: how many answers a worker gives, and what a storm costs the others."""

from collections.abc import Callable, Sequence

from testbed.vhost import VhostPod

from .. import guests
from ..bench import Bench
from ..case import Case, Suite
from ..contender import Contender
from ..guest_load import GuestLoad, Said
from ..guest_loop import Loaded
from ..podwarp import Podwarp
from ..testpmd import Testpmd

FLOOR = "testpmd macswap"
ANSWERS = "answers"
PACED = "storm beside 3 Mpps"
FLAT_OUT = "storm beside all that goes"
QUIET, STORM = "podwarp, quiet", "podwarp, storm"
_BUFFERS = 16384


def _answers(said: Said) -> float:
    return float(said["arp"]["answers_per_second"]) / 1e6


def _received(said: Said) -> float:
    return float(said["received_mpps"])


def _details(said: Said) -> dict[str, float]:
    details = {"lost_%": 100 * said["lost"] / said["offered"]}
    if "arp" in said:
        details["requests/s"] = said["arp"]["requests_per_second"]
    return details


def _podwarp(bench: Bench, name: str, pods: Sequence[VhostPod], limit: int) -> Podwarp:
    config = guests.podwarp_config(pods) | {"limits": {"arp_per_second": limit}}
    ports = tuple(guests.port_name(pod) for pod in pods)
    return Podwarp(bench, config, ports, name=name, may_drop=True)


def _answering(bench: Bench) -> Sequence[Contender]:
    """The floor hands the same frames back to the guest that sent them."""
    pods = [guests.asker(bench.directory), guests.receiver(bench.directory)]
    asker = pods[0]
    reflector = Testpmd(
        bench,
        "macswap",
        [f"net_vhost0,iface={asker.socket},client=1"],
        buffers=_BUFFERS,
        ports=(0,),
        options=["--port-topology=loop", "--rxd=1024", "--txd=1024"],
    )
    forwarders = (_podwarp(bench, "podwarp", pods, 0), reflector)
    load = GuestLoad(bench, asker=asker)
    return [Loaded(each, load, bench.tsc_hz, _answers) for each in forwarders]


def _storm(**options: object) -> Callable[[Bench], Sequence[Contender]]:
    """With podwarp's limit of answers as it is by default, and without."""

    def make(bench: Bench) -> Sequence[Contender]:
        folder = bench.directory
        sender, receiver, asker = (
            guests.sender(folder),
            guests.receiver(folder),
            guests.asker(folder),
        )
        pods = (sender, receiver, asker)
        quiet = GuestLoad(bench, sender, receiver, options=options)
        storm = GuestLoad(bench, sender, receiver, asker, options=options)
        return [
            Loaded(_podwarp(bench, name, pods, limit), load, bench.tsc_hz, _received, _details)
            for name, limit, load in (
                (QUIET, 10_000, quiet),
                (STORM, 10_000, storm),
                (f"{STORM}, no limit", 0, storm),
            )
        ]

    return make


SUITE = Suite(
    "arp",
    "a guest that sends requests as fast as it can; traffic from pod to pod beside it",
    [
        Case(ANSWERS, _answering, unit="M/s", is_quick=True, floor=FLOOR),
        Case(PACED, _storm(rate_mpps=3, burst=32), is_quick=True, floor=QUIET),
        Case(FLAT_OUT, _storm(), floor=QUIET),
    ],
)
