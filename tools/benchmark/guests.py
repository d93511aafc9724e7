"""Pods with vhost-user ports for podwarp, and who they are.

Whatever is in a pod listens on its socket, and podwarp connects: so what loads podwarp may come and
go while it runs.
"""

import pathlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from testbed.command import wait_for
from testbed.config import Config
from testbed.telemetry import Telemetry
from testbed.vhost import CLIENT, VhostPod

from .frames import ROUTER_MAC, SENDER_MAC, SOURCES
from .routes import GATEWAY, POD_RANGES, Layout, dotted

SENDER_IP = dotted(SOURCES)
RECEIVER_MAC, RECEIVER_IP = "02:00:00:00:00:03", "10.0.0.1"
ASKER_MAC, ASKER_IP = "02:00:00:00:00:04", "10.0.0.2"  # who storms with ARP

_SENDERS_RANGE = f"{dotted(SOURCES - 1)}/24"  # all sources of the frames that are made for suites


@dataclass(frozen=True)
class ToReceiver(Layout):
    """All frames are for the receiver."""

    nodes: int = 1

    def prefixes(self) -> Iterator[str]:
        return iter([f"{RECEIVER_IP}/32"])

    def destinations(self, count: int) -> Iterator[int]:
        address = int.from_bytes(bytes(map(int, RECEIVER_IP.split("."))), "big")
        return (address for _ in range(count))


def sender(directory: pathlib.Path) -> VhostPod:
    return _pod(directory, "sender", SENDER_IP, SENDER_MAC)


def receiver(directory: pathlib.Path) -> VhostPod:
    return _pod(directory, "receiver", RECEIVER_IP, RECEIVER_MAC)


def asker(directory: pathlib.Path) -> VhostPod:
    return _pod(directory, "asker", ASKER_IP, ASKER_MAC)


def port_name(pod: VhostPod) -> str:
    """As podwarp's telemetry has it."""
    return f"default/{pod.name}"


def podwarp_config(pods: Sequence[VhostPod], queues: int = 1) -> Config:
    """A node with these pods and nothing else."""
    entries = [pod.config(queues=queues) for pod in pods]
    for entry in entries:
        if entry["addresses"] == [SENDER_IP]:
            entry["allowed_prefixes"] = [_SENDERS_RANGE]
    return {
        "node_name": "bench",
        "virtual_mac": ROUTER_MAC,
        "gateway": {"address": GATEWAY},
        "pod_ranges": POD_RANGES,
        "idle": {"mode": "busy"},
        "pods": entries,
    }


def wait_until_up(telemetry: Telemetry, pods: Iterable[VhostPod], timeout: float = 20) -> None:
    """Raises TimeoutError, naming what is missing."""
    wanted = {port_name(pod) for pod in pods}

    def all_up() -> bool:
        ports = telemetry.entries("/podwarp/ports")
        return wanted <= {port["name"] for port in ports if port["up"]}

    wait_for(all_up, f"podwarp's ports of {', '.join(sorted(wanted))} are up", timeout)


def _pod(directory: pathlib.Path, name: str, address: str, mac: str) -> VhostPod:
    return VhostPod(name, address, mac, directory / f"{name}.sock", CLIENT)
