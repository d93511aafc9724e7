"""Pktgen-DPDK: its command lines and the Lua scripts that it is given.

The scripts in the folder pktgen/ are the same for everybody; what is a run's own, addresses and
rates, stands in settings.lua, which is written beside copies of them.
"""

import json
import math
import pathlib
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from .frames import ROUTER_MAC, SENDER_MAC
from .guests import RECEIVER_IP, RECEIVER_MAC, SENDER_IP
from .rfc2544 import FRAME_SIZES, LOSSES, Trial

RFC2544 = "rfc2544"
SCRIPTS = ("single_flow", "flows", "imix", "arp_storm", RFC2544)
UPLINK_IP, UPLINK_PEER_IP = "192.0.2.1", "192.0.2.2"  # who is asked by ARP on a wire, by whom
ARP_PCAP = "arp.pcap"
RESULTS = "results.jsonl"

Measured = tuple[str, Trial]  # with the name of what it is

_FOLDER = pathlib.Path(__file__).with_name("pktgen")
_COMMON = "common"
_SENDER, _RECEIVER = "0", "1"  # Pktgen's ports, in the order in which it is given them


@dataclass(frozen=True)
class Devices:
    """What Pktgen's two ports are: the first sends, the second receives."""

    arguments: Sequence[str]  # of DPDK's EAL
    lcores: str  # as DPDK's --lcores has them
    map: str  # Pktgen's -m: which lcore has which port
    sockets: Sequence[pathlib.Path] = ()  # that Pktgen makes

    @classmethod
    def physical(cls, ports: Sequence[str], cores: Sequence[int]) -> "Devices":
        """Two PCI addresses; a core for Pktgen itself and one each for the ports."""
        allowed = [word for port in ports for word in ("-a", port)]
        return cls(allowed, ",".join(map(str, cores)), f"{cores[1]}.0,{cores[2]}.1")

    @classmethod
    def pods(cls, sockets: Sequence[pathlib.Path], core: int) -> "Devices":
        """Two pods over virtio-user, whose sockets podwarp connects to; all on one core.

        The speed is what Pktgen takes as 100 %: a virtio device has none of its own. It wants some
        3 GiB, which here are ordinary pages.
        """
        vdevs = [
            f"--vdev=net_virtio_user{i},path={socket},mac={mac},server=1,"
            "queue_size=1024,speed=10000"
            for i, (socket, mac) in enumerate(zip(sockets, (SENDER_MAC, RECEIVER_MAC), strict=True))
        ]
        memory = ["--no-pci", "--no-huge", "-m", "4096", "--no-shconf"]
        return cls([*memory, *vdevs], f"0@{core},1@{core}", "1.[0-1]", sockets)


@dataclass(frozen=True)
class Settings:
    """What settings.lua says."""

    seconds: float
    gateway_mac: str = ROUTER_MAC
    source_mac: str = SENDER_MAC
    source_ip: str = SENDER_IP
    destination_ip: str = RECEIVER_IP
    arp_sender_ip: str = SENDER_IP
    arp_target_ip: str = RECEIVER_IP
    sizes: Sequence[int] = FRAME_SIZES
    losses: Sequence[float] = LOSSES
    resolution: float = 1.0
    source_port: int = 1024
    destination_port: int = 9
    results: str = RESULTS
    sender: str = field(default=_SENDER, init=False)
    receiver: str = field(default=_RECEIVER, init=False)

    @property
    def most_trials(self) -> int:
        """Of a search."""
        halvings = math.ceil(math.log2(100 / self.resolution))
        return len(self.sizes) * len(self.losses) * (1 + halvings)

    def lua(self) -> str:
        lines = (f"  {name} = {_lua(value)}," for name, value in asdict(self).items())
        return "\n".join(["return {", *lines, "}", ""])


def files(settings: Settings, scripts: Sequence[str]) -> Mapping[str, str]:
    """Everything that a run's folder has, but the capture file: contents by name."""
    names = [_COMMON, *scripts]
    copies = {f"{n}.lua": (_FOLDER / f"{n}.lua").read_text(encoding="utf-8") for n in names}
    return {"settings.lua": settings.lua(), **copies}


def command(pktgen: str, devices: Devices, script: str, prefix: str) -> list[str]:
    """Run it in the folder of the scripts."""
    streams = ["-s", f"{_SENDER}:{ARP_PCAP}"] if script == "arp_storm" else []
    return [
        *[pktgen, "--lcores", devices.lcores, f"--file-prefix={prefix}", *devices.arguments],
        *["--", "-P", "-m", devices.map, *streams, "-f", f"{script}.lua"],
    ]


def shown(pktgen: str, devices: Devices, settings: Settings, scripts: Sequence[str]) -> str:
    """The exact commands and files, for people; nothing is run."""
    lines = [f"# In a folder with the files below, and with {ARP_PCAP}: 64 times the same request,"]
    lines += [f"# who has {settings.arp_target_ip} tell {settings.arp_sender_ip}"]
    lines += [shlex.join(command(pktgen, devices, script, "pktgen")) for script in scripts]
    for name, text in files(settings, scripts).items():
        lines += ["", f"# --- {name}", text.rstrip()]
    return "\n".join([*lines, ""])


def measured(results: str) -> Iterator[Measured]:
    """The name of each measurement that scripts have reported, and what it was."""
    for line in results.splitlines():
        said = json.loads(line)
        name, sent, rate = said.pop("name"), said.pop("sent"), said.pop("rate")
        yield name, Trial(offered=sent, rate=rate, **said)


def _lua(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return "{ " + ", ".join(map(_lua, value)) + " }"
    return json.dumps(value)  # numbers and plain strings are the same in both
