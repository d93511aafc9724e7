"""The nodes' tables and counters, as telemetry gives them."""

from demo.screen import Screen
from testbed.bed import TestBed
from testbed.telemetry import Entry

# Of each table what a newcomer wants to see; the answers have more.
COLUMNS = {
    "pods": ["name", "addresses", "mac", "up", "received_frames", "transmitted_frames"],
    "nodes": ["name", "mac", "underlay_address", "pod_ranges"],
    "arp": ["address", "owner", "kind", "answered_with", "next_hop_mac", "next_hop_port"],
    "workers": [
        "lcore", "busy_percent", "received_frames", "transmitted_frames", "dropped_frames",
        "originated", "consumed", "arp_answers", "icmp_errors",
    ],
}


def show_tables(bed: TestBed, screen: Screen) -> None:
    for node in bed.nodes.values():
        telemetry = node.podwarp.telemetry
        screen.text(f"\n{node.name}", indent=2)
        for table, columns in COLUMNS.items():
            entries = telemetry.entries(f"/podwarp/{table}")
            screen.table(table, _rows(entries, columns))
        drops = telemetry.ask("/podwarp/drops")
        seen = [[reason, str(count)] for reason, count in drops.items() if count > 0]
        screen.table("drops", [["reason", "frames"], *seen])


def _rows(entries: list[Entry], columns: list[str]) -> list[list[str]]:
    rows = [[_cell(entry.get(column, "")) for column in columns] for entry in entries]
    return [[column.replace("_", " ") for column in columns], *rows]


def _cell(value: object) -> str:
    return " ".join(map(_cell, value)) if isinstance(value, list) else str(value)
