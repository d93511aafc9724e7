"""Kubernetes drives the nodes: what they were told by hand so far they find out there."""

from demo.failed import expect
from demo.pods import Podwarpctl
from demo.screen import Screen
from testbed.backend import WEB_PORT, WebBackend
from testbed.bed import TestBed
from testbed.caller import Caller, node_caller, pod_caller
from testbed.command import wait_for
from testbed.config import to_yaml
from testbed.kubernetes import Cluster, service_object, slice_object

_ADDRESS, _PORT = "10.96.0.20", 80
_CALLS = 20


def _answers(caller: Caller) -> set[str]:
    return {caller.curl((_ADDRESS, _PORT)).backend for _ in range(_CALLS)}


def _wait_for(screen: Screen, caller: Caller, wanted: set[str]) -> None:
    def is_so() -> bool:
        try:
            return {caller.get((_ADDRESS, _PORT)).backend for _ in range(_CALLS)} == wanted
        except OSError:
            return False

    wait_for(is_so, f"{caller.name} reaches {sorted(wanted)}")
    screen.command(caller.name, f"curl http://{_ADDRESS}/")
    found = _answers(caller)
    expect(found == wanted, f"answered by {sorted(found)}")
    screen.result_line(f"{_CALLS} calls: answered by {', '.join(sorted(found))}")


def follow_kubernetes(bed: TestBed, screen: Screen) -> None:
    """podwarp starts anew without a word about other nodes, ranges or services."""
    servers = [bed.a.pods[0], bed.b.pods[0]]
    callers = [node_caller(bed.a), node_caller(bed.b), pod_caller(bed.b, bed.b.pods[1])]
    a, b = (WebBackend(pod.name, pod.namespace, pod.address) for pod in servers)
    with Cluster(bed) as cluster, a, b:
        for node in bed.nodes.values():
            node.podwarp.stop()
            cluster.join(node)
            node.podwarp.config.write_text(to_yaml(node.config), encoding="utf-8")
            node.podwarp.start()
        endpoints = [(servers[0].address, bed.a.name), (servers[1].address, bed.b.name)]
        screen.text("an API server has a Service and its EndpointSlice", indent=4)
        cluster.kube.put(service_object("kube-web", _ADDRESS, _PORT))
        cluster.kube.put(slice_object("kube-web", WEB_PORT, *endpoints))
        for caller in callers:
            _wait_for(screen, caller, {pod.name for pod in servers})
        said = Podwarpctl(bed.a, screen)("nodes")
        expect(bed.b.addresses.virtual_mac in said, f"it doesn't know {bed.b.name}")
        screen.text(f"{servers[1].name} isn't ready any more", indent=4)
        cluster.kube.put(slice_object("kube-web", WEB_PORT, endpoints[0]))
        for caller in callers:
            _wait_for(screen, caller, {servers[0].name})
        Podwarpctl(bed.a, screen)("status")
