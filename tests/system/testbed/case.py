"""What system tests are derived from."""

import unittest
from typing import ClassVar

from .bed import DEFAULT_PODS, Node, Pod, TestBed
from .ping import Ping

_binary = ""


def set_binary(path: str) -> None:
    """Which podwarp to test; run.py says it."""
    global _binary  # pylint: disable=global-statement
    _binary = path


def binary() -> str:
    return _binary


class BedTest(unittest.TestCase):
    """Tests that share a testbed, which a class may shape by what it overrides."""

    pods: ClassVar[dict[str, int]] = DEFAULT_PODS
    vhost_pods: ClassVar[dict[str, list[str]]] = {}
    wire_mtu_bytes: ClassVar[int] = 1500
    bed: TestBed
    a: Node
    b: Node

    @classmethod
    def edit(cls, bed: TestBed, node: Node) -> None:
        """May change the node's configuration before its start."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        bed = TestBed(
            binary(),
            pods=cls.pods,
            vhost_pods=cls.vhost_pods,
            edit=cls.edit,
            wire_mtu_bytes=cls.wire_mtu_bytes,
        )
        cls.bed = cls.enterClassContext(bed)
        for letter, node in bed.nodes.items():
            setattr(cls, letter, node)

    def assert_answered(self, ping: Ping) -> None:
        self.assertTrue(ping.ok, ping.output)

    def assert_unanswered(self, ping: Ping) -> None:
        self.assertEqual(ping.received, 0, ping.output)
        self.assertGreater(ping.sent, 0, ping.output)


class LatePodTest(BedTest):
    """a's second pod, `late`, is there, but podwarp isn't told of it yet."""

    late: ClassVar[Pod]

    @classmethod
    def edit(cls, bed: TestBed, node: Node) -> None:
        if node.addresses.letter == "a":
            node.config["pods"] = node.config["pods"][:1]
            node.pods, cls.late = node.pods[:1], node.pods[1]
