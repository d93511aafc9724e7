"""ping, and what it says."""

import re
from dataclasses import dataclass

from .namespace import Namespace


@dataclass(frozen=True)
class Ping:
    """The result of one run."""

    sent: int
    received: int
    average_ms: float | None
    output: str

    @property
    def ok(self) -> bool:
        return self.sent > 0 and self.received == self.sent


def ping(namespace: Namespace, target: str, *options: str, count: int = 1) -> Ping:
    """`options` are ping's own; -i 0.2 unless they say otherwise."""
    command = ["ping", "-n", "-i", "0.2", "-W", "2", "-c", str(count), *options, target]
    output = namespace.run(*command, check=False, timeout=60).stdout
    return parse(output)


def parse(output: str) -> Ping:
    counts = re.search(r"(\d+) packets transmitted, (\d+) received", output)
    average = re.search(r"rtt min/avg/max/mdev = [\d.]+/([\d.]+)/", output)
    return Ping(
        sent=int(counts[1]) if counts else 0,
        received=int(counts[2]) if counts else 0,
        average_ms=float(average[1]) if average else None,
        output=output,
    )
