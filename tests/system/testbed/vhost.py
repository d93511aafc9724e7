"""vhost-user pods: those that share a socket and their memory with podwarp."""

import pathlib
from dataclasses import dataclass

from .config import Config

CLIENT, SERVER = "client", "server"


@dataclass(frozen=True)
class VhostPod:
    """Who such a pod is. It has no network namespace: what runs in it is a Testpmd or a Vm.

    `mode` is podwarp's: as the client it connects to the pod's socket, as the server it makes one.
    """

    name: str
    address: str
    mac: str
    socket: pathlib.Path
    mode: str

    @property
    def directory(self) -> pathlib.Path:
        """The testbed's, where the socket is."""
        return self.socket.parent

    @property
    def log_file(self) -> pathlib.Path:
        return self.directory / f"{self.name}.log"

    @property
    def prefix(self) -> str:
        """DPDK's, where testpmd is in the pod."""
        return f"{self.directory.name}-{self.name}"

    @property
    def listens(self) -> bool:
        """Whether the socket is the pod's."""
        return self.mode == CLIENT

    def config(self, **options: object) -> Config:
        """The pod in podwarp's configuration; `options` go beside the socket."""
        port: Config = {"socket": str(self.socket), "mode": self.mode, **options}
        return {
            "name": self.name,
            "addresses": [self.address],
            "mac": self.mac,
            "port": {"vhost_user": port},
        }
