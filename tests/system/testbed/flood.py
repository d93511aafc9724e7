"""Pings as fast as answers come, of which none is called lost for being late.

ping -f -c N won't do, for its end: after the last request it waits for twice the longest round trip
so far, whatever -W says (iputils 20221126, __schedule_exit), so that on a busy machine an answer
that takes longer is missing though nothing was lost. Here nothing is lost before 10 s, for which no
frame in a testbed waits, and then it is said what.
"""

import itertools
import os
import select
import socket
import struct
import time

from .link import checksum
from .namespace import Namespace
from .ping import Ping

LOST_AFTER_SECONDS = 10
WINDOW = 16  # requests on the way: fewer than any ring there has room for
MOST_LOST = 16  # then no more is sent

_ECHO_REPLY, _UNREACHABLE, _ECHO_REQUEST, _TIME_EXCEEDED = 0, 3, 8, 11
_HEADER = struct.Struct("!BBHHH")  # type, code, checksum, identifier, sequence number
_identifiers = itertools.count(os.getpid())


def flood(namespace: Namespace, target: str, count: int, size: int = 56) -> Ping:
    """Sends `count` requests, of `size` bytes (an even number) behind the header."""
    return _Flood(namespace, target, size).run(count)


class _Flood:
    def __init__(self, namespace: Namespace, target: str, size: int) -> None:
        self._target = target
        self._payload = bytes(i & 0xFF for i in range(size))
        self._identifier = next(_identifiers) & 0xFFFF
        self._sent_at: dict[int, float] = {}  # of those unanswered, by number; the oldest is first
        self._round_trips: list[float] = []
        self._lost = 0
        self._remarks: list[str] = []
        with namespace.entered():
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        self._socket.setblocking(False)

    def run(self, count: int) -> Ping:
        sent = 0
        with self._socket:
            while True:
                while sent < count and self._lost < MOST_LOST and len(self._sent_at) < WINDOW:
                    sent += 1
                    self._send(sent)
                if not self._sent_at:
                    return self._result(sent)
                self._wait()
                # What has come is taken first: it isn't lost if we are the ones who are slow.
                self._receive()
                self._give_up()

    def _send(self, number: int) -> None:
        self._sent_at[number] = time.monotonic()
        try:
            self._socket.sendto(self._message(_ECHO_REQUEST, number), (self._target, 0))
        except OSError as error:
            self._lose(number, f"not sent: {error}")

    def _message(self, kind: int, number: int) -> bytes:
        body = (self._identifier, number)
        header = _HEADER.pack(kind, 0, 0, *body)
        return _HEADER.pack(kind, 0, checksum(header + self._payload), *body) + self._payload

    def _wait(self) -> None:
        oldest = next(iter(self._sent_at.values()))
        left = oldest + LOST_AFTER_SECONDS - time.monotonic()
        select.select([self._socket], [], [], max(0, left))

    def _receive(self) -> None:
        """All that is there: the socket hears whatever ICMP comes to the namespace."""
        while True:
            try:
                packet, (source, _) = self._socket.recvfrom(1 << 16)
            except BlockingIOError:
                return
            message = _behind_ip(packet)
            kind, code, _, identifier, number = _HEADER.unpack_from(message)
            if kind == _ECHO_REPLY and source == self._target and identifier == self._identifier:
                self._take_answer(number, message)
            elif kind in (_UNREACHABLE, _TIME_EXCEEDED):
                asked = _behind_ip(message[_HEADER.size :])
                _, _, _, identifier, number = _HEADER.unpack_from(asked)
                if identifier == self._identifier and number in self._sent_at:
                    self._lose(number, f"ICMP type {kind}, code {code} from {source}")

    def _take_answer(self, number: int, message: bytes) -> None:
        if number not in self._sent_at:
            self._remarks.append(f"icmp_seq={number}: one more answer, or one too late")
        elif message != self._message(_ECHO_REPLY, number):
            self._lose(number, "the answer has other bytes than the request")
        else:
            self._round_trips.append(time.monotonic() - self._sent_at.pop(number))

    def _give_up(self) -> None:
        end = time.monotonic() - LOST_AFTER_SECONDS
        for number in [n for n, sent_at in self._sent_at.items() if sent_at < end]:
            self._lose(number, f"no answer within {LOST_AFTER_SECONDS} s")

    def _lose(self, number: int, why: str) -> None:
        del self._sent_at[number]
        self._lost += 1
        self._remarks.append(f"icmp_seq={number}: {why}")

    def _result(self, sent: int) -> Ping:
        times = [1000 * seconds for seconds in self._round_trips]
        average = sum(times) / len(times) if times else None
        words = (
            f"{self._target}: {sent} requests of {len(self._payload)} bytes, {len(times)} answered"
        )
        if average is not None:
            words += f"; round trips min/avg/max {min(times):.3f}/{average:.3f}/{max(times):.3f} ms"
        return Ping(sent, len(times), average, "\n".join([words, *self._remarks]))


def _behind_ip(packet: bytes) -> bytes:
    return packet[4 * (packet[0] & 0xF) :]
