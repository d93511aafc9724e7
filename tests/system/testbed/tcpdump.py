"""tcpdump in a namespace."""

import subprocess

from .command import wait_for
from .namespace import Namespace


class Tcpdump:
    """Listens from the start on, until it has heard `count` frames or 10 s are over."""

    def __init__(self, namespace: Namespace, interface: str, what: str, count: int) -> None:
        self._process: subprocess.Popen[str] = namespace.spawn(
            *["timeout", "10", "tcpdump", "-leni", interface, "-c", str(count), what]
        )
        wait_for(self._is_listening, f"tcpdump listens on {interface}")

    def heard(self) -> str:
        return self._process.communicate()[0]

    def _is_listening(self) -> bool:
        assert self._process.stdout is not None
        return "listening on" in self._process.stdout.readline()
