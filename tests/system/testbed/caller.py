"""Those who call services: pods, and the nodes themselves."""

import contextlib
import select
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .bed import Node, Pod
from .command import PATIENCE_SECONDS, wait_for
from .namespace import Namespace

Endpoint = tuple[str, int]


@dataclass(frozen=True)
class Answer:
    """Which backend gave it, and by which address it sees the caller."""

    backend: str
    seen_as: str


@dataclass(frozen=True)
class Caller:
    name: str
    address: str  # that a backend sees
    namespace: Namespace
    node: Node

    def get(self, service: Endpoint) -> Answer:
        """One page of a WebBackend's, by a connection of its own. Raises OSError."""
        with self.connect(service) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            said = b""
            while part := connection.recv(4096):
                said += part
        return _read(said.partition(b"\r\n\r\n")[2])

    def curl(self, service: Endpoint) -> Answer:
        address, port = service
        url = f"http://{address}:{port}/"
        return _read(self.namespace.run("curl", "-sS", "--noproxy", "*", url).stdout.encode())

    def connect(self, service: Endpoint) -> socket.socket:
        with self.namespace.entered():
            return socket.create_connection(service, timeout=PATIENCE_SECONDS)

    def begin(self, service: Endpoint) -> socket.socket:
        """A connection that waits for its first answer."""
        with self.namespace.entered():
            end = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        end.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            end.connect(service)
        return end

    def udp(self, service: Endpoint) -> socket.socket:
        """Connected: it hears the service alone, and of errors about what it sent there."""
        with self.namespace.entered():
            end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        end.settimeout(PATIENCE_SECONDS)
        end.connect(service)
        return end

    def echo(self, service: Endpoint, data: bytes = b"echo") -> Answer:
        """A datagram to an EchoBackend, from a port of its own. Raises OSError."""
        with self.udp(service) as end:
            return echo(end, data)


def echo(end: socket.socket, data: bytes) -> Answer:
    end.send(data)
    line, _, rest = end.recv(1 << 16).partition(b"\n")
    if rest != data:
        raise OSError(f"{len(data)} bytes were sent, {len(rest)} others came back")
    return _read(line)


def pod_caller(node: Node, pod: Pod) -> Caller:
    return Caller(pod.name, pod.address, pod.namespace, node)


def node_caller(node: Node) -> Caller:
    return Caller(node.name, node.addresses.host, node.namespace, node)


def listen(pod: Pod, port: int) -> socket.socket:
    with pod.namespace.entered():
        return socket.create_server((pod.address, port))


def connect(
    caller: Caller, service: Endpoint, listening: Mapping[str, socket.socket]
) -> tuple[socket.socket, socket.socket, str]:
    """A connection's two ends, and which of those who listen has the second."""
    here = caller.connect(service)
    accepting, _, _ = select.select(list(listening.values()), [], [], PATIENCE_SECONDS)
    name = next(name for name, server in listening.items() if server in accepting)
    there, _ = listening[name].accept()
    there.settimeout(PATIENCE_SECONDS)
    return here, there, name


@dataclass(frozen=True)
class Request:
    began: float  # time.monotonic()
    ended: float
    answer: Answer | None
    error: str


class Load:
    """Asks one request after the other, as a thread, from its making until stop()."""

    def __init__(self, caller: Caller, service: Endpoint) -> None:
        self.caller = caller
        self.requests: list[Request] = []
        self._service = service
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._ask, name=caller.name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._is_over.set()
        self._thread.join()

    def wait_for_more(self, count: int) -> None:
        """Until so many more have ended."""
        goal = len(self.requests) + count
        wait_for(lambda: len(self.requests) >= goal, f"{self.caller.name} asks {count} times")

    def failed(self) -> Iterator[Request]:
        return (request for request in self.requests if request.answer is None)

    def _ask(self) -> None:
        while not self._is_over.is_set():
            began = time.monotonic()
            answer, error = None, ""
            try:
                answer = self.caller.get(self._service)
            except (OSError, ValueError) as failure:
                error = repr(failure)
            self.requests.append(Request(began, time.monotonic(), answer, error))


def _read(said: bytes) -> Answer:
    """Raises ValueError if it was cut short."""
    backend, seen_as = said.decode().split()
    return Answer(backend, seen_as)
