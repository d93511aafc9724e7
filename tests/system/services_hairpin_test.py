"""A pod, or a node, that is its own backend: hairpin_mode says whether it reaches itself."""

import select

from testbed.arping import arping
from testbed.backend import WEB_PORT, WebBackend
from testbed.bed import Node, TestBed
from testbed.caller import connect, listen, node_caller, pod_caller
from testbed.command import wait_for
from testbed.counters import drops, new_drops
from testbed.services import HTTP, STREAM_PORT, ServiceTest, stream, udp_echo, web
from testbed.tcp import arrives_unharmed

REQUESTS = 50
BULK = 4 << 20
NOBODY = "10.244.1.200"


class HairpinTest(ServiceTest):
    mode: str

    @classmethod
    def edit(cls, bed: TestBed, node: Node) -> None:
        node.config["hairpin_mode"] = cls.mode

    def setUp(self) -> None:
        self.pod, self.beside, self.across = self.a.pods[0], self.a.pods[1], self.b.pods[0]
        self.itself = pod_caller(self.a, self.pod)
        self.others = [
            pod_caller(self.a, self.beside),
            pod_caller(self.b, self.across),
            node_caller(self.a),
            node_caller(self.b),
        ]

    def check_others(self, address: str) -> None:
        """They reach the pod, which sees who they are."""
        for caller in self.others:
            with self.subTest(caller=caller.name):
                for answer in (caller.get(web(address)), caller.echo(udp_echo(address))):
                    self.assertEqual((answer.backend, answer.seen_as), ("a1", caller.address))


class PromiscuousArp(HairpinTest):
    mode = "promiscuous-arp"
    arp_for_nobody = True

    def test_a_pod_reaches_itself(self) -> None:
        address = self.new_service([self.pod])
        hairpin = self.a.addresses.gateway
        for _ in range(REQUESTS):
            for answer in (self.itself.get(web(address)), self.itself.echo(udp_echo(address))):
                self.assertEqual((answer.backend, answer.seen_as), ("a1", hairpin))
        self.check_others(address)

    def test_a_stream_to_itself(self) -> None:
        address = self.new_service([self.pod])
        with listen(self.pod, STREAM_PORT) as listening:
            here, there, _ = connect(self.itself, stream(address), {"a1": listening})
        with here, there:
            self.assertTrue(arrives_unharmed(here, there, BULK))
            self.assertTrue(arrives_unharmed(there, here, BULK))

    def test_only_the_pod_itself_is_called_otherwise(self) -> None:
        address = self.new_service([self.pod, self.across])
        answers = {self.itself.get(web(address)) for _ in range(REQUESTS)}
        seen = {answer.backend: answer.seen_as for answer in answers}
        self.assertEqual(seen, {"a1": self.a.addresses.gateway, "b1": self.pod.address})
        self.assertEqual(len(answers), 2, answers)

    def test_a_backend_on_a_node_itself(self) -> None:
        """Of pods everywhere, of the other node, and of the node."""
        host = self.b.addresses.host
        with WebBackend("node-b", self.b.namespace, host):
            backend = {"address": host, "port": WEB_PORT, "state": "ready"}
            address = self.new_service([], ports=[{"port": HTTP, "backends": [backend]}])
            for caller in (self.itself, *self.others):
                with self.subTest(caller=caller.name):
                    answer = caller.get(web(address))
                    is_itself = caller.name == answer.backend
                    seen_as = self.b.addresses.gateway if is_itself else caller.address
                    self.assertEqual((answer.backend, answer.seen_as), ("node-b", seen_as))

    def test_arp(self) -> None:
        address = self.new_service([self.pod])
        mac = self.a.addresses.virtual_mac
        self.assertEqual(arping(self.pod, address), [mac])
        self.assertEqual(arping(self.pod, NOBODY), [mac] if self.arp_for_nobody else [])


class Veth(PromiscuousArp):
    mode = "hairpin-veth"
    arp_for_nobody = False


class Off(HairpinTest):
    mode = "none"

    def wait_until_dropped(self, before: dict[str, int]) -> None:
        wait_for(
            lambda: new_drops(self.a, before).get("service_hairpin_off"), "what it sends is dropped"
        )

    def test_a_pod_does_not_reach_itself(self) -> None:
        address = self.new_service([self.pod])
        before = drops(self.a)
        with self.itself.udp(udp_echo(address)) as end:
            end.send(b"me?")
            self.wait_until_dropped(before)
            end.setblocking(False)
            with self.assertRaises(BlockingIOError):
                end.recv(100)
        self.check_others(address)

    def test_nor_by_tcp(self) -> None:
        address = self.new_service([self.pod])
        before = drops(self.a)
        with self.itself.begin(web(address)) as end:
            self.wait_until_dropped(before)
            self.assertEqual(select.select([], [end], [], 0)[1], [], "it is not connected")

    def test_arp(self) -> None:
        address = self.new_service([self.pod])
        self.assertEqual(arping(self.pod, address), [self.a.addresses.virtual_mac])
        self.assertEqual(arping(self.pod, NOBODY), [])
