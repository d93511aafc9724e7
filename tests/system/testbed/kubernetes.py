"""What tests with a Kubernetes API server are derived from: two nodes that follow it.

The server is in a namespace of its own, with a link to each node beside the pods' wire.
"""

import pathlib
from typing import ClassVar

from .bed import Node, Pod, TestBed
from .case import BedTest, binary
from .config import Config
from .kube_server import Json, KubeServer
from .namespace import join

SERVER = "172.31.0.1"


def node_object(node: Node) -> Json:
    return {
        "kind": "Node",
        "apiVersion": "v1",
        "metadata": {"name": node.name, "labels": {"kubernetes.io/hostname": node.name}},
        "spec": {"podCIDR": node.addresses.pod_range, "podCIDRs": [node.addresses.pod_range]},
        "status": {"addresses": [{"type": "InternalIP", "address": node.addresses.underlay}]},
    }


def pod_object(node: Node, pod: Pod, address: str = "") -> Json:
    address = address or pod.address
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {"name": pod.name, "namespace": "default", "uid": f"uid-{pod.name}"},
        "spec": {"nodeName": node.name, "containers": [{"name": "web"}]},
        "status": {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]},
    }


def service_object(name: str, address: str, port: int, **spec: object) -> Json:
    ports = [{"name": "http", "protocol": "TCP", "port": port, "targetPort": "http"}]
    return {
        "kind": "Service",
        "apiVersion": "v1",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "type": "ClusterIP",
            "clusterIP": address,
            "clusterIPs": [address],
            "ipFamilies": ["IPv4"],
            "ports": ports,
            **spec,
        },
    }


def slice_object(service: str, port: int, *endpoints: tuple[str, str]) -> Json:
    """Of ready endpoints: address and node's name."""
    return {
        "kind": "EndpointSlice",
        "apiVersion": "discovery.k8s.io/v1",
        "metadata": {
            "name": f"{service}-1",
            "namespace": "default",
            "labels": {"kubernetes.io/service-name": service},
        },
        "addressType": "IPv4",
        "ports": [{"name": "http", "protocol": "TCP", "port": port}],
        "endpoints": [
            {
                "addresses": [address],
                "conditions": {"ready": True, "serving": True, "terminating": False},
                "nodeName": node,
            }
            for address, node in endpoints
        ],
    }


class Cluster:
    """`with Cluster(bed) as cluster`: the API server serves, and knows the bed's nodes and pods."""

    def __init__(self, bed: TestBed) -> None:
        self._bed = bed
        self._control = bed.add_namespace("control")
        self._control.ip("addr", "add", f"{SERVER}/32", "dev", "lo")
        program = pathlib.Path(bed.binary).parent.parent / "tests/support/kube_server"
        self.kube = KubeServer(program, bed.directory / "kube", SERVER, self._control.command())

    def __enter__(self) -> "Cluster":
        self.kube.__enter__()
        for node in self._bed.nodes.values():
            self.kube.put(node_object(node), *(pod_object(node, pod) for pod in node.pods))
        return self

    def __exit__(self, *_: object) -> None:
        self.kube.__exit__()

    def join(self, node: Node) -> None:
        """A link to the server, and a configuration that leaves to Kubernetes what it can say."""
        link = f"mgmt-{node.addresses.letter}"
        join(self._control, node.namespace, link, 1500)
        network = f"172.31.{node.addresses.number}"
        self._control.ip("addr", "add", f"{network}.1/24", "dev", link)
        node.namespace.ip("addr", "add", f"{network}.2/24", "dev", link)
        node.namespace.ip("route", "add", SERVER, "via", f"{network}.1")
        for key in ("nodes", "node_pod_ranges"):
            del node.config[key]
        del node.config["host_port"]["address"]
        node.config["kubernetes"] = {"kubeconfig": str(self.kube.kubeconfig)}


class KubernetesTest(BedTest):
    """Nodes that follow the API server. Their pods come by podwarp's API, as from podwarp-cni."""

    kube: ClassVar[KubeServer]
    _cluster: ClassVar[Cluster]

    @classmethod
    def setUpClass(cls) -> None:
        bed = TestBed(binary(), pods=cls.pods, edit=cls.edit, pods_come_later=True)
        cls.bed = cls.enterClassContext(bed)
        for letter, node in bed.nodes.items():
            setattr(cls, letter, node)
        for node in bed.nodes.values():
            for pod in node.pods:
                tap = {"interface": "eth0", "netns": pod.namespace.path}
                body: Config = {"addresses": [pod.address], "port": {"tap": tap}}
                node.api.put(f"/v1/pods/default/{pod.name}", body)
        bed.wait_until_reachable()

    @classmethod
    def edit(cls, bed: TestBed, node: Node) -> None:
        if node.addresses.letter == "a":
            cls._cluster = cls.enterClassContext(Cluster(bed))
            cls.kube = cls._cluster.kube
        cls._cluster.join(node)
