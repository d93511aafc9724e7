"""What podwarp counts, by its telemetry."""

from .bed import Node
from .telemetry import Entry


def drops(node: Node) -> dict[str, int]:
    """Frames dropped so far, by reason; reasons without any are left out or 0."""
    entries = node.podwarp.telemetry.entries("/podwarp/drops")
    return {entry["name"]: entry["frames"] for entry in entries}


def new_drops(node: Node, before: dict[str, int]) -> dict[str, int]:
    """Reasons that have become more since, and by how much."""
    now = drops(node)
    return {name: n - before.get(name, 0) for name, n in now.items() if n > before.get(name, 0)}


def addresses(node: Node) -> list[Entry]:
    """Who has which address, and what ARP is answered."""
    return node.podwarp.telemetry.entries("/podwarp/arp")
