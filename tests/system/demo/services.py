"""Services: one address for several pods, wherever they are, and a pod among them that calls it."""

import json
from collections.abc import Sequence

from demo.failed import expect
from demo.pods import Podwarpctl
from demo.screen import Screen
from testbed.backend import WEB_PORT, WebBackend
from testbed.bed import Pod, TestBed
from testbed.caller import Caller, node_caller, pod_caller
from testbed.config import Config

_NAME, _ADDRESS, _PORT = "demo/web", "10.96.0.10", 80
_CALLS = 20


def _tell_nodes(bed: TestBed, screen: Screen, pods: Sequence[Pod]) -> None:
    """The same at both: each translates for its own pods."""
    namespace, name = _NAME.split("/")
    backends = [{"address": pod.address, "port": WEB_PORT} for pod in pods]
    service: Config = {"namespace": namespace, "name": name, "address": _ADDRESS}
    service["ports"] = [{"port": _PORT, "backends": backends}]
    line = json.dumps({"op": "put", "kind": "service", "object": service})
    file = bed.directory / "web.jsonl"
    file.write_text(line + "\n", encoding="utf-8")
    screen.command("", f"cat {file}")
    screen.text(line, indent=4)
    for node in bed.nodes.values():
        Podwarpctl(node, screen)("apply", str(file))
        said = Podwarpctl(node, screen)("services")
        expect(_NAME in said and _ADDRESS in said, "it has no such service")


def _call(screen: Screen, caller: Caller, seen_as: dict[str, str]) -> None:
    """All of these answer, and each sees the caller by that address."""
    screen.command(caller.name, f"curl http://{_ADDRESS}/")
    answers = [caller.curl((_ADDRESS, _PORT)) for _ in range(_CALLS)]
    for answer in answers:
        wanted = seen_as.get(answer.backend)
        expect(wanted is not None, f"{answer.backend} answered")
        expect(
            answer.seen_as == wanted,
            f"{answer.backend} saw {answer.seen_as} instead of {wanted}",
        )
    counts = {name: sum(answer.backend == name for answer in answers) for name in seen_as}
    expect(min(counts.values()) > 0, f"not all have answered: {counts}")
    said = ", ".join(f"{name} {count} times, to {seen_as[name]}" for name, count in counts.items())
    screen.result_line(f"{_CALLS} calls: answered by {said}")


def service(bed: TestBed, screen: Screen) -> None:
    """a1 and b1 serve; the others call, and the nodes themselves."""
    servers = [bed.a.pods[0], bed.b.pods[0]]
    callers = [
        pod_caller(bed.a, bed.a.pods[1]),
        pod_caller(bed.b, bed.b.pods[1]),
        node_caller(bed.a),
    ]
    _tell_nodes(bed, screen, servers)
    a, b = (WebBackend(pod.name, pod.namespace, pod.address) for pod in servers)
    with a, b:
        for caller in callers:
            _call(screen, caller, {pod.name: caller.address for pod in servers})
        said = Podwarpctl(bed.a, screen)("connections", "--service", _NAME, "--limit", "4")
        expect(_ADDRESS in said, "there is no connection to it")


def hairpin(bed: TestBed, screen: Screen) -> None:
    """Where the pod itself is the backend, it can't be called from its own address."""
    pod, other = bed.a.pods[0], bed.b.pods[0]
    a, b = (WebBackend(pod.name, pod.namespace, pod.address) for pod in (pod, other))
    with a, b:
        gateway = bed.a.addresses.gateway
        _call(screen, pod_caller(bed.a, pod), {pod.name: gateway, other.name: pod.address})
    screen.result_line(f"by itself {pod.name} is called from {gateway}, the gateway's address")
