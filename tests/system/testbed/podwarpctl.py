"""A node's podwarpctl, as an operator runs it."""

import contextlib
import json
import pathlib
import signal
import subprocess
from collections.abc import Iterator, Sequence
from typing import Any

from .bed import Node
from .command import PATIENCE_SECONDS


class Podwarpctl:
    def __init__(self, node: Node) -> None:
        self._node = node
        tools = pathlib.Path(node.podwarp.binary).resolve().parents[1] / "tools"
        self._program = [str(tools / "podwarpctl/podwarpctl"), "--socket", node.api.socket]

    def text(self, *arguments: str) -> str:
        """What it prints. Raises CommandFailed."""
        return self._node.namespace.run(*self._program, *arguments).stdout

    def json(self, *arguments: str) -> Any:
        return json.loads(self.text(*arguments, "-o", "json"))

    @contextlib.contextmanager
    def following(self, output: pathlib.Path, *arguments: str) -> Iterator["Following"]:
        """Runs until the end, or Following.stop(). Standard output goes to the file."""
        errors = output.with_suffix(".err")
        with output.open("wb") as out, errors.open("wb") as err, subprocess.Popen(
            self._node.namespace.command(*self._program, *arguments),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,  # Ctrl-C is for us
        ) as process:
            try:
                yield Following(process, output, errors, arguments)
            finally:
                process.kill()


class Following:
    """One that runs."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        output: pathlib.Path,
        errors: pathlib.Path,
        arguments: Sequence[str],
    ) -> None:
        self.output = output
        self._process = process
        self._errors = errors
        self._arguments = arguments

    def printed(self) -> bytes:
        """So far. Raises RuntimeError if it has ended by itself."""
        if self._process.poll() is not None:
            self._fail("has ended")
        return self.output.read_bytes()

    def stop(self) -> str:
        """As Ctrl-C does. Returns its complaints; raises RuntimeError unless it ends in order."""
        self._process.send_signal(signal.SIGINT)
        if self._process.wait(PATIENCE_SECONDS) != 0:
            self._fail(f"ended with status {self._process.returncode}")
        return self._errors.read_text(encoding="utf-8")

    def _fail(self, what: str) -> None:
        said = self._errors.read_text(encoding="utf-8", errors="replace")
        raise RuntimeError(f"podwarpctl {' '.join(self._arguments)} {what}: {said}")
