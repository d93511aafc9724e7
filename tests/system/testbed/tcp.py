"""TCP between pods from Python, where what arrives matters and not how fast."""

import hashlib
import os
import socket
import threading

from .bed import Pod


def connect(client: Pod, server: Pod) -> tuple[socket.socket, socket.socket]:
    """A connection's two ends: the client's and the server's."""
    with server.namespace.entered():
        listening = socket.create_server((server.address, 0))
    listening.settimeout(10)
    with listening:
        with client.namespace.entered():
            here = socket.create_connection(listening.getsockname(), timeout=10)
        there, _ = listening.accept()
    for end in (here, there):
        end.settimeout(30)
    return here, there


def arrives_unharmed(source: socket.socket, sink: socket.socket, size: int) -> bool:
    """Sends so many random bytes and compares what comes."""
    data = os.urandom(size)
    sending = threading.Thread(target=source.sendall, args=(data,))
    sending.start()
    received = hashlib.sha256()
    left = size
    while left > 0 and (part := sink.recv(min(left, 1 << 16))):
        received.update(part)
        left -= len(part)
    sending.join()
    return left == 0 and received.digest() == hashlib.sha256(data).digest()
