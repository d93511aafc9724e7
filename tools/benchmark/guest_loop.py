"""Forwarders between guests: vhost-user ports, with uplinks that need no NIC beside them.

The guests' core has to make all frames and take all of them: it may be the limit. So what a frame
costs the worker, and the share of time that it was busy, stand beside the rate.
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from testbed.config import Config
from testbed.vhost import VhostPod

from . import guests
from .bench import Bench
from .contender import Contender, Count, Forwarder, Sample
from .errors import BenchError
from .frames import ROUTER_MAC, Traffic
from .guest_load import GuestLoad, Said
from .ovs import Interface, Ovs, dpdk_interface, route_flows
from .podwarp import Podwarp
from .testpmd import Testpmd

_FRAMES = 1024  # of an uplink that never runs dry: as many as a guest's ring has
_BUFFERS = 16384
_WATCHED = 0.9  # of the time that the guests measure, the forwarder is watched
SWALLOW = "net_null0,no-rx=1"

Value = Callable[[Said], float]


class Loaded(Contender):
    """A forwarder that connects to guests, measured by what these say.

    `value` reads their figure. Without it what counts is what leaves the forwarder, in Mpps.
    """

    def __init__(
        self,
        forwarder: Forwarder,
        load: GuestLoad,
        tsc_hz: float,
        value: Value | None = None,
        details: Callable[[Said], dict[str, float]] = lambda said: {},
    ) -> None:
        super().__init__(forwarder.name)
        self._forwarder = forwarder
        self._load = load
        self._tsc_hz = tsc_hz
        self._value = value
        self._details = details

    def measure(self, seconds: float) -> Sample:
        with self._load.running(seconds) as running, self._started():
            running.wait_until_measuring()
            before = self._forwarder.count()
            time.sleep(seconds * _WATCHED)
            after = self._forwarder.count()
            said = running.result()
        return self._sample(said, before, after)

    @contextlib.contextmanager
    def _started(self) -> Iterator[None]:
        try:
            self._forwarder.start()
            yield
        finally:
            self._forwarder.end()

    def _sample(self, said: Said, before: Count, after: Count) -> Sample:
        elapsed = after.when - before.when
        left = (after.frames - before.frames) / elapsed / 1e6
        value = left if self._value is None else self._value(said)
        if value <= 0:
            raise BenchError(f"{self.name} has forwarded no frame")
        busy = (after.busy_cycles - before.busy_cycles) / elapsed
        per_second = 1e6 * left
        details = self._details(said)
        if isinstance(self._forwarder, Podwarp):
            details["busy_%"] = 100 * busy / self._tsc_hz
        return Sample(value, busy / per_second if busy and per_second else None, details)


def received(said: Said) -> float:
    return float(said["received_mpps"])


@dataclass(frozen=True)
class Way:
    """From where to where: a pod, or an uplink that makes or swallows frames without end."""

    name: str
    begins_at_pod: bool
    ends_at_pod: bool


POD_TO_POD = Way("pod to pod", True, True)
POD_TO_UPLINK = Way("pod to uplink", True, False)
UPLINK_TO_POD = Way("uplink to pod", False, True)


@dataclass(frozen=True)
class GuestLoop:
    """One way, and what goes there."""

    bench: Bench
    way: Way
    wire_bytes: int = 64
    queues: int = 1
    packed: bool = False

    def contenders(self) -> Sequence[Contender]:
        forwarders = [self.podwarp(), self.testpmd("macswap")]
        if self.bench.with_ovs:
            forwarders.append(self.ovs())
        value = received if self.way.ends_at_pod else None
        return [Loaded(each, self.load(), self.bench.tsc_hz, value) for each in forwarders]

    @property
    def sender(self) -> VhostPod | None:
        return guests.sender(self.bench.directory) if self.way.begins_at_pod else None

    @property
    def receiver(self) -> VhostPod | None:
        return guests.receiver(self.bench.directory) if self.way.ends_at_pod else None

    @property
    def pods(self) -> list[VhostPod]:
        return [pod for pod in (self.sender, self.receiver) if pod is not None]

    def load(self, **options: object) -> GuestLoad:
        return GuestLoad(
            self.bench,
            self.sender,
            self.receiver,
            wire_bytes=self.wire_bytes,
            options={"queue_pairs": self.queues, "packed": self.packed, **options},
        )

    def podwarp(self, **config: object) -> Podwarp:
        """What a full ring has no room for is lost: the guests are slower than an uplink."""
        ports = "default/receiver" if self.way.ends_at_pod else "out"
        return Podwarp(self.bench, self.config() | config, (ports,), may_drop=True)

    def config(self) -> Config:
        config = guests.podwarp_config(self.pods, self.queues)
        config["memory"] = {"buffers": _BUFFERS}
        if not self.way.begins_at_pod:
            config["uplinks"] = [{"name": "in", "vdev": self._source, "queues": self.queues}]
        if not self.way.ends_at_pod:
            config["uplinks"] = [{"name": "out", "vdev": SWALLOW, "queues": self.queues}]
            config["nodes"] = [
                {
                    "name": "receiver",
                    "virtual_mac": guests.RECEIVER_MAC,
                    "pod_ranges": [f"{guests.RECEIVER_IP}/32"],
                }
            ]
        return config

    def testpmd(self, mode: str) -> Testpmd:
        begin = self._vhost(0) if self.way.begins_at_pod else self._source
        end = self._vhost(1) if self.way.ends_at_pod else SWALLOW
        options = ["--rxd=1024", "--txd=1024"]
        return Testpmd(
            self.bench, mode, [begin, end], buffers=_BUFFERS, queues=self.queues, options=options
        )

    def ovs(self) -> Ovs:
        interfaces = [
            self._ovs_vhost("in", guests.sender(self.bench.directory))
            if self.way.begins_at_pod
            else dpdk_interface("in", self._source),
            self._ovs_vhost("out", guests.receiver(self.bench.directory))
            if self.way.ends_at_pod
            else dpdk_interface("out", SWALLOW),
        ]
        flows = route_flows([[guests.RECEIVER_IP]], [guests.RECEIVER_MAC], ROUTER_MAC)
        devices = () if self.way.ends_at_pod else (0,)
        return Ovs(self.bench, interfaces, flows, devices)

    @property
    def _source(self) -> str:
        traffic = Traffic(guests.ToReceiver(), flows=256, frames=_FRAMES, sizes=(self.wire_bytes,))
        files = ",".join([f"rx_pcap={self.bench.pcap(traffic)}"] * self.queues)
        return f"net_pcap0,{files},infinite_rx=1"

    def _vhost(self, number: int) -> str:
        pod = (guests.sender, guests.receiver)[number](self.bench.directory)
        return f"net_vhost{number},iface={pod.socket},client=1,queues={self.queues}"

    def _ovs_vhost(self, name: str, pod: VhostPod) -> Interface:
        return Interface(name, "dpdkvhostuserclient", {"vhost-server-path": str(pod.socket)})
