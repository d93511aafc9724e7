"""What tests of services are derived from."""

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from typing import ClassVar

from .backend import ECHO_PORT, WEB_PORT, EchoBackend, WebBackend
from .bed import Pod
from .caller import Caller, Endpoint, node_caller, pod_caller
from .case import BedTest
from .config import Config

HTTP, UDP_ECHO = 80, 7
STREAM, STREAM_PORT = 9000, 9001  # for whoever listens there itself


def backends(pods: Sequence[Pod], port: int, state: str = "ready") -> list[Config]:
    return [{"address": pod.address, "port": port, "state": state} for pod in pods]


def ports(http: list[Config], echo: list[Config], streams: list[Config]) -> list[Config]:
    """A service's, one for each kind of backend."""
    return [
        {"name": "http", "port": HTTP, "backends": http},
        {"name": "echo", "port": UDP_ECHO, "protocol": "udp", "backends": echo},
        {"name": "stream", "port": STREAM, "backends": streams},
    ]


class ServiceTest(BedTest):
    """A web and an echo backend in each pod. Each test makes services of its own, at both nodes.

    Who calls them is each node's first pod, and each node itself.
    """

    pods = {"a": 3, "b": 3}
    callers: ClassVar[list[Caller]]
    _numbers: ClassVar[Iterator[int]]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls._numbers = itertools.count(10)
        cls.callers = []
        for node in cls.bed.nodes.values():
            cls.callers += [pod_caller(node, node.pods[0]), node_caller(node)]
            for pod in node.pods:
                for kind in (WebBackend, EchoBackend):
                    cls.enterClassContext(kind(pod.name, pod.namespace, pod.address))

    def new_service(
        self, pods: Sequence[Pod], terminating: Sequence[Pod] = (), **fields: object
    ) -> str:
        """Its address. Gone after the test."""
        address = f"10.96.0.{next(self._numbers)}"
        self.addCleanup(self.remove_service, address)
        self.set_service(address, pods, terminating, **fields)
        return address

    def set_service(
        self, address: str, pods: Sequence[Pod], terminating: Sequence[Pod] = (), **fields: object
    ) -> None:
        """Has these backends from now on."""
        kinds = [
            backends(pods, port) + backends(terminating, port, "terminating")
            for port in (WEB_PORT, ECHO_PORT, STREAM_PORT)
        ]
        body: Config = {"address": address, "ports": ports(*kinds), **fields}
        for node in self.bed.nodes.values():
            node.api.put(_path(address), body)

    def remove_service(self, address: str) -> None:
        for node in self.bed.nodes.values():
            with contextlib.suppress(OSError):  # podwarp isn't there, since the test has failed
                node.api.delete(_path(address))


def web(address: str) -> Endpoint:
    return address, HTTP


def udp_echo(address: str) -> Endpoint:
    return address, UDP_ECHO


def stream(address: str) -> Endpoint:
    return address, STREAM


def _path(address: str) -> str:
    return f"/v1/services/default/s-{address.replace('.', '-')}"
