"""Nodes with as many vhost-user pods as there can be, of which three are used."""

import collections
import copy
import re
import subprocess
import time
from typing import ClassVar

from testbed.bed import Node, TestBed
from testbed.case import BedTest, binary
from testbed.command import wait_for
from testbed.config import Config, to_yaml
from testbed.counters import pods
from testbed.light_peer import LightPeer, connect_when_listened
from testbed.process import remove_leftovers
from testbed.testpmd import Testpmd
from testbed.unix_socket import leave_stale
from testbed.vhost import CLIENT, SERVER, VhostPod

CLIENTS, SERVERS = 1000, 500
USED = 3
WATCHED_SECONDS = 2
# A worker makes some ten rounds a second if it sleeps, and a million or more if it doesn't.
ROUNDS_A_SECOND = 50_000


class ManyPods(BedTest):
    """The first three have a testpmd in them."""

    pods = {"a": 1}
    mode: ClassVar[str]
    count: ClassVar[int]
    silent: ClassVar[list[VhostPod]]

    @classmethod
    def edit(cls, bed: TestBed, node: Node) -> None:
        node.config["node_pod_ranges"] = ["10.244.0.0/16"]
        cls.silent = [
            silent_pod(bed, number, cls.mode) for number in range(cls.count - len(node.vhost_pods))
        ]
        node.config["pods"] += [pod.config() for pod in cls.silent]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        for pod in cls.a.vhost_pods:
            if not pod.listens:
                wait_for(pod.socket.is_socket, f"podwarp makes {pod.socket}")
            Testpmd(cls.a.namespace, pod).start()
        reached = {pod.name for pod in cls.a.vhost_pods}
        wait_for(
            lambda: reached <= {name for name, pod in pods(cls.a).items() if pod["up"]},
            "the three are connected",
        )

    def check_the_three(self) -> None:
        for pod in self.a.vhost_pods:
            self.assert_answered(self.a.pods[0].flood(pod.address, count=500))

    def check_the_limit(self) -> None:
        """With one more, the last is refused by name."""
        config = copy.deepcopy(self.a.config)
        config["memory"]["file_prefix"] = self.bed.spare_prefix
        config["pods"].append(silent_pod(self.bed, self.count, self.mode).config())
        ways: dict[str, list[str]] = {"checked": ["--check_config"], "started": []}
        for way, arguments in ways.items():
            with self.subTest(way):
                result = self.start_another(config, *arguments)
                self.assertEqual(result.returncode, 1, result.stdout)
                self.assertEqual(
                    re.findall("pod (.*) has one vhost-user port too many", result.stdout),
                    [f"default/silent-{self.count}"],
                )
        del config["pods"][-1]
        result = self.start_another(config, "--check_config")
        self.assertEqual(result.returncode, 0, result.stdout[:1000])

    def start_another(self, config: Config, *arguments: str) -> subprocess.CompletedProcess[str]:
        file = self.bed.directory / "one-more.yaml"
        file.write_text(to_yaml(config), encoding="utf-8")
        return self.a.namespace.run(binary(), f"--config={file}", *arguments, check=False)

    def check_idle(self) -> None:
        """The worker sleeps."""
        (before,) = self.a.podwarp.telemetry.entries("/podwarp/workers")
        used, start = self.a.podwarp.cpu_seconds(), time.monotonic()
        time.sleep(WATCHED_SECONDS)
        (after,) = self.a.podwarp.telemetry.entries("/podwarp/workers")
        seconds = time.monotonic() - start
        used = self.a.podwarp.cpu_seconds() - used
        rounds = (after["rounds"] - before["rounds"]) / seconds
        print(f"# idle: {100 * used / seconds:.1f} % of a core, {rounds:.0f} rounds/s", flush=True)
        self.assertGreater(after["sleeps"], before["sleeps"])
        self.assertLess(rounds, ROUNDS_A_SECOND)


def silent_pod(bed: TestBed, number: int, mode: str) -> VhostPod:
    name = f"silent-{number}"
    address = f"10.244.{8 + number // 250}.{1 + number % 250}"
    mac = f"02:00:00:02:{number // 250:02x}:{number % 250:02x}"
    return VhostPod(name, address, mac, bed.directory / f"{name}.sock", mode)


class ManyClients(ManyPods):
    """Half of the silent pods have no socket, half have one that nobody listens on."""

    vhost_pods = {"a": [CLIENT] * USED}
    mode = CLIENT
    count = CLIENTS

    @classmethod
    def edit(cls, bed: TestBed, node: Node) -> None:
        super().edit(bed, node)
        for pod in cls.silent[::2]:
            leave_stale(pod.socket)

    def test_the_three_are_reached(self) -> None:
        self.check_the_three()

    def test_each_says_why_it_is_down(self) -> None:
        reasons: collections.Counter[str] = collections.Counter()
        for name, pod in pods(self.a).items():
            if name.startswith("silent-"):
                reasons[pod["why_down"].replace(name, "X")] += 1
        there = self.bed.directory
        without, stale = (CLIENTS - USED) // 2, (CLIENTS - USED + 1) // 2
        self.assertEqual(
            reasons,
            {
                f"there is no socket {there}/X.sock: its listener has not made it": without,
                f"nobody listens on {there}/X.sock": stale,
            },
        )

    def test_one_that_comes_late(self) -> None:
        pod = self.silent[0]
        peer = Testpmd(self.a.namespace, pod)
        self.addCleanup(remove_leftovers, pod.prefix)
        self.addCleanup(peer.kill)
        peer.start()
        wait_for(lambda: self.a.pods[0].reaches(pod.address), f"{pod.name} is reached")

    def test_one_more_is_refused(self) -> None:
        self.check_the_limit()

    def test_idle_costs_little(self) -> None:
        self.check_idle()


class ManyServers(ManyPods):
    """All silent pods are connected."""

    vhost_pods = {"a": [SERVER] * USED}
    mode = SERVER
    count = SERVERS
    peers: ClassVar[list[LightPeer]]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.peers = [connect_when_listened(pod.socket) for pod in cls.silent]
        for peer in cls.peers:
            cls.addClassCleanup(peer.close)
        wait_for(lambda: all(pod["up"] for pod in pods(cls.a).values()), "all are connected")

    def test_the_three_are_reached(self) -> None:
        self.check_the_three()

    def test_one_that_ends_and_comes_back(self) -> None:
        pod = self.silent[-1]
        self.peers[-1].close()
        wait_for(lambda: not pods(self.a)[pod.name]["up"], f"{pod.name} is down")
        self.peers[-1] = connect_when_listened(pod.socket)
        self.addClassCleanup(self.peers[-1].close)
        wait_for(lambda: bool(pods(self.a)[pod.name]["up"]), f"{pod.name} is up")

    def test_one_more_is_refused(self) -> None:
        self.check_the_limit()

    def test_idle_costs_little(self) -> None:
        self.check_idle()
