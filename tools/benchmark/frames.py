"""Frames for forwarders to work on: valid UDP over IPv4, written as pcap files.

Sizes are those of the wire, frame check sequence included, as RFC 2544 counts them: a frame of 64
bytes takes 60 in memory.
"""

import hashlib
import pathlib
import random
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from .routes import Layout

FCS_BYTES = 4
HEADER_BYTES = 14 + 20 + 8
# The "simple IMIX": of 12 frames 7 are of 64 bytes, 4 of 594 and one of 1518.
IMIX = (64,) * 7 + (594,) * 4 + (1518,)

ROUTER_MAC = "02:00:00:00:00:01"  # who is measured
SENDER_MAC = "02:00:00:00:00:02"
SOURCES = (172 << 24) + (16 << 16) + 1  # 172.16.0.1 and the 249 after it

_SHUFFLE_SEED = 20


@dataclass(frozen=True)
class Traffic:
    """So many flows (addresses and ports) over the destinations of a layout, in random order.

    `frames` are all different places in memory, whatever the flows: so few flows don't mean that
    the frames come out of a nearer cache. `sizes` take turns.
    """

    layout: Layout
    flows: int = 16384
    frames: int = 16384
    sizes: tuple[int, ...] = (64,)
    seed: int = field(default=_SHUFFLE_SEED)


class Frames:
    """Makes pcap files in a folder, each once."""

    def __init__(self, directory: pathlib.Path) -> None:
        self._directory = directory

    def pcap(self, traffic: Traffic) -> pathlib.Path:
        digest = hashlib.sha256(repr(traffic).encode()).hexdigest()[:16]
        path = self._directory / f"frames-{digest}.pcap"
        if not path.exists():
            path.write_bytes(b"".join(pcap_records(make_frames(traffic))))
        return path


def make_frames(traffic: Traffic) -> list[bytes]:
    flows = [
        (SOURCES + i % 250, destination, 1024 + i % 60000)
        for i, destination in enumerate(traffic.layout.destinations(traffic.flows))
    ]
    sizes = traffic.sizes
    frames = [
        udp_frame(*flows[i % len(flows)], wire_bytes=sizes[i % len(sizes)])
        for i in range(traffic.frames)
    ]
    random.Random(traffic.seed).shuffle(frames)
    return frames


def udp_frame(source: int, destination: int, source_port: int, *, wire_bytes: int) -> bytes:
    """To the discard port, with nothing but zeros in it."""
    payload = bytes(wire_bytes - FCS_BYTES - HEADER_BYTES)
    udp_bytes = 8 + len(payload)
    pseudo_header = struct.pack("!IIBBH", source, destination, 0, 17, udp_bytes)
    ports = struct.pack("!HHH", source_port, 9, udp_bytes)
    udp = ports + struct.pack("!H", _checksum(pseudo_header + ports) or 0xFFFF)
    ip = struct.pack("!BBHHHBBHII", 0x45, 0, 20 + udp_bytes, 0, 0, 64, 17, 0, source, destination)
    ip = ip[:10] + struct.pack("!H", _checksum(ip)) + ip[12:]
    return mac_bytes(ROUTER_MAC) + mac_bytes(SENDER_MAC) + b"\x08\x00" + ip + udp + payload


def mac_bytes(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))


def _checksum(header: bytes) -> int:
    """RFC 1071, over an even number of bytes."""
    total: int = sum(struct.unpack(f"!{len(header) // 2}H", header))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def pcap_records(frames: Iterable[bytes]) -> Iterator[bytes]:
    """The parts of a capture file with these frames."""
    yield struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    for frame in frames:
        yield struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame
