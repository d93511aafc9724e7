"""The nodes' tables and counters, as telemetry gives them."""

from demo.screen import Screen
from testbed.bed import Node, TestBed
from testbed.counters import drops

# What is shown of each: command under /podwarp/, title, and its columns with their headings.
TABLES = (
    (
        "arp",
        "addresses: what ARP is answered, and where a packet then goes",
        {
            "address": "address",
            "owner": "owner",
            "answered_with": "answered with",
            "next_hop_mac": "goes to",
            "next_hop_port": "by port",
        },
    ),
    (
        "nodes",
        "other nodes",
        {"name": "node", "mac": "virtual MAC", "pod_ranges": "pods", "uplink": "uplink"},
    ),
    (
        "ports",
        "ports",
        {
            "name": "port",
            "role": "role",
            "driver": "driver",
            "received_frames": "received",
            "transmitted_frames": "transmitted",
            "dropped_frames": "dropped",
        },
    ),
    (
        "workers",
        "workers",
        {
            "lcore": "lcore",
            "queues": "queues",
            "received_frames": "received",
            "transmitted_frames": "transmitted",
            "arp_answers": "ARP answers",
            "icmp_errors": "ICMP errors",
            "busy_percent": "busy %",
            "sleeps": "sleeps",
        },
    ),
)


def show_tables(bed: TestBed, screen: Screen) -> None:
    """Raises OSError if a node doesn't answer."""
    for node in bed.nodes.values():
        screen.subtitle(node.name)
        for command, title, columns in TABLES:
            entries = node.podwarp.telemetry.entries(f"/podwarp/{command}")
            rows = [[_cell(entry.get(key, "")) for key in columns] for entry in entries]
            screen.table(title, [list(columns.values()), *rows])
        _show_drops(node, screen)


def _show_drops(node: Node, screen: Screen) -> None:
    dropped = [[reason, str(frames)] for reason, frames in drops(node).items() if frames]
    screen.table("frames dropped", [["reason", "frames"], *dropped])


def _cell(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
