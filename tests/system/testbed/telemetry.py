"""A client of DPDK's telemetry socket: the same that dpdk-telemetry.py asks."""

import json
import socket
from typing import Any

from .command import PATIENCE_SECONDS

Entry = dict[str, Any]


class Telemetry:
    """The telemetry of the process with this DPDK file prefix, run by root."""

    def __init__(self, prefix: str) -> None:
        self.path = f"/var/run/dpdk/{prefix}/dpdk_telemetry.v2"

    def ask(self, command: str) -> Any:
        """One command's answer. Raises OSError if nobody is there or nobody knows it."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
            connection.settimeout(PATIENCE_SECONDS)
            connection.connect(self.path)
            hello = json.loads(connection.recv(1024))
            connection.send(command.encode())
            answer = json.loads(connection.recv(hello["max_output_len"]))
        name = command.partition(",")[0]
        if answer.get(name) is None:
            raise OSError(f"{self.path} has no answer to {command}")
        return answer[name]

    def entries(self, command: str) -> list[Entry]:
        """All entries of a paged answer."""
        start: int | None = 0
        entries: list[Entry] = []
        while start is not None:
            page = self.ask(f"{command},{start}")
            entries += page["entries"].values()  # by number: DPDK has no list of dictionaries
            start = page.get("next")
        return entries
