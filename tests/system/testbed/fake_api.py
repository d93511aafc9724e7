"""Something that answers as podwarp's API does, keeps pods, and makes nothing of them."""

import http.server
import json
import pathlib
import socketserver
import threading
import urllib.parse
from typing import Any

Json = dict[str, Any]

MAC = "02:00:00:00:00:aa"  # of every pod
_PAGE = 2  # objects, so that a few are several pages


class FakeApi:
    """`with FakeApi(socket) as api`: listens until the end. Attributes may be changed any time."""

    def __init__(self, socket: pathlib.Path) -> None:
        self.socket = socket
        self.pods: dict[str, Json] = {}  # by key, as they were put
        self.requests: list[str] = []  # "METHOD path"
        self.is_ready = True
        self.why_down = ""  # of every pod; empty: they are up
        self.refusals: dict[str, str] = {}  # why a method is refused
        self.busy = 0  # so many requests are told to come again
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> "FakeApi":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        self._server = _Server(str(self.socket), _Handler)
        self._server.api = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def stop(self) -> None:
        """The socket's file stays, as that of a killed process does."""
        assert self._server is not None and self._thread is not None
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def reset(self) -> None:
        self.pods, self.requests, self.refusals = {}, [], {}
        self.is_ready, self.why_down, self.busy = True, "", 0

    def sandboxes(self) -> list[str]:
        return sorted(pod.get("sandbox", "") for pod in self.pods.values())

    def answer(self, method: str, target: str, body: Any) -> tuple[int, Json]:
        self.requests.append(f"{method} {target}")
        path = urllib.parse.urlsplit(target)
        if self.busy > 0:
            self.busy -= 1
            return _error(503, "unavailable", "too many connections")
        if path.path == "/readyz":
            ready = (200, {"ready": True})
            return ready if self.is_ready else _error(503, "unavailable", "not ready yet")
        if why := self.refusals.get(method):
            return _error(409, "failed_precondition", why)
        if path.path == "/v1/status":
            return 200, {"ready": self.is_ready, "gateway": "10.244.1.1"}
        if path.path == "/v1/config":
            return 200, {"pod_ranges": ["10.0.0.0/8", "10.244.0.0/16"]}
        if path.path == "/v1/pods":
            return self._page(dict(urllib.parse.parse_qsl(path.query)).get("after", ""))
        return self._pod(method, path.path.removeprefix("/v1/pods/"), body)

    def _pod(self, method: str, key: str, body: Any) -> tuple[int, Json]:
        if method == "PUT":
            created = key not in self.pods
            self.pods[key] = body
            return 201 if created else 200, {"created": created, "changed": sorted(body)}
        if key not in self.pods:
            return _error(404, "not_found", f"there is no pod {key}")
        if method == "DELETE":
            del self.pods[key]
            return 200, {"deleted": True}
        return 200, self._item(key)

    def _item(self, key: str) -> Json:
        namespace, _, name = key.partition("/")
        names = {"namespace": namespace, "name": name, "mac": MAC, "mtu": 1500}
        status: Json = {"up": not self.why_down}
        if self.why_down:
            status["why_down"] = self.why_down
        return {
            "key": key,
            "origin": "api",
            "object": {**names, **self.pods[key]},
            "status": status,
        }

    def _page(self, after: str) -> tuple[int, Json]:
        keys = sorted(key for key in self.pods if key > after)
        page = keys[:_PAGE]
        more = len(keys) > _PAGE
        return 200, {"items": [self._item(key) for key in page], "next": page[-1] if more else None}


def _error(status: int, code: str, message: str) -> tuple[int, Json]:
    return status, {"error": {"code": code, "message": message}}


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 4  # few, as podwarp bounds its connections
    api: FakeApi

    def server_bind(self) -> None:
        pathlib.Path(str(self.server_address)).unlink(missing_ok=True)
        super().server_bind()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is none of our concern."""


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    _lock = threading.Lock()

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with self._lock:
            status, answer = self.server.api.answer(
                self.command, self.path, json.loads(body) if body else None
            )
        text = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_PUT = do_DELETE = _serve

    def address_string(self) -> str:
        return "unix"

    def log_message(self, *_: object) -> None:
        """Quiet."""
