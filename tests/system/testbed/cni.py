"""podwarp-cni as a container runtime runs it, and an IPAM plugin that does what it is told."""

import copy
import json
import pathlib
import subprocess
from dataclasses import dataclass
from typing import Any

from .case import binary

PLUGINS = "/usr/lib/cni"  # where Debian's containernetworking-plugins are

Json = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """What a call left: its exit status, what it printed as JSON (None: nothing), and its errors."""

    status: int
    printed: Any
    errors: str

    @property
    def ok(self) -> bool:
        return self.status == 0

    @property
    def code(self) -> int:
        """Of the error; 0 without one."""
        return 0 if self.ok else int(self.printed["code"])

    @property
    def details(self) -> str:
        return "" if self.ok else str(self.printed["details"])


class Cni:
    """A network, and calls for its containers. `directory` keeps what the plugins keep."""

    def __init__(
        self, directory: pathlib.Path, socket: pathlib.Path, ipam: Json, **keys: object
    ) -> None:
        self.program = pathlib.Path(binary()).resolve().parents[1] / "tools/cni/podwarp-cni"
        self.directory = directory
        self.config: Json = {
            "cniVersion": "1.0.0",
            "name": "net",
            "type": "podwarp-cni",
            "socket": str(socket),
            "state": str(directory / "state.db"),
            "lock": str(directory / "cni.lock"),
            "ipam": ipam,
            **keys,
        }

    def with_keys(self, **keys: object) -> "Cni":
        """The same network with other keys; None takes one away."""
        other = copy.copy(self)
        changed = {**self.config, **keys}
        other.config = {key: value for key, value in changed.items() if value is not None}
        return other

    def start(
        self,
        command: str,
        container: str = "",
        netns: str = "",
        interface: str = "eth0",
        arguments: str = "",
        text: str | None = None,
        **environment: str,
    ) -> subprocess.Popen[str]:
        """`text` stands for the configuration, `environment` for more variables or other values."""
        variables = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "CNI_COMMAND": command,
            "CNI_CONTAINERID": container,
            "CNI_NETNS": netns,
            "CNI_IFNAME": interface,
            "CNI_ARGS": arguments,
            "CNI_PATH": f"{self.directory}:{PLUGINS}",
            **environment,
        }
        process = subprocess.Popen(
            [str(self.program)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=variables,
        )
        assert process.stdin is not None
        process.stdin.write(json.dumps(self.config) if text is None else text)
        process.stdin.close()
        process.stdin = None
        return process

    def call(self, *arguments: Any, **keys: Any) -> Answer:
        """As start(), and waits for its end."""
        return finish(self.start(*arguments, **keys))


def finish(process: subprocess.Popen[str]) -> Answer:
    try:
        output, errors = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return Answer(process.returncode, json.loads(output) if output else None, errors)


_STUB = """#!/bin/sh
cat >"{d}/$CNI_COMMAND.input"
echo "$CNI_COMMAND $CNI_CONTAINERID $CNI_IFNAME" >>"{d}/calls"
[ -e "{d}/$CNI_COMMAND.hang" ] && sleep 60
[ -e "{d}/$CNI_COMMAND.error" ] && cat "{d}/$CNI_COMMAND.error" && exit 1
[ "$CNI_COMMAND" != ADD ] || cat "{d}/ADD.result"
"""


class StubIpam:
    """An IPAM plugin that gives always the same, fails when told to, and notes who called it."""

    NAME = "stub-ipam"

    def __init__(self, directory: pathlib.Path) -> None:
        self.directory = directory
        program = directory / self.NAME
        program.write_text(_STUB.format(d=directory), encoding="utf-8")
        program.chmod(0o755)
        self.reset()

    def reset(self) -> None:
        for pattern in ("calls", "*.error", "*.hang", "*.input"):
            for file in self.directory.glob(pattern):
                file.unlink()
        self.gives({"ips": [{"address": "10.244.1.10/24", "gateway": "10.244.1.1"}]})

    def gives(self, result: Any) -> None:
        (self.directory / "ADD.result").write_text(json.dumps(result), encoding="utf-8")

    def fails(self, command: str, said: str) -> None:
        (self.directory / f"{command}.error").write_text(said, encoding="utf-8")

    def hangs(self, command: str) -> None:
        (self.directory / f"{command}.hang").touch()

    def calls(self) -> list[str]:
        """Commands, in their order."""
        return [line.split()[0] for line in self.calls_in_full()]

    def calls_in_full(self) -> list[str]:
        """COMMAND CONTAINER INTERFACE each."""
        file = self.directory / "calls"
        return file.read_text(encoding="utf-8").splitlines() if file.exists() else []

    def input(self, command: str) -> Any:
        """The configuration that it was given last."""
        return json.loads((self.directory / f"{command}.input").read_text(encoding="utf-8"))
