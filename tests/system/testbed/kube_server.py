"""The tests' Kubernetes API server (tests/support/kube_server_main.cc), as a process."""

import json
import os
import pathlib
import signal
import subprocess
import urllib.parse
from collections.abc import Sequence
from typing import Any

from .api import UnixConnection
from .command import PATIENCE_SECONDS, wait_for

Json = dict[str, Any]

_RESOURCES = {
    "Node": "/api/v1/nodes",
    "Pod": "/api/v1/pods",
    "Service": "/api/v1/services",
    "EndpointSlice": "/apis/discovery.k8s.io/v1/endpointslices",
    "Event": "/api/v1/events",
}


class KubeServer:
    """`with KubeServer(binary, folder, address) as kube`: serves until the end.

    `kubeconfig` leads to it. `within` is a command before its own: that of a namespace, say.
    """

    def __init__(
        self,
        binary: str | pathlib.Path,
        folder: pathlib.Path,
        address: str = "127.0.0.1",
        within: Sequence[str] = (),
    ) -> None:
        self.folder = folder
        self.kubeconfig = folder / "kubeconfig"
        self.log_file = folder / "log"
        flags = [f"--folder={folder}", f"--address={address}", "--token=first"]
        self._command = [*within, str(binary), *flags]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "KubeServer":
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("wb") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        wait_for(self._is_ready, "the Kubernetes API server is ready")
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGTERM)
        self._process.wait(timeout=PATIENCE_SECONDS)

    def log(self) -> str:
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    @property
    def url(self) -> str:
        return self.log().partition("ready ")[2].strip()

    def put(self, *objects: Json) -> None:
        """Each with its `kind`; one with that name is replaced."""
        for each in objects:
            self._ask("PUT", _RESOURCES[each["kind"]], json.dumps(each))

    def get(self, kind: str, name: str, namespace: str = "") -> Json | None:
        """None if there is none. Nodes have no namespace."""
        found: Json | None = self._ask("GET", _path(kind, name, namespace))
        return found

    def all(self, kind: str) -> list[Json]:
        items: list[Json] = self._ask("GET", _RESOURCES[kind])
        return items

    def delete(self, kind: str, name: str, namespace: str = "") -> bool:
        return self._ask("DELETE", _path(kind, name, namespace)) is not None

    def act(self, what: str, **parameters: object) -> None:
        """What the program's head says of POST: cut with within_line, hang, resume, and others."""
        query = urllib.parse.urlencode({k: _text(v) for k, v in parameters.items()})
        self._ask("POST", f"/{what}?{query}", "")

    def set_token(self, token: str, in_file: bool = True) -> None:
        """From now on no other is good."""
        self._ask("PUT", f"/token?files={_text(in_file)}", token)

    def requests(self) -> list[str]:
        """ "GET /api/v1/nodes?limit=500", in the order in which they came."""
        asked: list[str] = self._ask("GET", "/requests")
        return asked

    def open_watches(self) -> int:
        count: int = self._ask("GET", "/watches")
        return count

    def _ask(self, method: str, target: str, body: str | None = None) -> Any:
        connection = UnixConnection(str(self.folder / "control"))
        try:
            connection.request(method, target, body)
            answer = connection.getresponse()
            said = answer.read()
        finally:
            connection.close()
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise RuntimeError(f"{method} {target}: {answer.status} {said.decode()}")
        return json.loads(said)

    def _is_ready(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"the Kubernetes API server has ended:\n{self.log()}")
        return self.url != ""


def _path(kind: str, name: str, namespace: str) -> str:
    resource = _RESOURCES[kind]
    if not namespace:
        return f"{resource}/{name}"
    prefix, _, plural = resource.rpartition("/")
    return f"{prefix}/namespaces/{namespace}/{plural}/{name}"


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
