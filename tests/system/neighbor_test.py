"""Nodes that know each other by address only: the virtual MAC is asked for on the wire."""

import re
import signal

from testbed.bed import Node, TestBed
from testbed.case import BedTest
from testbed.command import wait_for
from testbed.config import to_yaml


class KnownByAddress(BedTest):
    @classmethod
    def edit(cls, bed: TestBed, node: Node) -> None:
        for peer in node.config["nodes"]:
            del peer["virtual_mac"]

    def setUp(self) -> None:
        self.pod, self.target = self.a.pods[0], self.b.pods[0]
        wait_for(self.is_reached, "the other node is found")

    def is_reached(self) -> bool:
        return self.pod.reaches(self.target.address)

    def mac_of_b(self) -> str:
        (peer,) = self.a.podwarp.telemetry.entries("/podwarp/nodes")
        return peer.get("mac", "")

    def test_the_mac_is_resolved(self) -> None:
        self.assertEqual(self.mac_of_b(), self.b.addresses.virtual_mac)

    def test_no_kernel_answers(self) -> None:
        """Though it has the node's address too, on the host port."""
        heard = set(re.findall(r"node node-a is at (\S+)", self.b.podwarp.log()))
        self.assertEqual(heard, {self.a.addresses.virtual_mac})

    def test_the_peer_comes_back_with_another_mac(self) -> None:
        other = "02:00:00:00:77:77"
        self.b.podwarp.stop(signal.SIGKILL)
        self.b.config["virtual_mac"] = other
        self.b.podwarp.config.write_text(to_yaml(self.b.config), encoding="utf-8")
        self.b.podwarp.start()
        wait_for(self.is_reached, "the peer is found again")
        self.assertEqual(self.mac_of_b(), other)

    def test_both_start_again(self) -> None:
        for node in (self.a, self.b):
            node.podwarp.stop()
        for node in (self.b, self.a):
            node.podwarp.start()
        wait_for(self.is_reached, "the nodes find each other")
