"""What the demo shows, step by step. A step raises Failed if podwarp didn't do its part."""

import re
from collections.abc import Callable

from demo.failed import expect
from demo.kubernetes import follow_kubernetes
from demo.pods import bring_pods, take_a_pod_away
from demo.screen import Screen
from demo.services import hairpin, service
from demo.tables import show_tables
from testbed.bed import TestBed
from testbed.command import wait_for
from testbed.counters import pods
from testbed.iperf import iperf
from testbed.namespace import Namespace
from testbed.ping import ping
from testbed.testpmd import Testpmd

IPERF_SECONDS = 3


def _ping(screen: Screen, where: str, namespace: Namespace, target: str) -> None:
    screen.command(where, "ping", "-c", "5", target)
    answer = ping(namespace, target, count=5)
    expect(answer.ok, f"{answer.received} of 5 answered\n{answer.output}")
    screen.result_line(f"5 of 5 answered, {answer.average_ms:.2f} ms on average")


def same_node(bed: TestBed, screen: Screen) -> None:
    a1, a2 = bed.a.pods
    _ping(screen, "a1", a1.namespace, a2.address)


def across_nodes(bed: TestBed, screen: Screen) -> None:
    _ping(screen, "a1", bed.a.pods[0].namespace, bed.b.pods[0].address)
    _ping(screen, "b2", bed.b.pods[1].namespace, bed.a.pods[1].address)


def neighbors(bed: TestBed, screen: Screen) -> None:
    screen.command("a1", "ip", "neighbor")
    entries = bed.a.pods[0].run("ip", "neighbor")
    screen.text(entries.rstrip(), indent=4)
    wanted = (bed.a.pods[1].address, bed.b.pods[0].address)
    virtual_mac = bed.a.addresses.virtual_mac
    for address in wanted:
        expect(
            re.search(rf"^{re.escape(address)} .* lladdr {virtual_mac} ", entries, re.M)
            is not None,
            f"{address} is not at {virtual_mac}",
        )
    screen.result_line(f"to a1 all others are at {virtual_mac}, its node's virtual MAC")


def path(bed: TestBed, screen: Screen) -> None:
    target = bed.b.pods[0].address
    screen.command("a1", "traceroute", target)
    said = bed.a.pods[0].run("traceroute", "-n", "-q", "1", "-w", "2", "-m", "5", target)
    hops = [line.split()[1] for line in said.splitlines()[1:]]
    screen.text("\n".join(said.splitlines()[1:]), indent=4)
    expect(
        len(hops) == 3 and hops[0] == bed.a.addresses.gateway and hops[2] == target,
        "not three hops: this node, that node, the pod",
    )
    screen.result_line("three hops: this node, that node, the pod")


def throughput(bed: TestBed, screen: Screen) -> None:
    server, client = bed.b.pods[0], bed.a.pods[0]
    screen.command("a1", "iperf3", "-c", server.address, "-t", str(IPERF_SECONDS))
    received = iperf(client, server, "-t", str(IPERF_SECONDS))["sum_received"]
    gigabits = received["bits_per_second"] / 1e9
    expect(gigabits > 0.01, f"only {gigabits:.3f} Gbit/s came through")
    screen.result_line(
        f"{gigabits:.2f} Gbit/s of TCP over a wire of veth and AF_PACKET "
        "(which copies every frame: no measure of podwarp with a NIC)"
    )


def from_the_node(bed: TestBed, screen: Screen) -> None:
    pod = bed.b.pods[0]
    _ping(screen, "node-a", bed.a.namespace, pod.address)
    _ping(screen, "b1", pod.namespace, bed.a.addresses.host)


def vhost_user(bed: TestBed, screen: Screen) -> None:
    for node in bed.nodes.values():
        (pod,) = node.vhost_pods
        Testpmd(node.namespace, pod).start()
        peer = "listens" if pod.listens else "connects"
        screen.text(f"testpmd runs in {pod.name} and {peer} at {pod.socket}", indent=4)
    for node in bed.nodes.values():
        (pod,) = node.vhost_pods
        wait_for(lambda: bool(pods(node)[f"demo/{pod.name}"]["up"]), f"{pod.name} is connected")
        for other in bed.nodes.values():
            first = other.pods[0]
            _ping(screen, first.name, first.namespace, pod.address)


Step = Callable[[TestBed, Screen], None]
STEPS: list[tuple[str, Step]] = [
    ("Containers become pods by podwarp-cni, guests by podwarpctl", bring_pods),
    ("A pod reaches another one on its node", same_node),
    ("Pods reach pods on the other node", across_nodes),
    ("Whom a pod asks for, it finds at its node's virtual MAC", neighbors),
    ("The way from a pod to one on the other node", path),
    ("TCP across the nodes", throughput),
    ("A node itself reaches a pod on the other node, and is reached by it", from_the_node),
    ("Pods behind vhost-user, as virtual machines are, reached from both nodes", vhost_user),
    ("A service of pods on both nodes, called from both", service),
    ("A pod of the service calls it, and reaches itself too", hairpin),
    ("A pod goes", take_a_pod_away),
    ("The nodes' tables and counters, by podwarpctl", show_tables),
    ("Kubernetes drives the nodes: no word of each other in their files", follow_kubernetes),
]
