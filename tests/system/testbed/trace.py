"""podwarpctl trace, and the API's stream behind it."""

import contextlib
import json
import pathlib
import subprocess
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .api import UnixConnection
from .bed import Node
from .case import binary
from .command import wait_for

Trace = dict[str, Any]


class TraceProgram:
    """`podwarpctl trace` beside a node; a context manager, which ends it at the latest."""

    def __init__(self, node: Node, *options: str) -> None:
        program = pathlib.Path(binary()).resolve().parent.parent / "tools/podwarpctl/podwarpctl"
        self.process = subprocess.Popen(
            node.namespace.command(str(program), "--socket", node.api.socket, "trace", *options),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> "TraceProgram":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def end_by(self, provoke: Callable[[], object]) -> tuple[str, str]:
        """What it has printed and its complaints, after what it waits for was made often enough."""

        def has_ended() -> bool:
            provoke()
            return self.process.poll() is not None

        wait_for(has_ended, "podwarpctl trace ends")
        return self.process.communicate()


def traces_of(node: Node, provoke: Callable[[], object], *options: str) -> list[Trace]:
    """As `podwarpctl trace -o json` tells them until it ends; `provoke` makes the frames."""
    with TraceProgram(node, *options, "-o", "json") as program:
        said, _ = program.end_by(provoke)
    return [json.loads(line) for line in said.splitlines()]


@contextlib.contextmanager
def trace_stream(node: Node, query: str) -> Iterator[Callable[[], Trace]]:
    """The API's, which is open when this gives what reads the next trace."""
    connection = UnixConnection(node.api.socket)
    try:
        connection.request("GET", f"/v1/trace?{query}")
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()

        def next_trace() -> Trace:
            trace: Trace = json.loads(answer.readline())
            return trace

        yield next_trace
    finally:
        connection.close()


def text_of(trace: Trace, stage: str) -> str:
    """The last sentence of that stage; empty if the frame didn't come there."""
    texts: Sequence[str] = [step["text"] for step in trace["steps"] if step["stage"] == stage]
    return texts[-1] if texts else ""
