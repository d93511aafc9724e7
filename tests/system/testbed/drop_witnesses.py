"""Everybody who tells of dropped frames: counters in all places, a trace, and a capture."""

import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from .api import Json, UnixConnection
from .bed import Node
from .command import run
from .podwarpctl import Following, Podwarpctl

_SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_COMMENT = re.compile(
    r"dropped: (?P<reason>\w+) \((?P<help>.*)\); port (?P<port>\S+), pod (?P<pod>\S+), "
    r"stage (?P<stage>\w+)"
)


@dataclass(frozen=True)
class Drop:
    """How a witness tells of it. The pod is "namespace/name"."""

    reason: str
    help: str
    port: str
    pod: str


def counts(node: Node, reason: str, pod: str) -> dict[str, int]:
    """How many frames were dropped so far, by who says so: all of them, and the pod's."""
    telemetry, podwarpctl = node.podwarp.telemetry, Podwarpctl(node)
    namespace, _, name = pod.partition("/")
    scraped = metrics(node)
    whose = {"namespace": namespace, "pod": name, "reason": reason}
    (described,) = [item for item in podwarpctl.json("pods") if item["key"] == pod]
    return {
        "/podwarp/drops": _frames(telemetry.entries("/podwarp/drops"), reason),
        "/podwarp/drops,REASON": telemetry.ask(f"/podwarp/drops,{reason}")["frames"],
        "/podwarp/pod,NAME": telemetry.ask(f"/podwarp/pod,{pod}").get("drops", {}).get(reason, 0),
        "podwarp_dropped_frames_total": scraped.get(
            sample("podwarp_dropped_frames_total", reason=reason), 0
        ),
        "podwarp_pod_dropped_frames_total": scraped.get(
            sample("podwarp_pod_dropped_frames_total", **whose), 0
        ),
        "podwarpctl drops": _frames(podwarpctl.json("drops"), reason),
        "podwarpctl pods": described["status"].get("drops", {}).get(reason, 0),
    }


def last(node: Node, reason: str) -> dict[str, list[Drop]]:
    """Where frames were last dropped for it, by who says so."""
    asked = node.podwarp.telemetry.ask(f"/podwarp/drops,{reason}")
    printed = _drop(Podwarpctl(node), reason)
    return {
        who: [
            Drop(reason, told["help"], port, pod)
            for port, pod in zip(told["last_ports"], told["last_pods"], strict=True)
        ]
        for who, told in (("/podwarp/drops,REASON", asked), ("podwarpctl drops", printed))
    }


def printed_row(node: Node, reason: str) -> list[str]:
    """The cells of podwarpctl's table."""
    lines = Podwarpctl(node).text("drops").splitlines()
    (row,) = [line for line in lines if line.split()[:1] == [reason]]
    return re.split(r"\s{2,}", row.strip())


def sample(name: str, **labels: str) -> str:
    """How metrics() has it: labels in the order of their names."""
    return name + "".join(f",{key}={value}" for key, value in sorted(labels.items()))


def metrics(node: Node) -> dict[str, int]:
    """Of counters that are whole numbers."""
    with contextlib.closing(UnixConnection(node.api.socket)) as connection:
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
    found = {}
    for name, labels, value in _SAMPLE.findall(text):
        if name.endswith("dropped_frames_total"):
            found[sample(name, **dict(_LABEL.findall(labels)))] = int(float(value))
    return found


class Watch:
    """A trace and a capture of one reason's drops. They are there when the first frames are seen."""

    def __init__(self, reason: str, trace: Following, capture: Following) -> None:
        self._reason = reason
        self._trace = trace
        self._capture = capture

    def captures(self) -> bool:
        """pcapng begins with what wrote it."""
        return len(self._capture.printed()) > 0

    def traced(self) -> list[Json]:
        """Dropped frames that the trace has told so far, without what podwarp made in answer."""
        lines = self._trace.printed().decode().splitlines(keepends=True)
        told = [json.loads(line) for line in lines if line.endswith("\n")]
        return [trace for trace in told if "steps" in trace and "cause" not in trace]

    def captured_count(self) -> int:
        """Comments are text, and lie in the file as they are."""
        return self._capture.printed().count(f"dropped: {self._reason} (".encode())

    def stop(self) -> tuple[list[Json], list[tuple[Drop, str]]]:
        """The traces; what tshark reads in the capture, and the stages."""
        traces = self.traced()
        self._trace.stop()
        self._capture.stop()
        fields = ("-T", "fields", "-e", "frame.comment")
        read = run("tshark", "-r", str(self._capture.output), *fields).stdout
        drops = []
        for found in _COMMENT.finditer(read):
            told = found.groupdict()
            if told["reason"] == self._reason:
                stage = told.pop("stage")
                drops.append((Drop(**told), stage))
        return traces, drops


@contextlib.contextmanager
def watching(node: Node, reason: str) -> Iterator[Watch]:
    podwarpctl = Podwarpctl(node)
    folder = node.podwarp.config.parent
    trace = ("trace", "--drop", reason, "-c", "0", "-o", "json")
    capture = ("capture", "--drops", "-w", "-")
    with podwarpctl.following(folder / f"{reason}.trace", *trace) as traced, podwarpctl.following(
        folder / f"{reason}.pcapng", *capture
    ) as captured:
        yield Watch(reason, traced, captured)


def _drop(podwarpctl: Podwarpctl, reason: str) -> Json:
    (found,) = [item for item in podwarpctl.json("drops", "--all") if item["name"] == reason]
    drop: Json = found
    return drop


def _frames(drops: list[Json], reason: str) -> int:
    """Of a list of those that there were."""
    return sum(drop["frames"] for drop in drops if drop["name"] == reason)
