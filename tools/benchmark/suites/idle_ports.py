"""What pods cost that have nothing to say: uplink to uplink, beside connected silent ports."""

import resource
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from testbed.command import wait_for
from testbed.config import Config
from testbed.light_peer import LightPeer, listen
from testbed.vhost import CLIENT, VhostPod

from ..bench import Bench
from ..case import Case, Suite
from ..closed_loop import ClosedLoop
from ..contender import Contender
from ..frames import Traffic
from ..podwarp import Podwarp
from ..pods import vhost_pods
from ..routes import Ranges

ALONE = "podwarp, alone"
SILENT = "podwarp, silent ports"
_FILES_BESIDE = 512  # open ones, beside two sockets for each guest
_CONNECT_SECONDS = 30


class BesideGuests(Podwarp):
    """podwarp, connected to guests with empty rings."""

    def __init__(self, bench: Bench, config: Config, pods: Sequence[VhostPod], name: str) -> None:
        super().__init__(bench, config | {"pods": [pod.config() for pod in pods]}, name=name)
        self._pods = pods
        self._guests = ExitStack()

    def start(self) -> None:
        _allow_files(2 * len(self._pods) + _FILES_BESIDE)
        listeners = []
        for pod in self._pods:
            pod.socket.unlink(missing_ok=True)
            listeners.append(listen(pod.socket))
            self._guests.callback(listeners[-1].close)
        super().start()
        for listener in listeners:
            self._guests.callback(LightPeer(listener.accept()[0]).close)
        _wait_until_up(self)

    def end(self) -> None:
        self._guests.close()
        super().end()


class BesideTaps(Podwarp):
    """podwarp with taps in a network namespace that ends with it. Nobody uses them."""

    def __init__(self, bench: Bench, config: Config, count: int, name: str) -> None:
        taps = [
            {
                "name": f"tap-{i}",
                "addresses": [f"10.255.{i >> 8}.{i & 255}"],
                "port": {"tap": {"interface": f"tap{i}"}},
            }
            for i in range(count)
        ]
        super().__init__(bench, config | {"pods": taps}, name=name, wrapper=["unshare", "--net"])

    def start(self) -> None:
        super().start()
        _wait_until_up(self)


def _wait_until_up(podwarp: Podwarp) -> None:
    def is_up() -> bool:
        return all(port["up"] for port in podwarp.telemetry.entries("/podwarp/ports"))

    wait_for(is_up, "all of podwarp's ports are up", timeout=_CONNECT_SECONDS)


def _allow_files(count: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))


def _beside(
    silent: Callable[[Bench, Config], Podwarp],
) -> Callable[[Bench], Sequence[Contender]]:
    def make(bench: Bench) -> Sequence[Contender]:
        loop = ClosedLoop(bench, Traffic(Ranges(256)))
        return [loop.podwarp(ALONE), silent(bench, loop.config())]

    return make


def _guests(count: int) -> Callable[[Bench], Sequence[Contender]]:
    return _beside(
        lambda bench, config: BesideGuests(bench, config, vhost_pods(bench, count, CLIENT), SILENT)
    )


def _taps(count: int) -> Callable[[Bench], Sequence[Contender]]:
    return _beside(lambda bench, config: BesideTaps(bench, config, count, SILENT))


SUITE = Suite(
    "idle-ports",
    "closed loop as in uplink, beside silent pods: guests that are connected, or taps",
    [
        Case("50 guests", _guests(50), floor=ALONE),
        Case("250 guests", _guests(250), is_quick=True, floor=ALONE),
        Case("1,000 guests", _guests(1000), floor=ALONE),
        Case("250 taps", _taps(250), is_quick=True, floor=ALONE),
    ],
)
