"""Pods that share a socket and their memory with podwarp, and what is said where they don't."""

import grp
import socket
import stat
from typing import ClassVar

from testbed.arping import arping, duplicates
from testbed.bed import Node, TestBed
from testbed.case import BedTest
from testbed.command import wait_for
from testbed.counters import drops, new_drops, pods
from testbed.light_peer import LightPeer, Memory, connect_when_listened
from testbed.telemetry import Entry
from testbed.testpmd import Testpmd
from testbed.unix_socket import leave_stale
from testbed.vhost import CLIENT, SERVER, VhostPod

BURSTS = 8  # of 32 frames: what a ring of testpmd's holds, so that nothing is lost
FRAMES = 32 * BURSTS
MANY = 100_000


class Traffic(BedTest):
    """The kernel pods a1 and b1, and testpmd in the others, which answers pings.

    It can't ping, but send datagrams: a2 to a3 and a3 to b2 and b2 to a2; b3 in b1's name.
    """

    pods = {"a": 1, "b": 1}
    vhost_pods = {"a": [CLIENT, SERVER], "b": [SERVER, CLIENT]}
    peers: ClassVar[dict[str, Testpmd]]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.peers = {}
        b1 = cls.b.pods[0].address
        a2, a3, b2, b3 = (*cls.a.vhost_pods, *cls.b.vhost_pods)
        for node, pod, source, target in (
            (cls.a, a2, a2.address, a3.address),
            (cls.a, a3, a3.address, b2.address),
            (cls.b, b2, b2.address, a2.address),
            (cls.b, b3, b1, a2.address),
        ):
            gateway_mac = node.addresses.virtual_mac
            peer = cls.peers[pod.name] = Testpmd(node.namespace, pod)
            peer.start("icmpecho", f"--tx-ip={source},{target}", f"--eth-peer=0,{gateway_mac}")
        wait_for(
            lambda: all(pod["up"] for node in (cls.a, cls.b) for pod in pods(node).values()),
            "all pods are connected",
        )

    def send(self, peer: Testpmd) -> None:
        """FRAMES datagrams, then it answers pings again."""
        before = peer.sent()
        peer.ask("stop")
        peer.ask(f"start tx_first {BURSTS}")
        self.assertEqual(peer.sent() - before, FRAMES)

    def wait_until_received(self, peer: Testpmd, frames: int) -> None:
        wait_for(lambda: peer.received() >= frames, f"{peer.pod.name} has {frames} frames")

    def test_telemetry_tells_driver_and_state(self) -> None:
        for node, number, driver in (
            (self.a, 2, "vhost-user client"),
            (self.a, 3, "vhost-user server"),
            (self.b, 2, "vhost-user server"),
        ):
            pod = pods(node)[f"{node.addresses.letter}{number}"]
            with self.subTest(pod=pod["name"]):
                self.assertEqual((pod["driver"], pod["up"]), (driver, 1))
                self.assertNotIn("why_down", pod)
                self.assertEqual(pod["mac"], node.addresses.mac(number))

    def test_each_node_on_the_way_takes_one_from_the_time_to_live(self) -> None:
        # testpmd answers with what is left of the request's 64.
        for here, there, left in ((self.a, self.a, 62), (self.a, self.b, 60), (self.b, self.a, 60)):
            for pod in there.vhost_pods:
                with self.subTest(here=here.name, pod=pod.name):
                    answer = here.pods[0].ping(pod.address)
                    self.assert_answered(answer)
                    self.assertIn(f" ttl={left} ", answer.output)

    def test_a_time_to_live_that_ends(self) -> None:
        pod = self.b.vhost_pods[0].address
        first = self.a.pods[0].ping(pod, "-t", "1").output
        self.assertRegex(first, f"From {self.a.addresses.gateway} .*Time to live exceeded")
        second = self.a.pods[0].ping(pod, "-t", "2").output
        self.assertRegex(second, f"From {self.b.addresses.underlay} .*Time to live exceeded")

    def test_arp_is_answered_for_them_as_for_others(self) -> None:
        pod = self.a.pods[0]
        for other in (*self.a.vhost_pods, *self.b.vhost_pods):
            with self.subTest(pod=other.name):
                self.assertEqual(arping(pod, other.address), [self.a.addresses.virtual_mac])
        local = self.a.vhost_pods[0].address
        self.assertEqual(duplicates(pod, local), [self.a.addresses.virtual_mac])

    def test_many_frames_to_a_kernel_pod_and_back(self) -> None:
        for here in (self.a, self.b):
            for there in (self.a, self.b):
                for pod in there.vhost_pods:
                    with self.subTest(here=here.name, pod=pod.name):
                        self.check_flood(here, there, pod)

    def check_flood(self, here: Node, there: Node, pod: VhostPod) -> None:
        before = pods(there)[pod.name]
        for size, count in ((56, 500), (1472, 200)):
            self.assert_answered(here.pods[0].flood(pod.address, count, size))
        after = pods(there)[pod.name]
        for counter in ("received_frames", "transmitted_frames"):
            self.assertEqual(after[counter] - before[counter], 700, counter)

    def test_no_frame_is_lost_from_one_to_another(self) -> None:
        for source, sink in (("a2", "a3"), ("a3", "b2"), ("b2", "a2")):
            with self.subTest(source=source, sink=sink):
                sender, receiver = self.peers[source], self.peers[sink]
                before = receiver.received()
                for count in range(FRAMES, 4 * FRAMES + 1, FRAMES):
                    self.send(sender)
                    self.wait_until_received(receiver, before + count)
                self.assertEqual(receiver.received() - before, 4 * FRAMES)

    def test_frames_come_from_the_gateway(self) -> None:
        sink = self.peers["a3"]
        sink.ask("set verbose 1")
        try:
            since = sink.console.position()
            self.send(self.peers["a2"])
            macs = f"(?i)src={self.a.addresses.virtual_mac} - dst={sink.pod.mac}"
            sink.console.wait_for(macs, since)
        finally:
            sink.ask("set verbose 0")

    def test_a_generator_that_overruns_another_pod(self) -> None:
        """What can't be taken is dropped with a reason, and all of it counted."""
        source, sink = self.peers["a2"], self.peers["a3"]
        before, dropped, arrived = pods(self.a), drops(self.a), sink.received()
        source.forward("txonly")
        try:
            wait_for(lambda: self.received("a2", before) > MANY, f"{MANY} frames are sent")
        finally:
            source.forward("icmpecho")
        wait_for(
            lambda: sink.received() - arrived == self.transmitted("a3", before),
            "what is transmitted arrives",
        )
        lost = new_drops(self.a, dropped)
        self.assertLessEqual(lost.keys(), {"transmit_queue_full"})
        self.assertEqual(
            self.transmitted("a3", before) + sum(lost.values()), self.received("a2", before)
        )
        self.assertGreater(self.transmitted("a3", before), FRAMES)
        self.assert_answered(self.b.pods[0].flood(sink.pod.address, count=100))

    def received(self, pod: str, before: dict[str, dict[str, int]]) -> int:
        return int(pods(self.a)[pod]["received_frames"] - before[pod]["received_frames"])

    def transmitted(self, pod: str, before: dict[str, dict[str, int]]) -> int:
        return int(pods(self.a)[pod]["transmitted_frames"] - before[pod]["transmitted_frames"])

    def test_a_pod_that_sends_in_anothers_name(self) -> None:
        before = drops(self.b)
        target = self.peers["a2"]
        arrived = target.received() + FRAMES
        self.send(self.peers["b3"])
        self.send(
            self.peers["b2"]
        )  # honest, by the same worker and wire: it would come after those
        self.wait_until_received(target, arrived)
        self.assertEqual(target.received(), arrived)
        self.assertEqual(new_drops(self.b, before), {"spoofed_ip": FRAMES})
        last = self.b.podwarp.telemetry.ask("/podwarp/drops,spoofed_ip")
        self.assertEqual(last["last_ports"], ["default/b3"])


class WhyDown(BedTest):
    """Nobody is in the vhost-user pods but whom a test puts there."""

    pods = {"a": 1}
    vhost_pods = {"a": [CLIENT, SERVER, SERVER]}
    client: VhostPod
    server: VhostPod
    with_rights: VhostPod

    @classmethod
    def edit(cls, bed: TestBed, node: Node) -> None:
        cls.client, cls.server, cls.with_rights = node.vhost_pods
        rights = {"socket_mode": "0620", "group": "daemon"}
        node.config["pods"][-1] = cls.with_rights.config(**rights)

    def state(self, pod: VhostPod) -> Entry:
        return pods(self.a)[pod.name]

    def wait_for_reason(self, pod: VhostPod, reason: str) -> None:
        wait_for(lambda: bool(self.state(pod).get("why_down") == reason), f"{pod.name}: {reason}")
        self.assert_unanswered(self.a.pods[0].ping(pod.address, "-W", "0.1"))

    def test_no_socket(self) -> None:
        path = self.client.socket
        self.assertFalse(path.exists())
        self.wait_for_reason(
            self.client, f"there is no socket {path}: its listener has not made it"
        )

    def test_a_socket_without_listener(self) -> None:
        path = self.client.socket
        leave_stale(path)
        self.addCleanup(path.unlink)
        self.wait_for_reason(self.client, f"nobody listens on {path}")
        self.assertTrue(path.is_socket(), "it is the peer's")

    def test_a_file_that_is_no_socket(self) -> None:
        path = self.client.socket
        path.write_text("precious", encoding="ascii")
        self.addCleanup(path.unlink)
        self.wait_for_reason(self.client, f"{path} is no socket")
        self.assertEqual(path.read_text(encoding="ascii"), "precious")

    def test_nobody_connected(self) -> None:
        self.wait_for_reason(self.server, f"nobody is connected to {self.server.socket}")

    def test_a_peer_without_a_driver(self) -> None:
        path = self.server.socket
        peer = LightPeer(path, Memory.WITHHELD)
        self.addCleanup(peer.close)
        self.wait_for_reason(
            self.server,
            f"a peer is connected to {path}, but has not shared its memory yet: "
            "its driver is not running",
        )
        peer.close()
        self.wait_for_reason(self.server, f"nobody is connected to {path}")

    def test_a_peer_whose_memory_cannot_be_had(self) -> None:
        with self.assertRaises(OSError):
            LightPeer(self.server.socket, Memory.UNMAPPABLE)
        wait_for(
            lambda: "memory can't be mapped: its side must share it (QEMU: "
            in self.state(self.server).get("why_down", ""),
            "the reason is told",
        )
        self.check_a_good_peer()

    def test_a_peer_that_takes_its_memory_away(self) -> None:
        path = self.server.socket
        peer = LightPeer(path, Memory.REVOCABLE)
        self.addCleanup(peer.close)
        wait_for(lambda: bool(self.state(self.server)["up"]), "the port is up")
        peer.take_memory_away()
        self.assert_unanswered(self.a.pods[0].ping(self.server.address, "-W", "0.1"))
        reason = f"the guest on {path} took away memory that it had shared"
        wait_for(lambda: reason in self.a.podwarp.log(), reason)
        self.wait_for_reason(self.server, f"nobody is connected to {path}")
        self.check_a_good_peer()

    def test_a_peer_that_stops_in_the_middle_of_a_message(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
            peer.connect(str(self.with_rights.socket))
            peer.send(b"\1\0")
            self.check_a_good_peer()

    def test_a_peer_that_comes_and_goes(self) -> None:
        self.check_a_good_peer()

    def check_a_good_peer(self) -> None:
        peer = connect_when_listened(self.server.socket)
        self.addCleanup(peer.close)
        wait_for(lambda: bool(self.state(self.server)["up"]), "the port is up")
        peer.close()
        self.wait_for_reason(self.server, f"nobody is connected to {self.server.socket}")

    def test_rights_of_the_socket(self) -> None:
        path = self.with_rights.socket
        wait_for(
            lambda: path.exists() and stat.S_IMODE(path.stat().st_mode) == 0o620,
            f"{path} has its rights",
        )
        of_file = path.stat()
        self.assertEqual(grp.getgrgid(of_file.st_gid).gr_name, "daemon")
        self.assertNotEqual(self.server.socket.stat().st_gid, of_file.st_gid)

    def test_frames_for_a_pod_that_is_down_are_counted(self) -> None:
        before = drops(self.a)
        self.assert_unanswered(self.a.pods[0].ping(self.server.address, "-W", "0.1", count=3))
        self.assertEqual(new_drops(self.a, before), {"port_down": 3})
