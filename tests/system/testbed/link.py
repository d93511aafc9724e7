"""Raw frames on an interface, by an AF_PACKET socket."""

import socket
import struct
import time
from collections.abc import Callable

from .namespace import Namespace

BROADCAST = "ff:ff:ff:ff:ff:ff"
ARP_REQUEST, ARP_REPLY = 1, 2
_ETH_P_ALL = 0x0003
_IPV4, _ARP = 0x0800, 0x0806
_OUTGOING = 4


class Link:
    """Sends and hears frames on one interface; a context manager."""

    def __init__(self, namespace: Namespace, interface: str = "eth0") -> None:
        with namespace.entered():
            self._socket = socket.socket(
                socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL)
            )
            self._socket.bind((interface, 0))

    def __enter__(self) -> "Link":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, frame: bytes) -> None:
        self._socket.send(frame)

    def hear(self, is_last: Callable[[bytes], bool], timeout: float = 5) -> list[bytes]:
        """The frames that came in until one is the last, it included. Raises TimeoutError."""
        end = time.monotonic() + timeout
        heard: list[bytes] = []
        while True:
            self._socket.settimeout(max(0.001, end - time.monotonic()))
            frame, address = self._socket.recvfrom(1 << 16)
            if address[2] == _OUTGOING:
                continue
            heard.append(frame)
            if is_last(frame):
                return heard


def mac_bytes(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))


def ethernet(destination: str, source: str, ether_type: int) -> bytes:
    return mac_bytes(destination) + mac_bytes(source) + struct.pack("!H", ether_type)


def arp(
    operation: int, sender: tuple[str, str], target: tuple[str, str], to: str = BROADCAST
) -> bytes:
    """An ARP frame; sender and target are a MAC and an address each."""
    body = struct.pack("!HHBBH", 1, _IPV4, 6, 4, operation)
    for mac, address in (sender, target):
        body += mac_bytes(mac) + socket.inet_aton(address)
    return ethernet(to, sender[0], _ARP) + body


def udp(macs: tuple[str, str], addresses: tuple[str, str], payload: bytes, port: int = 9) -> bytes:
    """A datagram; macs and addresses are source and destination. Without a UDP checksum."""
    length = 28 + len(payload)
    header = struct.pack("!BBHHHBBH", 0x45, 0, length, 0, 0, 64, socket.IPPROTO_UDP, 0)
    header += b"".join(map(socket.inet_aton, addresses))
    header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
    return (
        ethernet(macs[1], macs[0], _IPV4)
        + header
        + struct.pack("!HHHH", port, port, 8 + len(payload), 0)
        + payload
    )


def checksum(header: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(header) // 2}H", header))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
