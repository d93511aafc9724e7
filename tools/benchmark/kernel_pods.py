"""Two pods in network namespaces, on one node or on two: joined by podwarp, or by Linux alone."""

import abc
import contextlib
from collections.abc import Iterator

from testbed.bed import Node, Pod, TestBed
from testbed.iperf import iperf
from testbed.namespace import Namespace

from .bench import Bench
from .contender import Contender, Sample
from .errors import BenchError

LINUX = "Linux"
# At a rate: without one two cores are the sender's and the worker's, and who receives gets no time
# to empty its socket. Over veth alone the sender's own thread does the receiver's work.
UDP_RATE = "1 Gbit/s"
_UDP = ("-u", "-b", "1G", "-l", "1400")
_A, _B = "10.244.1.10", "10.244.2.10"


class KernelPods(Contender):
    """iperf3 between them; the value is in Gbit/s of what has arrived."""

    target = ""  # by what address the server is called, if not by its own

    def __init__(self, name: str, *, udp: bool) -> None:
        super().__init__(name)
        self._udp = udp

    @abc.abstractmethod
    def pods(self) -> contextlib.AbstractContextManager[tuple[Pod, Pod]]:
        """Made when they are wanted, and removed after."""

    def measure(self, seconds: float) -> Sample:
        with self.pods() as (client, server):
            options = ["-t", f"{max(1, round(seconds))}", "-O", "1"]
            if not self._udp:
                said = iperf(client, server, *options, target=self.target)["sum_received"]
                return _sample(said["bits_per_second"], {})
            said = iperf(client, server, *options, *_UDP, target=self.target)["sum"]
            lost = said["lost_percent"]
            return _sample(said["bits_per_second"] * (1 - lost / 100), {"lost_%": lost})


def _sample(bits_per_second: float, details: dict[str, float]) -> Sample:
    if bits_per_second <= 0:
        raise BenchError("iperf3 has brought nothing over")
    return Sample(bits_per_second / 1e9, details=details)


class PodwarpPods(KernelPods):
    """Taps; between nodes a veth pair that each podwarp has by net_af_packet."""

    def __init__(self, bench: Bench, *, nodes: int, udp: bool, name: str = "podwarp") -> None:
        super().__init__(name, udp=udp)
        self._binary = str(bench.podwarp)
        self._nodes = nodes

    def edit(self, bed: TestBed, node: Node) -> None:
        """May change a node's configuration before its start."""

    @contextlib.contextmanager
    def pods(self) -> Iterator[tuple[Pod, Pod]]:
        layout = {"a": 2} if self._nodes == 1 else {"a": 1, "b": 1}
        with TestBed(self._binary, "bench", layout, edit=self.edit) as bed:
            client, server = (pod for node in bed.nodes.values() for pod in node.pods)
            yield client, server


class LinuxPods(KernelPods):
    """veth pairs with all that the kernel offloads; a bridge on one node, routing between two."""

    def __init__(self, bench: Bench, *, nodes: int, udp: bool) -> None:
        super().__init__(LINUX, udp=udp)
        self._prefix = bench.unique("linux")
        self._nodes = nodes

    @contextlib.contextmanager
    def pods(self) -> Iterator[tuple[Pod, Pod]]:
        with contextlib.ExitStack() as stack:

            def namespace(name: str) -> Namespace:
                space = Namespace(f"{self._prefix}-{name}")
                stack.callback(space.remove)
                space.create()
                return space

            pods = [Pod(name, ip, namespace(name)) for name, ip in (("pod-a", _A), ("pod-b", _B))]
            if self._nodes == 1:
                _bridge(namespace("node"), pods)
            else:
                _route([namespace("node-a"), namespace("node-b")], pods)
            yield pods[0], pods[1]


def _bridge(node: Namespace, pods: list[Pod]) -> None:
    node.ip("link", "add", "name", "bridge0", "up", "type", "bridge")
    for pod in pods:
        _plug(pod, node)
        node.ip("link", "set", "dev", pod.name, "master", "bridge0")
        pod.namespace.ip("address", "add", f"{pod.address}/16", "dev", "eth0")


def _route(nodes: list[Namespace], pods: list[Pod]) -> None:
    there = ["netns", nodes[1].name]
    nodes[0].ip("link", "add", "name", "wire", "type", "veth", "peer", "name", "wire", *there)
    for number, (node, pod, other) in enumerate(zip(nodes, pods, pods[::-1], strict=True), start=1):
        _plug(pod, node)
        gateway = pod.address.rpartition(".")[0] + ".1"
        node.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        node.ip("address", "add", f"{gateway}/24", "dev", pod.name)
        node.ip("address", "add", f"192.168.50.{number}/24", "dev", "wire")
        node.ip("link", "set", "wire", "up")
        node.ip("route", "add", f"{other.address}/32", "via", f"192.168.50.{3 - number}")
        pod.namespace.ip("address", "add", f"{pod.address}/24", "dev", "eth0")
        pod.namespace.ip("route", "add", "default", "via", gateway)


def _plug(pod: Pod, node: Namespace) -> None:
    """eth0 of the pod is the other end of the node's interface with the pod's name."""
    where = ["netns", pod.namespace.name]
    node.ip("link", "add", "name", pod.name, "up", "type", "veth", "peer", "name", "eth0", *where)
    pod.namespace.ip("link", "set", "eth0", "up")
