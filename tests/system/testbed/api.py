"""A node's API, as a program asks it."""

import http.client
import json
import pathlib
import socket
from typing import Any

Json = dict[str, Any]

_JSON = "application/json"
_LINES = "application/x-ndjson"


class Refused(Exception):
    """The API said no."""

    def __init__(self, status: int, error: Json) -> None:
        super().__init__(f"{status}: {error['message']}")
        self.status = status
        self.code = error["code"]
        self.message = error["message"]


class Connection:
    """One question after the other."""

    def __init__(self, path: str) -> None:
        self._http = UnixConnection(path)

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def send(self, method: str, path: str, body: Json | bytes | None = None) -> None:
        """Bytes are lines of JSON."""
        if body is None:
            self._http.request(method, path)
        elif isinstance(body, bytes):
            self._http.request(method, path, body, {"Content-Type": _LINES})
        else:
            self._http.request(method, path, json.dumps(body), {"Content-Type": _JSON})

    def receive(self) -> Json:
        answer = self._http.getresponse()
        said: Json = json.loads(answer.read())
        if answer.status >= 400:
            raise Refused(answer.status, said["error"])
        return said

    def ask(self, method: str, path: str, body: Json | bytes | None = None) -> Json:
        self.send(method, path, body)
        return self.receive()


class Api:
    """Each question has a connection of its own."""

    def __init__(self, path: str | pathlib.Path) -> None:
        self.socket = str(path)

    def connect(self) -> Connection:
        return Connection(self.socket)

    def get(self, path: str) -> Json:
        return self._ask("GET", path)

    def put(self, path: str, body: Json) -> Json:
        return self._ask("PUT", path, body)

    def delete(self, path: str) -> Json:
        return self._ask("DELETE", path)

    def post(self, path: str) -> Json:
        return self._ask("POST", path)

    def bulk(self, *edits: Json) -> Json:
        return self.bulk_text("".join(json.dumps(edit) + "\n" for edit in edits).encode())

    def bulk_text(self, lines: bytes) -> Json:
        return self._ask("POST", "/v1/bulk", lines)

    def items(self, path: str) -> list[Json]:
        """All of a list, page by page."""
        page = self.get(path)
        items: list[Json] = page["items"]
        while page.get("next") is not None:
            page = self.get(f"{path}?after={page['next']}")
            items += page["items"]
        return items

    def _ask(self, method: str, path: str, body: Json | bytes | None = None) -> Json:
        with self.connect() as connection:
            return connection.ask(method, path, body)


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("podwarp", timeout=60)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
