"""Uplinks that carry a VLAN."""

from testbed.bed import Node, TestBed
from testbed.case import BedTest
from testbed.config import WIRE
from testbed.tcp import arrives_unharmed, connect
from testbed.tcpdump import Tcpdump

VLAN = 100


class Vlan(BedTest):
    @classmethod
    def edit(cls, bed: TestBed, node: Node) -> None:
        node.config["uplinks"][0]["vlan"] = VLAN

    def test_frames_are_tagged(self) -> None:
        wire = Tcpdump(self.b.namespace, WIRE, f"vlan {VLAN} and icmp", count=2)
        pod, target = self.a.pods[0], self.b.pods[0]
        self.assert_answered(pod.ping(target.address, "-s", "1472", "-M", "do", count=3))
        request = f"{pod.address} > {target.address}: ICMP echo request"
        self.assertRegex(wire.heard(), rf"vlan {VLAN},.* {request}")

    def test_tcp(self) -> None:
        here, there = connect(self.a.pods[0], self.b.pods[0])
        with here, there:
            self.assertTrue(arrives_unharmed(here, there, 5 << 20))
            self.assertTrue(arrives_unharmed(there, here, 5 << 20))


class AnotherVlan(BedTest):
    """Nodes on different VLANs share a wire, and nothing else."""

    @classmethod
    def edit(cls, bed: TestBed, node: Node) -> None:
        node.config["uplinks"][0]["vlan"] = VLAN + node.addresses.number

    def test_nothing_crosses(self) -> None:
        pod = self.a.pods[0]
        self.assert_unanswered(pod.ping(self.b.pods[0].address, "-W", "0.3", count=3))
        self.assert_answered(pod.ping(self.a.pods[1].address))
