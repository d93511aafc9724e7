"""Where frames go: the prefixes that other nodes have, and addresses in them."""

import abc
import random
from collections.abc import Iterator
from dataclasses import dataclass

POD_RANGES = ["10.0.0.0/8", "172.16.0.0/12"]  # destinations, and the sources of frames
GATEWAY = "172.31.255.1"

_BASE = 10 << 24
_SEED = 10


class Layout(abc.ABC):
    """Prefixes, spread over nodes in turn."""

    nodes: int

    @abc.abstractmethod
    def prefixes(self) -> Iterator[str]:
        """All of them, in order: the i-th is node i % nodes'."""

    @abc.abstractmethod
    def destinations(self, count: int) -> Iterator[int]:
        """So many addresses that have a route."""

    def prefixes_by_node(self) -> list[list[str]]:
        by_node: list[list[str]] = [[] for _ in range(self.nodes)]
        for i, prefix in enumerate(self.prefixes()):
            by_node[i % self.nodes].append(prefix)
        return by_node


@dataclass(frozen=True)
class Ranges(Layout):
    """A range of 256 addresses a node."""

    nodes: int

    def prefixes(self) -> Iterator[str]:
        return (f"{dotted(_BASE + (i << 8))}/24" for i in range(self.nodes))

    def destinations(self, count: int) -> Iterator[int]:
        """Over the ranges in turn, then over a range's addresses."""
        for i in range(count):
            yield _BASE + (i % self.nodes << 8) + 1 + i // self.nodes % 254


@dataclass(frozen=True)
class SinglePods(Layout):
    """Routes to single addresses: so many in each /24, which belong to `nodes` nodes in turn."""

    pods: int
    per_24: int
    nodes: int = 256

    def address(self, i: int) -> int:
        # Not next to each other where there are few: 16 of 256 lie 16 apart.
        return _BASE + (i // self.per_24 << 8) + i % self.per_24 * (256 // self.per_24)

    def prefixes(self) -> Iterator[str]:
        return (f"{dotted(self.address(i))}/32" for i in range(self.pods))

    def destinations(self, count: int) -> Iterator[int]:
        """Each of the pods as likely as any other."""
        chance = random.Random(_SEED)
        return (self.address(chance.randrange(self.pods)) for _ in range(count))


def dotted(address: int) -> str:
    return ".".join(str(address >> shift & 255) for shift in (24, 16, 8, 0))
