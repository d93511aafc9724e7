"""Two nodes' pods come and go by podwarp-cni, with addresses from host-local."""

import functools
import itertools
import json
import pathlib
import random
import signal
from collections.abc import Iterable
from typing import Any

from testbed.arping import arping
from testbed.bed import Node, Pod, TestBed
from testbed.case import BedTest
from testbed.cni import Answer, Cni, finish
from testbed.command import wait_for
from testbed.namespace import Namespace
from testbed.process import remove_leftovers
from testbed.testpmd import Testpmd
from testbed.vhost import SERVER, VhostPod

PODS = 50  # of each node, and as many addresses
PAIRS = 40  # that are tried of all there are
TRY_AGAIN = 11


class Container(Pod):
    """What a runtime knows of one. It has an address once it was added."""

    def __init__(self, node: Node, name: str, namespace: Namespace) -> None:
        super().__init__(name, "", namespace)
        self.node = node

    @property
    def arguments(self) -> str:
        return f"IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME={self.name}"

    @property
    def has_interface(self) -> bool:
        return " eth0" in self.namespace.ip("-o", "link")


class Application(VhostPod):
    """In a container, by what it finds in its folder."""

    @property
    def directory(self) -> pathlib.Path:
        """Its log is not to stand beside the socket."""
        return self.socket.parents[2]


class CniCase(BedTest):
    pods = {"a": 0, "b": 0}

    @classmethod
    def edit(cls, bed: TestBed, node: Node) -> None:
        # So that podwarp answers ARP only for those who are there.
        node.config["hairpin_mode"] = "hairpin-veth"

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.networks = {node.name: cls.network(node) for node in (cls.a, cls.b)}

    networks: dict[str, Cni]

    @classmethod
    def network(cls, node: Node) -> Cni:
        directory = cls.bed.directory / f"cni-{node.addresses.letter}"
        directory.mkdir()
        api = node.config["api"]
        first, last = node.addresses.pod(1), node.addresses.pod(PODS)
        addresses = {"subnet": node.addresses.pod_range, "rangeStart": first, "rangeEnd": last}
        ipam = {"type": "host-local", "dataDir": str(directory), "ranges": [[addresses]]}
        return Cni(directory, pathlib.Path(api["socket"]), ipam, state=api["state"])

    def containers(self, node: Node, names: Iterable[str]) -> list[Container]:
        return [Container(node, name, self.bed.add_namespace(name)) for name in names]

    def try_all(self, command: str, containers: list[Container]) -> list[Answer]:
        """All at once."""
        calls = [
            self.networks[container.node.name].start(
                command, container.name, container.namespace.path, arguments=container.arguments
            )
            for container in containers
        ]
        return [finish(call) for call in calls]

    def all(self, command: str, containers: list[Container]) -> list[Any]:
        answers = self.try_all(command, containers)
        for container, answer in zip(containers, answers, strict=True):
            self.assertTrue(answer.ok, f"{command} {container.name}: {answer}")
        return [answer.printed for answer in answers]

    def add(self, containers: list[Container]) -> None:
        for container, result in zip(containers, self.all("ADD", containers), strict=True):
            container.address = result["ips"][0]["address"].partition("/")[0]

    def left(self, node: Node) -> tuple[list[str], list[str]]:
        """Pods, and addresses that are given away."""
        pods = [item["key"] for item in node.api.items("/v1/pods")]
        folder = self.networks[node.name].directory / "net"
        return pods, sorted(file.name for file in folder.glob("10.*"))


class ManyPods(CniCase):
    def setUp(self) -> None:
        self.chance = random.Random(5)

    def assert_all_reach_each_other(self, containers: list[Container]) -> None:
        for _ in range(PAIRS):
            here, there = self.chance.sample(containers, 2)
            self.assert_answered(here.ping(there.address))

    def test_they_come_and_go_and_podwarp_dies(self) -> None:
        first = {
            node.name: self.containers(node, [f"{node.addresses.letter}{n}" for n in range(PODS)])
            for node in (self.a, self.b)
        }
        everybody = [container for some in first.values() for container in some]
        self.add(everybody)
        self.assertEqual(len({container.address for container in everybody}), 2 * PODS)
        self.assert_all_reach_each_other(everybody)

        self.a.podwarp.stop(signal.SIGKILL)
        (said,) = self.try_all("DEL", everybody[:1])
        self.assertEqual(said.code, TRY_AGAIN)
        self.a.podwarp.start()
        self.wait_until_reachable(everybody)
        self.assert_all_reach_each_other(everybody)

        gone = [container for some in first.values() for container in some[::2]]
        kept = [container for container in everybody if container not in gone]
        self.all("DEL", gone)
        self.all("DEL", gone)
        self.assert_nobody_answers_for(gone, kept)
        self.assert_all_reach_each_other(kept)

        new = self.addition_while_podwarp_dies()
        self.assertEqual(
            {container.address for container in new}, {container.address for container in gone}
        )
        self.wait_until_reachable(new)
        self.assert_all_reach_each_other(kept + new)
        self.all("DEL", gone)  # late ones, once more: the new owners keep their addresses
        for container in new[:5]:
            self.assert_answered(kept[0].ping(container.address))
            self.assertFalse(any(old.has_interface for old in gone))

        self.all("DEL", kept + new)
        for node in (self.a, self.b):
            self.assertEqual(self.left(node), ([], []))
        self.assertFalse(any(container.has_interface for container in kept + new))

    def wait_until_reachable(self, containers: list[Container]) -> None:
        for container in containers:
            is_there = functools.partial(container.reaches, container.node.addresses.gateway)
            wait_for(is_there, f"{container.name} is back")

    def assert_nobody_answers_for(self, gone: list[Container], kept: list[Container]) -> None:
        for old in gone[:3]:
            beside = next(other for other in kept if other.node is old.node)
            across = next(other for other in kept if other.node is not old.node)
            self.assertEqual(arping(beside, old.address), [])
            self.assert_unanswered(beside.ping(old.address, "-W", "0.2"))
            self.assert_unanswered(across.ping(old.address, "-W", "0.2"))
            self.assertFalse(old.has_interface)

    def addition_while_podwarp_dies(self) -> list[Container]:
        """What fails then is taken back by the runtime's DEL, and tried again."""
        new = [
            container
            for node in (self.a, self.b)
            for container in self.containers(
                node, [f"{node.addresses.letter}-new-{n}" for n in range(PODS // 2)]
            )
        ]
        calls = [
            self.networks[container.node.name].start(
                "ADD", container.name, container.namespace.path, arguments=container.arguments
            )
            for container in new
        ]
        wait_for(lambda: any(call.poll() is not None for call in calls), "one was added")
        self.a.podwarp.stop(signal.SIGKILL)
        answers = [finish(call) for call in calls]
        self.a.podwarp.start()
        failed = [c for c, answer in zip(new, answers, strict=True) if not answer.ok]
        print(f"# {len(failed)} of {len(new)} had to be added again", flush=True)
        self.all("DEL", failed)
        for container, answer in zip(new, answers, strict=True):
            if answer.ok:
                container.address = answer.printed["ips"][0]["address"].partition("/")[0]
        self.add(failed)
        return new


class OnePod(CniCase):
    """One of each kind."""

    numbers = itertools.count()

    def setUp(self) -> None:
        (self.far,) = self.containers(self.b, [f"far-{next(self.numbers)}"])
        self.add([self.far])
        self.addCleanup(self.all, "DEL", [self.far])

    def container(self, name: str) -> Container:
        (container,) = self.containers(self.a, [name])
        return container

    def call(self, command: str, container: Container, **keys: Any) -> Any:
        cni = self.networks["node-a"].with_keys(**keys)
        netns = container.namespace.path
        answer = cni.call(command, container.name, netns, arguments=container.arguments)
        self.assertTrue(answer.ok, answer)
        return answer.printed

    def test_checked_from_its_coming_to_its_going(self) -> None:
        container = self.container("checked")
        result = self.call("ADD", container, mtu=1400)
        container.address = result["ips"][0]["address"].partition("/")[0]
        self.assertEqual(result["ips"][0]["address"], f"{container.address}/16")
        self.assertEqual(result["interfaces"][0]["mac"], container.mac)
        self.assertIn("mtu 1400", container.namespace.ip("link", "show", "eth0"))
        item = self.a.api.get("/v1/pods/shop/checked")
        self.assertEqual(item["object"]["sandbox"], "net/checked/eth0")
        self.call("CHECK", container, prevResult=result)
        self.assert_answered(container.ping(self.far.address))
        self.a.podwarp.stop(signal.SIGKILL)
        self.a.podwarp.start()
        self.call("CHECK", container, prevResult=result)
        container.namespace.ip("link", "del", "eth0")
        cni = self.networks["node-a"].with_keys(prevResult=result)
        said = cni.call("CHECK", "checked", container.namespace.path, arguments=container.arguments)
        self.assertIn("eth0 in ", said.details)
        self.call("DEL", container)

    def test_behind_the_gateway(self) -> None:
        container = self.container("routed")
        result = self.call("ADD", container, on_link=False)
        self.addCleanup(self.call, "DEL", container)
        address = result["ips"][0]["address"]
        self.assertTrue(address.endswith("/32"), address)
        self.assertIn(f"inet {address} ", container.namespace.ip("address", "show", "eth0"))
        gateway = self.a.addresses.gateway
        routes = container.namespace.ip("route")
        self.assertIn(f"default via {gateway} dev eth0", routes)
        self.assertIn(f"{gateway} dev eth0 proto 119 scope link", routes)
        self.call("CHECK", container, on_link=False, prevResult=result)
        self.assert_answered(container.ping(gateway))
        self.assert_answered(container.ping(self.far.address))
        neighbors = container.namespace.ip("neighbor", "show", "dev", "eth0")
        self.assertNotIn(self.far.address, neighbors)

    def test_a_new_sandbox_of_the_same_pod(self) -> None:
        """As Kubernetes makes one after a fault; the old one's DEL comes when it likes."""
        old, new = self.container("old-sandbox"), self.container("new-sandbox")
        names = "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web"
        cni = self.networks["node-a"]

        def call(command: str, container: Container) -> Answer:
            netns = container.namespace.path
            answer = cni.call(command, container.name, netns, arguments=names)
            self.assertTrue(answer.ok, answer)
            return answer

        call("ADD", old)
        new.address = call("ADD", new).printed["ips"][0]["address"].partition("/")[0]
        self.assert_answered(self.far.ping(new.address))
        self.assertFalse(old.has_interface)
        for _ in range(2):
            call("DEL", old)
            self.assert_answered(self.far.ping(new.address))
        call("DEL", new)
        self.assertEqual(self.left(self.a), ([], []))

    def test_two_interfaces(self) -> None:
        container = self.container("double")
        cni = self.networks["node-a"]
        for interface in ("eth0", "net1"):
            answer = cni.call(
                "ADD", "double", container.namespace.path, interface, container.arguments
            )
            self.assertTrue(answer.ok, answer)
        keys = {item["key"] for item in self.a.api.items("/v1/pods")}
        self.assertEqual(keys, {"shop/double", "shop/double.net1"})
        cni.call("DEL", "double", container.namespace.path, "net1", container.arguments)
        self.assertNotIn("net1", container.namespace.ip("link"))
        self.assertTrue(container.has_interface)
        self.call("DEL", container)
        self.assertEqual(self.left(self.a), ([], []))

    def test_vhost_user(self) -> None:
        """A DPDK application attaches by what it finds in its folder."""
        container = self.container("dpdk-application")
        sockets = self.bed.directory / "sockets"
        keys = {"mode": "vhost-user", "socket_directory": str(sockets)}
        self.call("ADD", container, **keys)
        folder = sockets / container.name
        (file,) = folder.glob("configData-*.json")
        data = json.loads(file.read_text(encoding="utf-8"))
        address = data["ipResult"]["ips"][0]["address"].partition("/")[0]
        peer = Application(
            container.name,
            address,
            data["ipResult"]["interfaces"][0]["mac"],
            folder / data["config"]["vhost"]["socketfile"],
            SERVER,
        )
        testpmd = Testpmd(self.a.namespace, peer)
        testpmd.start("icmpecho")
        try:
            wait_for(
                lambda: bool(self.a.api.get(f"/v1/pods/shop/{container.name}")["status"]["up"]),
                "the application is connected",
            )
            self.assert_answered(self.far.ping(address))
        finally:
            testpmd.kill()
            remove_leftovers(peer.prefix)
        for _ in range(2):
            self.call("DEL", container, **keys)
        self.assertEqual(list(sockets.iterdir()), [])
        self.assertEqual(self.left(self.a), ([], []))
