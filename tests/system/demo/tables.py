"""The nodes' tables and counters, as telemetry gives them."""

from demo.screen import Screen
from testbed.bed import Node, TestBed
from testbed.telemetry import Entry

TABLES = ("pods", "nodes", "ports", "arp", "workers", "drops")


def show_tables(bed: TestBed, screen: Screen) -> None:
    for node in bed.nodes.values():
        screen.text(f"\n{node.name}", indent=2)
        for name in TABLES:
            entries = _entries(node, name)
            if entries:
                screen.table(name, _rows(entries))


def _entries(node: Node, table: str) -> list[Entry]:
    telemetry = node.podwarp.telemetry
    # A podwarp without this table still shows the others.
    command = f"/podwarp/{table}"
    if not telemetry.knows(command):
        return []
    return telemetry.entries(command)


def _rows(entries: list[Entry]) -> list[list[str]]:
    columns = list(dict.fromkeys(key for entry in entries for key in entry))
    rows = [[_cell(entry.get(column, "")) for column in columns] for entry in entries]
    return [[column.replace("_", " ") for column in columns], *rows]


def _cell(value: object) -> str:
    if isinstance(value, list):
        return " ".join(map(_cell, value))
    if isinstance(value, dict):
        return " ".join(f"{key}={_cell(inner)}" for key, inner in value.items())
    return str(value)
