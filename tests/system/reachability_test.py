"""Who reaches whom, and what those hear who don't."""

import re

from testbed.case import BedTest
from testbed.command import run, wait_for
from testbed.namespace import Namespace
from testbed.ping import ping
from testbed.tcp import arrives_unharmed, connect
from testbed.tcpdump import Tcpdump

WORLD = "203.0.113.1"
NODE_IN_THE_WORLD = "203.0.113.2"


class Reachability(BedTest):
    def test_pods_of_one_node(self) -> None:
        first, second = self.a.pods
        self.assert_answered(first.ping(second.address, count=3))
        self.assert_answered(second.ping(first.address, count=3))

    def test_pods_of_two_nodes(self) -> None:
        for here in self.a.pods:
            for there in self.b.pods:
                self.assert_answered(here.ping(there.address))
                self.assert_answered(there.ping(here.address))

    def test_the_gateway_answers(self) -> None:
        pod = self.a.pods[0]
        self.assert_answered(pod.ping(self.a.addresses.gateway))
        self.assert_answered(pod.ping(self.a.addresses.gateway, "-s", "1400"))

    def test_the_nodes_themselves(self) -> None:
        for node, other in ((self.a, self.b), (self.b, self.a)):
            for pod in (*node.pods, *other.pods):
                answer = pod.ping(node.addresses.host)
                self.assert_answered(answer)
                reached = ping(node.namespace, pod.address)
                self.assert_answered(reached)
        self.assert_answered(ping(self.a.namespace, self.b.addresses.host))

    def test_an_address_that_nobody_has(self) -> None:
        answer = self.a.pods[0].ping("10.244.1.99", count=2)
        self.assert_unanswered(answer)
        gateway = re.escape(self.a.addresses.gateway)
        self.assertRegex(answer.output, f"From {gateway} .*Destination Host Unreachable")

    def test_a_node_that_does_not_exist(self) -> None:
        answer = self.a.pods[0].ping("10.244.9.9")
        self.assert_unanswered(answer)
        self.assertIn("Destination Host Unreachable", answer.output)

    def test_time_to_live(self) -> None:
        pod, target = self.a.pods[0], self.b.pods[0].address
        first = pod.ping(target, "-t", "1").output
        self.assertRegex(first, rf"From {self.a.addresses.gateway} .*Time to live exceeded")
        second = pod.ping(target, "-t", "2").output
        self.assertRegex(second, rf"From {self.b.addresses.underlay} .*Time to live exceeded")
        self.assert_answered(pod.ping(target, "-t", "3"))

    def test_traceroute(self) -> None:
        target = self.b.pods[0].address
        said = self.a.pods[0].run("traceroute", "-n", "-q", "1", "-m", "5", target)
        hops = [line.split()[1] for line in said.splitlines()[1:]]
        self.assertEqual(hops, [self.a.addresses.gateway, self.b.addresses.underlay, target], said)

    def test_tcp_in_segments_of_any_size(self) -> None:
        first, second = self.a.pods
        for server in (second, self.b.pods[0]):
            with self.subTest(server=server.name):
                here, there = connect(first, server)
                with here, there:
                    self.assertTrue(arrives_unharmed(here, there, 20 << 20))
                    self.assertTrue(arrives_unharmed(there, here, 20 << 20))

    def test_packets_that_the_pod_cuts_into_fragments(self) -> None:
        first, second = self.a.pods
        self.assert_answered(first.ping(second.address, "-s", "8000"))
        # net_af_packet has the kernel join fragments again, and takes 2 KB at most.
        self.assert_answered(first.ping(self.b.pods[0].address, "-s", "1800"))


class TheWorldOutside(BedTest):
    """A pod's packets leave by the node's kernel, with the node's address."""

    pods = {"a": 1}
    world: Namespace

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.world = cls.bed.add_namespace("world")
        node = cls.a.namespace
        run(
            *["ip", "-n", node.name, "link", "add", "world", "type", "veth"],
            *["peer", "name", "node", "netns", cls.world.name],
        )
        cls.world.ip("address", "add", f"{WORLD}/24", "dev", "node")
        cls.world.ip("link", "set", "node", "up")
        node.ip("address", "add", f"{NODE_IN_THE_WORLD}/24", "dev", "world")
        node.ip("link", "set", "world", "up")
        wait_for(lambda: ping(node, WORLD).ok, "the node reaches the world")

    def test_is_reached_with_the_nodes_address(self) -> None:
        wire = Tcpdump(self.world, "node", "icmp", count=1)
        pod = self.a.pods[0]
        self.assert_answered(pod.ping(WORLD, count=2))
        self.assertIn(f"{NODE_IN_THE_WORLD} > {WORLD}: ICMP echo request", wire.heard())
