"""Services, as somebody outside the cluster calls them: on an uplink of node a."""

import collections
import contextlib
import itertools
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import ClassVar

from testbed.backend import ECHO_PORT, WEB_PORT
from testbed.bed import Node, Pod, TestBed
from testbed.caller import Answer, Caller, Endpoint, connect, listen, pod_caller
from testbed.command import wait_for
from testbed.counters import drops, new_drops
from testbed.namespace import join
from testbed.services import HTTP, STREAM, STREAM_PORT, UDP_ECHO, ServiceTest, backends
from testbed.tcp import arrives_unharmed

OUTER = "outer"  # the interface that joins node a and the caller, in both namespaces
SEGMENT = "198.51.100"
NODE, CALLER = f"{SEGMENT}.1", f"{SEGMENT}.9"
REQUESTS = 60  # to each of four by chance: none in 10 million runs has a backend without one
STREAM_BYTES = 2_000_000


class CalledFromOutside(ServiceTest):
    outside: ClassVar[Caller]
    _node_ports: ClassVar[Iterator[int]]
    service: tuple[str, tuple[int, int], dict[str, object]]  # as change() takes it

    @classmethod
    def edit(cls, bed: TestBed, node: Node) -> None:
        if node.addresses.letter != "a":
            return
        namespace = bed.add_namespace("outside")
        join(node.namespace, namespace, OUTER, 1500)
        namespace.ip("addr", "add", f"{CALLER}/24", "dev", OUTER)
        node.config["uplinks"].append(
            {
                "name": "outside",
                "vdev": f"net_af_packet1,iface={OUTER},qdisc_bypass=1",
                "address": f"{NODE}/24",
                "announce_services": True,
            }
        )
        cls.outside = Caller("outside", CALLER, namespace, node)

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls._node_ports = itertools.count(30000)

    def setUp(self) -> None:
        self.here, self.there = self.a.pods[1:], self.b.pods[1:]

    def expose(self, pods: Sequence[Pod], **fields: object) -> tuple[str, int, int]:
        """A new service's external address and its node ports, of HTTP and of echo."""
        address = self.new_service([])
        external = f"{SEGMENT}.{100 + int(address.rpartition('.')[2])}"
        node_ports = (next(self._node_ports), next(self._node_ports))
        fields = {"external_addresses": [external]} | fields
        self.change(address, pods, node_ports, **fields)
        self.service = (address, node_ports, fields)
        return external, *node_ports

    def change(
        self, address: str, pods: Sequence[Pod], node_ports: tuple[int, int], **fields: object
    ) -> None:
        http, echo = node_ports
        ports = [
            {"name": "http", "port": HTTP, "node_port": http, "backends": backends(pods, WEB_PORT)},
            {
                "name": "echo",
                "protocol": "udp",
                "port": UDP_ECHO,
                "node_port": echo,
                "backends": backends(pods, ECHO_PORT),
            },
            {"name": "stream", "port": STREAM, "backends": backends(pods, STREAM_PORT)},
        ]
        for node in self.bed.nodes.values():
            name = f"s-{address.replace('.', '-')}"
            body = {"address": address, "ports": ports, **fields}
            node.api.put(f"/v1/services/default/{name}", body)

    def check_answers(self, answers: Iterable[Answer]) -> None:
        """All backends share the work; those here see the caller, the others its node."""
        seen = collections.defaultdict(set)
        for answer in answers:
            seen[answer.backend].add(answer.seen_as)
        expected = {pod.name: {CALLER} for pod in self.here}
        expected |= {pod.name: {self.a.addresses.host} for pod in self.there}
        self.assertEqual(dict(seen), expected)

    def test_node_ports(self) -> None:
        _, http, echo = self.expose([*self.here, *self.there])
        for address in (NODE, self.a.addresses.underlay):
            self.route_to(address)
            with self.subTest(address=address):
                self.check_answers(self.outside.get((address, http)) for _ in range(REQUESTS))
                self.check_answers(self.outside.echo((address, echo)) for _ in range(REQUESTS))

    def route_to(self, address: str) -> None:
        if not address.startswith(SEGMENT):
            self.outside.namespace.ip("route", "replace", address, "via", NODE)

    def test_external_addresses(self) -> None:
        external, _, _ = self.expose([*self.here, *self.there])
        self.check_answers(self.outside.get((external, HTTP)) for _ in range(REQUESTS))
        self.check_answers(self.outside.echo((external, UDP_ECHO)) for _ in range(REQUESTS))
        self.assertIn(self.outside.curl((external, HTTP)).seen_as, {CALLER, self.a.addresses.host})
        self.outside.namespace.run("ping", "-c", "1", external)

    def test_streams_both_ways(self) -> None:
        external, _, _ = self.expose([*self.here, *self.there])
        listening = self.enterContext(listening_in([*self.here, *self.there]))
        reached = set()
        while len(reached) < len(listening):
            near, far, name = connect(self.outside, (external, STREAM), listening)
            with near, far:
                if name in reached:
                    continue
                reached.add(name)
                near.settimeout(30)
                self.assertTrue(arrives_unharmed(near, far, STREAM_BYTES))
                self.assertTrue(arrives_unharmed(far, near, STREAM_BYTES))

    def test_pods_and_nodes_reach_them_too(self) -> None:
        external, http, _ = self.expose([*self.here, *self.there])
        both = {pod.name for pod in (*self.here, *self.there)}
        for node in self.bed.nodes.values():
            caller = pod_caller(node, node.pods[0])
            for service in ((external, HTTP), (node.addresses.underlay, http)):
                with self.subTest(caller=caller.name, service=service):
                    answers = [caller.get(service) for _ in range(REQUESTS)]
                    self.assertEqual({answer.backend for answer in answers}, both)
                    self.assertEqual({answer.seen_as for answer in answers}, {caller.address})
        with self.subTest("a pod of b by a's node port"):
            caller = pod_caller(self.b, self.b.pods[0])
            for _ in range(REQUESTS):
                caller.get((self.a.addresses.underlay, http))

    def test_external_traffic_local(self) -> None:
        external, http, _ = self.expose([*self.here, *self.there], external_traffic="local")
        for service in ((external, HTTP), (NODE, http)):
            answers = {self.outside.get(service) for _ in range(REQUESTS)}
            self.assertEqual(answers, {Answer(pod.name, CALLER) for pod in self.here})
        self.change_backends(self.there)
        self.check_unheard((external, HTTP), "service_no_local_backend")

    def test_internal_traffic_local(self) -> None:
        address = self.new_service([*self.here, *self.there], internal_traffic="local")
        for node, pods in ((self.a, self.here), (self.b, self.there)):
            caller = pod_caller(node, node.pods[0])
            names = {caller.get((address, HTTP)).backend for _ in range(REQUESTS)}
            self.assertEqual(names, {pod.name for pod in pods})
        self.set_service(address, self.there, internal_traffic="local")
        with self.assertRaises(ConnectionRefusedError):
            pod_caller(self.a, self.a.pods[0]).get((address, HTTP))

    def test_source_ranges(self) -> None:
        external, http, _ = self.expose(self.here, source_ranges=["203.0.113.0/24"])
        self.check_unheard((external, HTTP), "service_source_range")
        self.outside.get((NODE, http))
        self.service[2]["source_ranges"] = [f"{CALLER}/32"]
        self.change_backends(self.here)
        self.outside.get((external, HTTP))

    def test_cluster_addresses_stay_inside(self) -> None:
        address = self.new_service(self.here)
        self.outside.namespace.ip("route", "replace", address, "via", NODE)
        self.check_unheard((address, HTTP), "service_from_uplink")

    def check_unheard(self, service: Endpoint, reason: str) -> None:
        """No answer, not even a refusal."""
        before = drops(self.a)
        with self.outside.begin(service) as end:
            wait_for(lambda: reason in new_drops(self.a, before), f"{reason} is counted")
            self.assertEqual(end.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), 0)

    def test_what_goes_ends_its_callers_connections(self) -> None:
        """Also of those who only wait."""
        external, _, _ = self.expose([*self.here, *self.there])
        self.check_ended(external, lambda: self.change_backends([]))

    def test_a_service_that_goes_ends_its_callers_connections(self) -> None:
        external, _, _ = self.expose([*self.here, *self.there])
        self.check_ended(external, lambda: self.remove_service(self.service[0]))
        self.change_backends(self.here)
        self.outside.get((external, HTTP))

    def change_backends(self, pods: Sequence[Pod]) -> None:
        address, node_ports, fields = self.service
        self.change(address, pods, node_ports, **fields)

    def check_ended(self, external: str, end: Callable[[], None]) -> None:
        with contextlib.ExitStack() as stack:
            listening = stack.enter_context(listening_in([*self.here, *self.there]))
            waiting = []
            for _ in range(12):
                near, far, _ = connect(self.outside, (external, STREAM), listening)
                for close in (near, far):
                    stack.enter_context(close)
                for source, sink in ((near, far), (far, near)):
                    source.sendall(b"x")
                    sink.recv(1)
                waiting.append(near)
            end()
            for near in waiting:
                near.settimeout(60)
                with self.assertRaises(ConnectionResetError):
                    near.recv(1)
        with self.assertRaises(ConnectionRefusedError):
            self.outside.connect((external, HTTP))

    def test_other_ports_of_the_node_are_its_kernels(self) -> None:
        """Its kernel knows the first uplink's address, and has to be told who is on another."""
        self.a.namespace.ip("route", "replace", f"{SEGMENT}.0/24", "dev", "podwarp0")
        self.route_to(self.a.addresses.underlay)
        with self.a.namespace.entered():
            server = self.enterContext(socket.create_server(("", 2222)))
        near = self.enterContext(self.outside.connect((self.a.addresses.underlay, 2222)))
        far, seen = server.accept()
        self.assertEqual(seen[0], CALLER)
        with far:
            near.settimeout(30)
            far.settimeout(30)
            self.assertTrue(arrives_unharmed(near, far, STREAM_BYTES))


@contextlib.contextmanager
def listening_in(pods: Sequence[Pod]) -> Iterator[dict[str, socket.socket]]:
    with contextlib.ExitStack() as stack:
        yield {pod.name: stack.enter_context(listen(pod, STREAM_PORT)) for pod in pods}
