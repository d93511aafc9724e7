"""The testbed: two nodes joined by a wire, each with its pods."""

import contextlib
import functools
import json
import os
import pathlib
import shutil
from collections.abc import Callable, Mapping, Sequence

from .api import Api
from .command import PATIENCE_SECONDS, wait_for
from .config import WIRE, Config, NodeAddresses, node_config, pod_config, to_yaml
from .flood import flood
from .namespace import Namespace, join
from .ping import Ping, ping
from .process import Podwarp, remove_leftovers
from .vhost import VhostPod

DEFAULT_PODS = {"a": 2, "b": 2}

live_beds: list["TestBed"] = []  # for whoever wants to show their logs


class Pod:
    """A container: a network namespace with an interface that podwarp makes."""

    def __init__(self, name: str, address: str, namespace: Namespace) -> None:
        self.name = name
        self.address = address
        self.namespace = namespace

    @property
    def mac(self) -> str:
        return self.namespace.run("cat", "/sys/class/net/eth0/address").stdout.strip()

    def run(self, *command: str, check: bool = True, timeout: float = PATIENCE_SECONDS) -> str:
        return self.namespace.run(*command, check=check, timeout=timeout).stdout

    def ping(self, target: str, *options: str, count: int = 1) -> Ping:
        return ping(self.namespace, target, *options, count=count)

    def flood(self, target: str, count: int, size: int = 56) -> Ping:
        """Pings as fast as answers come: many frames, but few on the way, so that none need be lost."""
        return flood(self.namespace, target, count, size)

    def reaches(self, target: str) -> bool:
        """At once: for those who ask again."""
        return self.ping(target, "-W", "0.2").ok


class Node:
    """A machine: a network namespace with podwarp in it, and the pods' namespaces beside it."""

    def __init__(
        self,
        addresses: NodeAddresses,
        namespace: Namespace,
        pods: list[Pod],
        vhost_pods: list[VhostPod],
    ) -> None:
        self.addresses = addresses
        self.namespace = namespace
        self.pods = pods
        self.vhost_pods = vhost_pods
        self.config: Config = {}
        self.wrapper: list[str] = []  # of podwarp, as Podwarp has it
        self.podwarp: Podwarp  # from the bed's start on
        self.api: Api  # as well

    @property
    def name(self) -> str:
        return self.addresses.name

    @property
    def is_made(self) -> bool:
        return hasattr(self, "podwarp")


class TestBed:
    """`with TestBed(...) as bed`: all of it up and forwarding, and all of it gone afterwards.

    `kind` is in the names of everything: /run/podwarp-KIND-PID, the namespaces, DPDK's prefixes.
    `pods` says how many each node has, `vhost_pods` podwarp's mode for each that it has of those:
    their numbers follow, and whoever wants something in them starts it. `edit` may change a node's
    configuration before its start. With `pods_come_later` podwarp isn't told of the pods.
    """

    def __init__(
        self,
        binary: str,
        kind: str = "test",
        pods: Mapping[str, int] = DEFAULT_PODS,
        vhost_pods: Mapping[str, Sequence[str]] = {},
        edit: Callable[["TestBed", Node], None] | None = None,
        wire_mtu_bytes: int = 1500,
        pods_come_later: bool = False,
    ) -> None:
        self.binary = binary
        self.tag = f"{kind}-{os.getpid()}"
        self.directory = pathlib.Path(f"/run/podwarp-{self.tag}")
        self.spare_prefix = self._prefix("spare")  # for a podwarp beside the nodes'
        self.nodes = {
            letter: self._node(letter, count, vhost_pods.get(letter, ()))
            for letter, count in pods.items()
        }
        self._edit = edit
        self._wire_mtu_bytes = wire_mtu_bytes
        self._pods_come_later = pods_come_later
        self._namespaces = [
            space
            for node in self.nodes.values()
            for space in (node.namespace, *(pod.namespace for pod in node.pods))
        ]

    def __getattr__(self, name: str) -> Node:
        """bed.a and bed.b are the nodes."""
        if name in self.__dict__.get("nodes", {}):
            return self.nodes[name]
        raise AttributeError(name)

    def __enter__(self) -> "TestBed":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def start(self) -> None:
        """All of it, or nothing if that fails. Who calls this calls remove(), or leaves it."""
        live_beds.append(self)
        try:
            self._make()
            for node in self.nodes.values():
                node.podwarp.start()
            if not self._pods_come_later:
                self.wait_until_reachable()
        except BaseException:
            self.remove()
            raise

    def add_namespace(self, name: str) -> Namespace:
        """One more, removed with the others."""
        namespace = Namespace(f"{self.tag}-{name}")
        self._namespaces.append(namespace)
        self._write_state()
        namespace.create()
        return namespace

    def vhost_pod(self, node: NodeAddresses, number: int, mode: str) -> VhostPod:
        """Who a vhost-user pod with this number would be."""
        name = f"{node.letter}{number}"
        socket = self.directory / f"{name}.sock"
        return VhostPod(name, node.pod(number), node.mac(number), socket, mode)

    def wait_until_reachable(self) -> None:
        """Every pod has its gateway."""
        for node in self.nodes.values():
            for pod in node.pods:
                is_there = functools.partial(pod.reaches, node.addresses.gateway)
                wait_for(is_there, f"{pod.name} reaches its gateway")

    def logs(self) -> dict[str, str]:
        """What each podwarp, and each program in a vhost-user pod, wrote since its last start."""
        logs = {}
        for node in self.nodes.values():
            if node.is_made:
                logs[node.name] = node.podwarp.log()
            for pod in node.vhost_pods:
                if pod.log_file.exists():
                    logs[pod.name] = pod.log_file.read_text(encoding="utf-8", errors="replace")
        return logs

    def remove(self) -> None:
        if self in live_beds:
            live_beds.remove(self)
        for node in self.nodes.values():
            if node.is_made and node.podwarp.is_running():
                with contextlib.suppress(TimeoutError):
                    node.podwarp.stop()
        remove_bed(self.directory)

    def _node(self, letter: str, pods: int, vhost_modes: Sequence[str]) -> Node:
        addresses = NodeAddresses(letter)
        return Node(
            addresses,
            Namespace(f"{self.tag}-{addresses.name}"),
            [
                Pod(f"{letter}{n}", addresses.pod(n), Namespace(f"{self.tag}-{letter}{n}"))
                for n in range(1, pods + 1)
            ],
            [
                self.vhost_pod(addresses, n, mode)
                for n, mode in enumerate(vhost_modes, start=pods + 1)
            ],
        )

    def _make(self) -> None:
        self.directory.mkdir()
        self._write_state()
        for namespace in self._namespaces:
            namespace.create()
        nodes = list(self.nodes.values())
        if len(nodes) == 2:
            join(nodes[0].namespace, nodes[1].namespace, WIRE, self._wire_mtu_bytes)
        for node in nodes:
            self._configure(node, [peer.addresses for peer in nodes if peer is not node])

    def _configure(self, node: Node, peers: list[NodeAddresses]) -> None:
        prefix = self._prefix(node.addresses.letter)
        pods = [pod_config(pod.name, pod.address, pod.namespace.path) for pod in node.pods]
        pods += [pod.config() for pod in node.vhost_pods]
        if self._pods_come_later:
            pods = []
        node.config = node_config(node.addresses, peers, pods, prefix, self.directory)
        if not peers:
            del node.config["uplinks"]
        if self._edit is not None:
            self._edit(self, node)
        file = self.directory / f"{node.name}.yaml"
        file.write_text(to_yaml(node.config), encoding="utf-8")
        if "api" in node.config:
            node.api = Api(node.config["api"]["socket"])
        node.podwarp = Podwarp(self.binary, node.namespace, file, prefix, node.wrapper)

    def _prefix(self, of: str) -> str:
        return f"podwarp-{self.tag}-{of}"

    def _write_state(self) -> None:
        peers = [pod.prefix for node in self.nodes.values() for pod in node.vhost_pods]
        state = {
            "namespaces": [namespace.name for namespace in self._namespaces],
            "prefixes": [self.spare_prefix, *map(self._prefix, self.nodes), *peers],
        }
        (self.directory / "state.json").write_text(json.dumps(state), encoding="utf-8")


def remove_bed(directory: pathlib.Path) -> None:
    """Removes a testbed by what its folder says, whoever made it; nothing there is fine."""
    state_file = directory / "state.json"
    if state_file.exists():
        state = json.loads(state_file.read_text(encoding="utf-8"))
        for name in state["namespaces"]:
            Namespace(name).remove()
        for prefix in state["prefixes"]:
            remove_leftovers(prefix)
    shutil.rmtree(directory, ignore_errors=True)
