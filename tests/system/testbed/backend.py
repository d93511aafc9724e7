"""What stands behind services in tests: each says who it is, and by which address it sees a client.

They are threads of the test, with sockets in the pods' namespaces.
"""

import http.server
import socketserver
import threading
from types import TracebackType

from .namespace import Namespace

WEB_PORT, ECHO_PORT = 8080, 7007


class _Backend:
    """Serves from its making until close()."""

    def __init__(self, namespace: Namespace, server: socketserver.BaseServer) -> None:
        self._server = server
        self._thread = threading.Thread(
            target=server.serve_forever, args=(0.05,), name=namespace.name, daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> "_Backend":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class WebBackend(_Backend):
    """HTTP on WEB_PORT: every page is "NAME CLIENT"."""

    def __init__(self, name: str, namespace: Namespace, address: str) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # pylint: disable=invalid-name
                page = f"{name} {self.client_address[0]}\n".encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)

            def log_message(
                self, format: str, *_: object
            ) -> None:  # pylint: disable=redefined-builtin
                pass

        with namespace.entered():
            server = _WebServer((address, WEB_PORT), Handler)
        super().__init__(namespace, server)


class EchoBackend(_Backend):
    """UDP on ECHO_PORT: a line "NAME CLIENT", and behind it what was sent."""

    def __init__(self, name: str, namespace: Namespace, address: str) -> None:
        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                data, socket = self.request
                socket.sendto(
                    f"{name} {self.client_address[0]}\n".encode() + data, self.client_address
                )

        with namespace.entered():
            server = _EchoServer((address, ECHO_PORT), Handler)
        super().__init__(namespace, server)


class _WebServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that was reset: clients are who says whether that was right."""


class _EchoServer(socketserver.UDPServer):
    max_packet_size = 1 << 16
