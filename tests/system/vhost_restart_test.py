"""Peers of vhost-user ports die and come back, and so does podwarp; others don't notice."""

import os
import signal
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

from testbed.case import BedTest
from testbed.command import wait_for
from testbed.counters import pods
from testbed.light_peer import LightPeer, connect_when_listened
from testbed.ping import Ping
from testbed.testpmd import Testpmd
from testbed.unix_socket import leave_stale, listen
from testbed.vhost import CLIENT, SERVER, VhostPod

ROUNDS = 25  # with two peers killed in each


class PeerRestart(BedTest):
    """a2 and a3 are killed over and over while one floods the other; a4 must not notice."""

    pods = {"a": 1}
    vhost_pods = {"a": [CLIENT, SERVER, CLIENT]}
    victims: ClassVar[list[Testpmd]]
    steady: ClassVar[Testpmd]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        *cls.victims, cls.steady = (Testpmd(cls.a.namespace, pod) for pod in cls.a.vhost_pods)
        cls.steady.start()
        cls.wait_until_reached(cls.steady)

    @classmethod
    def wait_until_reached(cls, peer: Testpmd) -> None:
        """testpmd may forward a while before podwarp has noticed that it is there."""
        address = peer.pod.address
        wait_for(lambda: cls.a.pods[0].reaches(address), f"{peer.pod.name} is reached")

    def start_under_load(self, sink: Testpmd, source: Testpmd) -> None:
        """Returns when the sink has got frames from the source, which sends on."""
        sink.start("rxonly")
        source.start(
            "txonly",
            f"--tx-ip={source.pod.address},{sink.pod.address}",
            f"--eth-peer=0,{self.a.addresses.virtual_mac}",
        )
        wait_for(lambda: sink.received() > 0, f"{sink.pod.name} receives")

    def kill(self) -> None:
        for victim in self.victims:
            victim.kill()
        names = [victim.pod.name for victim in self.victims]
        wait_for(lambda: not any(pods(self.a)[name]["up"] for name in names), "both are down")

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.a.podwarp.pid}/fd"))

    def test_another_port_loses_nothing(self) -> None:
        descriptors: list[int] = []
        over = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            pinging = pool.submit(self.ping_until, over)
            try:
                for number in range(ROUNDS):
                    # In turn the one and the other is the sender, and dies second.
                    self.start_under_load(*self.victims[:: 1 if number % 2 else -1])
                    self.kill()
                    descriptors.append(self.descriptors())
            finally:
                over.set()
        pings = pinging.result()
        for ping in pings:
            self.assert_answered(ping)
        self.assertGreaterEqual(len(pings), 2, "pinged before the first and after the last")
        print(f"# {sum(ping.sent for ping in pings)} pings meanwhile", flush=True)
        self.assertLess(descriptors[-1] - descriptors[0], ROUNDS, descriptors)
        for victim in self.victims:
            victim.start()
            self.wait_until_reached(victim)
            self.assert_answered(self.a.pods[0].flood(victim.pod.address, count=200))
            victim.kill()

    def ping_until(self, over: threading.Event) -> list[Ping]:
        """Until then, or until one is lost: that needn't be found out over and over."""
        pings: list[Ping] = []
        while not over.is_set() and all(ping.ok for ping in pings[-1:]):
            pings.append(self.a.pods[0].flood(self.steady.pod.address, count=500))
        return pings


class PodwarpRestart(BedTest):
    """a2 is a testpmd that podwarp connects to; podwarp listens on the sockets of a3 and a4."""

    pods = {"a": 1, "b": 1}
    vhost_pods = {"a": [CLIENT, SERVER, SERVER]}

    def setUp(self) -> None:
        if not self.a.podwarp.is_running():  # since the test before failed
            self.a.podwarp.start()
        self.pod, self.outside = self.a.pods[0], self.b.pods[0]
        self.client, self.server, self.disputed = self.a.vhost_pods

    def wait_for_reason(self, pod: VhostPod, reason: str) -> None:
        wait_for(
            lambda: bool(pods(self.a)[pod.name].get("why_down") == reason),
            f"{pod.name}: {reason}",
        )

    def check_served(self, pod: VhostPod) -> None:
        """The port is up for whoever connects to podwarp's socket."""
        peer = connect_when_listened(pod.socket)
        self.addCleanup(peer.close)
        wait_for(lambda: bool(pods(self.a)[pod.name]["up"]), f"{pod.name} is up")
        peer.close()
        self.wait_for_reason(pod, f"nobody is connected to {pod.socket}")

    def test_a_peer_that_listens_need_do_nothing(self) -> None:
        peer = Testpmd(self.a.namespace, self.client)
        peer.start()
        self.addCleanup(peer.kill)
        self.wait_until_reached(peer)
        file = self.client.socket.stat()
        for how in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
            with self.subTest(how=how.name):
                self.a.podwarp.stop(how)
                self.assertEqual(self.client.socket.stat().st_ino, file.st_ino)
                self.assertFalse(self.outside.reaches(self.client.address))
                self.a.podwarp.start()
                self.wait_until_reached(peer)

    def wait_until_reached(self, peer: Testpmd) -> None:
        address = peer.pod.address
        wait_for(lambda: self.outside.reaches(address), f"{peer.pod.name} is reached")
        self.assert_answered(self.outside.flood(address, count=300))
        self.assert_answered(self.pod.flood(address, count=300))

    def test_a_socket_of_podwarps_own_that_was_left_is_replaced(self) -> None:
        self.check_served(self.server)
        peer = LightPeer(self.server.socket)
        self.addCleanup(peer.close)
        self.a.podwarp.stop(signal.SIGKILL)
        left = self.server.socket.stat()
        self.a.podwarp.start()
        self.check_served(self.server)
        self.assertNotEqual(self.server.socket.stat().st_ctime_ns, left.st_ctime_ns)

    def test_no_socket_is_left_by_an_orderly_end(self) -> None:
        self.assertTrue(self.server.socket.is_socket())
        self.a.podwarp.stop(signal.SIGTERM)
        self.assertFalse(self.server.socket.exists())
        self.a.podwarp.start()
        self.check_served(self.server)

    def test_a_socket_that_was_removed_is_made_again(self) -> None:
        self.server.socket.unlink()
        wait_for(self.server.socket.is_socket, "podwarp makes its socket again")
        self.check_served(self.server)

    def test_a_socket_that_somebody_else_listens_on(self) -> None:
        path = self.disputed.socket
        self.a.podwarp.stop()
        other = listen(path)
        self.addCleanup(other.close)
        file = path.stat()
        self.a.podwarp.start()
        self.wait_for_reason(self.disputed, f"another process listens on {path}")
        self.check_served(self.server)
        self.a.podwarp.stop()
        self.assertEqual(path.stat().st_ino, file.st_ino)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.connect(str(path))
        self.a.podwarp.start()
        self.wait_for_reason(self.disputed, f"another process listens on {path}")
        other.close()  # its file is stale from now on
        self.wait_for_reason(self.disputed, f"nobody is connected to {path}")
        self.check_served(self.disputed)

    def test_a_file_in_the_way(self) -> None:
        path = self.disputed.socket
        self.a.podwarp.stop()
        path.write_text("precious", encoding="ascii")
        self.addCleanup(path.unlink)
        self.a.podwarp.start()
        self.wait_for_reason(self.disputed, f"{path} exists and is no socket; remove it")
        self.assertEqual(path.read_text(encoding="ascii"), "precious")

    def test_another_podwarps_stale_socket(self) -> None:
        self.a.podwarp.stop()
        leave_stale(self.server.socket)
        self.a.podwarp.start()
        self.check_served(self.server)
