"""Files of Unix sockets, with and without somebody behind them."""

import pathlib
import socket


def listen(path: pathlib.Path) -> socket.socket:
    """Somebody who listens and says nothing."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.bind(str(path))
    listening.listen()
    return listening


def leave_stale(path: pathlib.Path) -> None:
    """What is left of a listener that was killed."""
    listen(path).close()
