"""What podwarp counts, by its telemetry."""

from .bed import Node
from .telemetry import Entry


def drops(node: Node) -> dict[str, int]:
    """Frames dropped so far, by reason."""
    counts: dict[str, int] = node.podwarp.telemetry.ask("/podwarp/drops,all")
    return counts


def new_drops(node: Node, before: dict[str, int]) -> dict[str, int]:
    """Reasons that have become more since, and by how much."""
    now = drops(node)
    return {name: n - before[name] for name, n in now.items() if n > before[name]}


def pods(node: Node) -> dict[str, Entry]:
    """What is known about each pod, by name without the namespace, in which they all are."""
    entries = node.podwarp.telemetry.entries("/podwarp/pods")
    return {entry["name"].removeprefix("default/"): entry for entry in entries}


def addresses(node: Node) -> list[Entry]:
    """Who has which address, and what ARP is answered."""
    return node.podwarp.telemetry.entries("/podwarp/arp")
