"""A wire whose packets are smaller than those of the pods."""

import re
import socket

from testbed.bed import Node, TestBed
from testbed.case import BedTest
from testbed.config import WIRE
from testbed.link import Link
from testbed.tcp import arrives_unharmed, connect

WIRE_MTU = 1400
# ping -s counts what follows 28 bytes of IP and ICMP headers: 1478 bytes of IP packet.
LARGE = "1450"


def is_icmp(frame: bytes) -> bool:
    return frame[12:14] == b"\x08\x00" and frame[23] == socket.IPPROTO_ICMP


def is_last_fragment(frame: bytes) -> bool:
    more_and_offset = int.from_bytes(frame[20:22], "big") & 0x3FFF
    return is_icmp(frame) and 0 < more_and_offset < 0x2000


class SmallWire(BedTest):
    wire_mtu_bytes = WIRE_MTU

    @classmethod
    def edit(cls, bed: TestBed, node: Node) -> None:
        node.config["uplinks"][0]["mtu"] = WIRE_MTU

    def test_fragmentation_needed(self) -> None:
        pod, target = self.a.pods[0], self.b.pods[0].address
        answer = pod.ping(target, "-M", "do", "-s", LARGE)
        self.assert_unanswered(answer)
        gateway = re.escape(self.a.addresses.gateway)
        self.assertRegex(answer.output, rf"From {gateway} .*Frag needed.*mtu = {WIRE_MTU}")
        self.assert_answered(pod.ping(target, "-M", "do", "-s", str(WIRE_MTU - 28)))

    def test_fragments(self) -> None:
        # Pods that have not been told of the wire's MTU: they send whole packets.
        source, target = self.a.pods[1], self.b.pods[1]
        with Link(self.a.namespace, WIRE) as wire:
            self.assert_answered(source.ping(target.address, "-M", "dont", "-s", LARGE))
            replies = filter(is_icmp, wire.hear(is_last_fragment))
            sizes = [int.from_bytes(frame[16:18], "big") for frame in replies]
        self.assertEqual(len(sizes), 2)
        self.assertLessEqual(max(sizes), WIRE_MTU)
        self.assertEqual(sum(sizes), 20 + 20 + 8 + int(LARGE))

    def test_tcp_finds_the_size(self) -> None:
        here, there = connect(self.a.pods[0], self.b.pods[1])
        with here, there:
            self.assertTrue(arrives_unharmed(here, there, 5 << 20))
            self.assertTrue(arrives_unharmed(there, here, 5 << 20))

    def test_within_a_node_packets_are_as_large_as_pods_make_them(self) -> None:
        first, second = self.a.pods
        self.assert_answered(first.ping(second.address, "-M", "do", "-s", "1472"))
