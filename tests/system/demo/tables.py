"""The nodes' tables and counters, by podwarpctl."""

from demo.pods import Podwarpctl
from demo.screen import Screen
from testbed.bed import TestBed


def show_tables(bed: TestBed, screen: Screen) -> None:
    """Raises CommandFailed if a node doesn't answer."""
    for node in bed.nodes.values():
        screen.subtitle(node.name)
        ctl = Podwarpctl(node, screen)
        for report in ("status", "arp", "nodes", "services", "ports", "workers", "drops"):
            ctl(report)
