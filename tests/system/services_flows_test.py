"""What belongs to a flow to a service: streams, fragments, ICMP errors, and how it ends."""

import socket

from testbed.bed import Node, Pod, TestBed
from testbed.caller import Caller, connect, echo, listen
from testbed.icmp_error import IcmpError, next_error, tell_errors
from testbed.services import STREAM_PORT, ServiceTest, stream, udp_echo
from testbed.tcp import arrives_unharmed

WIRE_MTU = 1400
TOO_LARGE = 1450  # bytes of a datagram, on that wire
BULK = 4 << 20
TIME_EXCEEDED, UNREACHABLE = 11, 3
PORT_UNREACHABLE, FRAGMENTATION_NEEDED = 3, 4


class FlowTest(ServiceTest):
    """Streams end in pods, where the test itself listens."""

    def setUp(self) -> None:
        self.local, self.remote = self.a.pods[1], self.b.pods[1]
        self.caller, *_ = self.callers  # the pod a1
        self.listening: dict[str, socket.socket] = {}
        for pod in (self.local, self.remote, self.b.pods[2]):
            self.listening[pod.name] = listen(pod, STREAM_PORT)
            self.addCleanup(self.listening[pod.name].close)

    def connect(self, caller: Caller, address: str) -> tuple[socket.socket, socket.socket, str]:
        here, there, backend = connect(caller, stream(address), self.listening)
        self.addCleanup(here.close)
        self.addCleanup(there.close)
        return here, there, backend

    def udp(self, address: str) -> socket.socket:
        end = self.caller.udp(udp_echo(address))
        self.addCleanup(end.close)
        return end

    def check_streams(self) -> None:
        for pod in (self.local, self.remote):
            address = self.new_service([pod])
            for caller in self.callers:
                with self.subTest(caller=caller.name):
                    here, there, _ = self.connect(caller, address)
                    self.assertTrue(arrives_unharmed(here, there, BULK), "to the backend")
                    self.assertTrue(arrives_unharmed(there, here, BULK), "and back")


class Flows(FlowTest):
    def named(self, names: set[str]) -> list[Pod]:
        return [pod for node in (self.a, self.b) for pod in node.pods if pod.name in names]

    def test_streams(self) -> None:
        self.check_streams()

    def test_a_removed_backends_connections_are_reset(self) -> None:
        names = {self.local.name, self.remote.name}
        address = self.new_service(self.named(names))
        here, _, backend = self.connect(self.caller, address)
        self.set_service(address, self.named(names - {backend}))
        with self.assertRaises(ConnectionResetError):
            here.send(b"you there?")
            here.recv(1)
        _, _, other = self.connect(self.caller, address)
        self.assertNotEqual(other, backend)

    def test_a_caller_that_only_waits_is_told_too(self) -> None:
        """It has asked, and sends nothing more that could be answered by a reset."""
        address = self.new_service([self.remote])
        here, there, _ = self.connect(self.caller, address)
        here.send(b"question")
        there.recv(8)
        self.set_service(address, [])
        with self.assertRaises(ConnectionResetError):
            here.recv(1)

    def test_a_terminating_backend_keeps_its_connections(self) -> None:
        names = {self.local.name, self.remote.name}
        address = self.new_service(self.named(names))
        here, there, backend = self.connect(self.caller, address)
        self.set_service(address, self.named(names - {backend}), self.named({backend}))
        for _ in range(20):
            _, _, other = self.connect(self.caller, address)
            self.assertNotEqual(other, backend)
        self.assertTrue(arrives_unharmed(here, there, BULK))
        self.assertTrue(arrives_unharmed(there, here, BULK))

    def test_datagrams_move_at_once(self) -> None:
        names = {self.local.name, self.remote.name}
        address = self.new_service(self.named(names))
        end = self.udp(address)
        first = echo(end, b"one").backend
        self.assertEqual(echo(end, b"two").backend, first)
        self.set_service(address, self.named(names - {first}))
        self.assertIn(echo(end, b"three").backend, names - {first})

    def test_connections_survive_podwarp(self) -> None:
        address = self.new_service(self.named({self.local.name, self.remote.name}))
        ends = [self.connect(self.caller, address) for _ in range(5)]
        self.a.podwarp.stop()
        self.a.podwarp.start()
        for here, there, backend in ends:
            with self.subTest(backend=backend):
                self.assertTrue(arrives_unharmed(here, there, BULK))
                self.assertTrue(arrives_unharmed(there, here, BULK))

    def test_fragments(self) -> None:
        """Across the wire only so much: net_af_packet has the kernel join fragments, in 2 KiB."""
        for pod, node in ((self.local, self.a), (self.remote, self.b)):
            address = self.new_service([pod])
            for caller in self.callers:
                for size in (3000, 9000, 60000) if caller.node is node else (1500, 1900):
                    with self.subTest(caller=caller.name, pod=pod.name, size=size):
                        answer = caller.echo(udp_echo(address), bytes(size))
                        self.assertEqual(
                            (answer.backend, answer.seen_as), (pod.name, caller.address)
                        )

    def test_each_hop_of_the_way_is_seen(self) -> None:
        address = self.new_service([self.remote])
        for hops, reporter in ((1, self.a.addresses.gateway), (2, self.b.addresses.underlay)):
            with self.subTest(hops=hops):
                end = self.udp(address)
                tell_errors(end)
                end.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, hops)
                end.send(b"how far?")
                wanted = IcmpError(TIME_EXCEEDED, 0, reporter, 0, udp_echo(address))
                self.assertEqual(next_error(end), wanted)
        end.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 3)
        self.assertEqual(echo(end, b"so far").backend, self.remote.name)

    def test_traceroute_ends_at_the_service(self) -> None:
        address = self.new_service([self.remote])
        said = self.caller.namespace.run(
            *["traceroute", "-n", "-q", "1", "-w", "5", "-m", "5", "-T", "-p", "80", address]
        ).stdout
        hops = [line.split()[1] for line in said.splitlines()[1:]]
        way = [self.a.addresses.gateway, self.b.addresses.underlay, address]
        self.assertEqual(hops, way, said)

    def test_a_backends_error_comes_from_the_service(self) -> None:
        """Nobody listens in the pod: its kernel says so."""
        address = self.new_service([])
        closed = {"address": self.remote.address, "port": 1, "state": "ready"}
        body = {"name": "dns", "protocol": "udp", "port": 53, "backends": [closed]}
        self.set_service(address, [], ports=[body])
        end = self.caller.udp((address, 53))
        self.addCleanup(end.close)
        tell_errors(end)
        end.send(b"anybody?")
        wanted = IcmpError(UNREACHABLE, PORT_UNREACHABLE, address, 0, (address, 53))
        self.assertEqual(next_error(end), wanted)

    def test_a_callers_error_comes_to_the_backend(self) -> None:
        """It has gone before the answer: its kernel says so, and quotes what it got."""
        address = self.new_service([])
        serving = {"address": self.remote.address, "port": 5353, "state": "ready"}
        body = {"name": "dns", "protocol": "udp", "port": 53, "backends": [serving]}
        self.set_service(address, [], ports=[body])
        with self.remote.namespace.entered():
            there = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(there.close)
        there.bind((self.remote.address, 5353))
        with self.caller.udp((address, 53)) as here:
            here.send(b"question")
            _, asker = there.recvfrom(100)
            self.assertEqual(asker, (self.caller.address, here.getsockname()[1]))
        there.connect(asker)
        tell_errors(there)
        there.send(b"answer")
        wanted = IcmpError(UNREACHABLE, PORT_UNREACHABLE, self.caller.address, 0, asker)
        self.assertEqual(next_error(there), wanted)


class SmallWire(FlowTest):
    """The pods haven't been told of it."""

    wire_mtu_bytes = WIRE_MTU

    @classmethod
    def edit(cls, bed: TestBed, node: Node) -> None:
        node.config["uplinks"][0]["mtu"] = WIRE_MTU

    def test_streams_find_the_paths_mtu(self) -> None:
        self.check_streams()

    def test_a_packet_that_is_too_large(self) -> None:
        address = self.new_service([self.remote])
        end = self.udp(address)
        tell_errors(end)
        end.send(bytes(TOO_LARGE))
        gateway = self.a.addresses.gateway
        wanted = (UNREACHABLE, FRAGMENTATION_NEEDED, gateway, WIRE_MTU, udp_echo(address))
        self.assertEqual(next_error(end), IcmpError(*wanted))
        answer = echo(end, bytes(WIRE_MTU - 100))
        self.assertEqual(answer.backend, self.remote.name)
