"""Frames that die, and who tells of it: all of them say the same."""

from collections.abc import Callable
from typing import ClassVar

from testbed import drop_witnesses as witnesses
from testbed.api import Json
from testbed.bed import Node, Pod, TestBed
from testbed.case import BedTest
from testbed.command import wait_for
from testbed.config import SERVICE_RANGES, WIRE
from testbed.counters import drops
from testbed.light_peer import connect_when_listened
from testbed.link import Link, udp
from testbed.namespace import join
from testbed.vhost import CLIENT, SERVER

FREE = "10.244.1.99"
SILENT_NODE, ITS_POD = "192.168.50.9", "10.244.9.9"
SERVICE = "10.96.0.80"

Provoke = Callable[[int], None]  # sends so many frames, each of which dies


class DropTest(BedTest):
    """A pod, a1, sends."""

    sender: ClassVar[Pod]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.sender = cls.a.pods[0]

    def ping(self, target: str, *options: str) -> Provoke:
        return lambda count: self.assert_unanswered(
            self.sender.ping(target, "-i", "0.01", "-W", "0.2", *options, count=count)
        )

    def check(
        self, reason: str, provoke: Provoke, stage: str, *, pod: str = "a1", count: int
    ) -> None:
        """All witnesses name the reason, the pod and its port, and count each frame of `count`, and
        of those that it takes until the trace is there."""
        pod = f"default/{pod}"
        before = witnesses.counts(self.a, reason, pod)
        with witnesses.watching(self.a, reason) as watch:
            wait_for(watch.captures, "the capture is there")
            sent = self.provoke_until_traced(provoke, watch) + count
            provoke(count)
            wait_for(lambda: watch.captured_count() >= sent, f"{sent} frames are captured")
            wait_for(lambda: len(watch.traced()) >= count, f"{count} frames are traced")
            traces, captured = watch.stop()
        told = {
            who: now - before[who] for who, now in witnesses.counts(self.a, reason, pod).items()
        }
        self.assertEqual(told, dict.fromkeys(told, sent))
        self.check_names(reason, pod, stage, traces, captured, sent)

    def provoke_until_traced(self, provoke: Provoke, watch: witnesses.Watch) -> int:
        """How many frames it took."""
        sent = 0

        def is_traced() -> bool:
            nonlocal sent
            if not watch.traced():
                provoke(1)
                sent += 1
            return bool(watch.traced())

        wait_for(is_traced, "a frame is traced")
        return sent

    def check_names(
        self,
        reason: str,
        pod: str,
        stage: str,
        traces: list[Json],
        captured: list[tuple[witnesses.Drop, str]],
        sent: int,
    ) -> None:
        told = witnesses.last(self.a, reason)
        ((said,),) = {tuple(drops) for drops in told.values()}  # one drop, by one mouth
        self.assertEqual((said.reason, said.pod), (reason, pod))
        self.assertTrue(said.help)
        self.assertEqual(captured, [(said, stage)] * sent)
        for trace in traces:
            end = witnesses.Drop(trace["reason"], trace["help"], trace["at_port"], trace["at_pod"])
            self.assertEqual((trace["end"], end), ("dropped", said), trace)
            self.assertEqual(trace["steps"][-1]["stage"], stage, trace)
            self.assertEqual((trace["port"], trace["pod"]), ("default/a1", "default/a1"))
        row = witnesses.printed_row(self.a, reason)
        for word in (reason, said.port, said.pod, said.help):
            self.assertIn(word, row)


class Drops(DropTest):
    """Beside a1: a2, a guest that isn't there; a3, one that takes nothing; a node that nobody is."""

    pods = {"a": 1}
    vhost_pods = {"a": [CLIENT, SERVER]}

    @classmethod
    def edit(cls, bed: TestBed, node: Node) -> None:
        join(node.namespace, bed.add_namespace("segment"), WIRE, cls.wire_mtu_bytes)
        node.config["uplinks"] = [
            {
                "name": "uplink0",
                "vdev": f"net_af_packet0,iface={WIRE}",
                "address": f"{node.addresses.underlay}/24",
            }
        ]
        node.config["nodes"] = [
            {"name": "node-z", "underlay_address": SILENT_NODE, "pod_ranges": ["10.244.9.0/24"]}
        ]
        port = {"name": "http", "port": 80, "backends": []}
        service = {"name": "web", "address": SERVICE, "ports": [port]}
        node.config["service_ranges"] = SERVICE_RANGES
        node.config["services"] = [service]

    def test_a_spoofed_source(self) -> None:
        macs = (self.sender.mac, self.a.addresses.virtual_mac)
        frame = udp(macs, (FREE, self.a.addresses.gateway), b"spoofed")

        def provoke(count: int) -> None:
            with Link(self.sender.namespace) as link:
                for _ in range(count):
                    link.send(frame)

        self.check("spoofed_ip", provoke, "guard_source", count=20)

    def test_an_unknown_destination(self) -> None:
        self.check("unowned_address", self.ping(FREE), "handle_exception", count=7)

    def test_a_time_to_live_that_ends(self) -> None:
        target = self.a.vhost_pods[1].address
        self.check("ttl_expired", self.ping(target, "-t", "1"), "handle_exception", count=6)

    def test_a_port_that_is_down(self) -> None:
        target = self.a.vhost_pods[0]
        self.check("port_down", self.ping(target.address), "send", pod=target.name, count=5)

    def test_a_full_queue(self) -> None:
        target = self.a.vhost_pods[1]
        peer = connect_when_listened(target.socket)  # its rings are empty, and stay so
        self.addCleanup(peer.close)
        ping = self.ping(target.address)

        def is_full() -> bool:
            ping(1)
            return drops(self.a)["transmit_queue_full"] > 0

        wait_for(is_full, "workers know that the port is up")
        self.check("transmit_queue_full", ping, "send", pod=target.name, count=4)

    def test_a_neighbor_that_does_not_answer(self) -> None:
        self.check("neighbor_unresolved", self.ping(ITS_POD), "handle_exception", count=8)

    def test_a_service_without_a_backend(self) -> None:
        def provoke(count: int) -> None:
            for _ in range(count):
                said = self.sender.run("curl", "-sS", f"http://{SERVICE}/", check=False)
                self.assertIn("curl: (7)", said)

        self.check("service_no_backend", provoke, "translate_service", count=3)


class UnansweredArp(DropTest):
    """hairpin_mode none: who asks for an address that nobody has hears nothing."""

    pods = {"a": 1}

    @classmethod
    def edit(cls, bed: TestBed, node: Node) -> None:
        node.config["hairpin_mode"] = "none"

    def test_an_address_that_nobody_has(self) -> None:
        def provoke(count: int) -> None:
            for _ in range(count):
                said = self.sender.run("arping", "-c", "1", "-I", "eth0", FREE, check=False)
                self.assertIn("Received 0 response", said)

        self.check("arp_unknown_target", provoke, "answer_arp", count=2)
