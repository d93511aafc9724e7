"""Pods as their operators bring them: containers by podwarp-cni, guests by podwarpctl."""

import json
import pathlib

from demo.failed import expect
from demo.screen import Screen
from testbed.bed import Node, Pod, TestBed
from testbed.case import binary
from testbed.cni import Cni
from testbed.command import wait_for

_CONTAINER_ARGUMENTS = "IgnoreUnknown=1;K8S_POD_NAMESPACE=demo;K8S_POD_NAME={}"


class Podwarpctl:
    """A node's podwarpctl; what it prints goes onto the screen."""

    def __init__(self, node: Node, screen: Screen) -> None:
        tools = pathlib.Path(binary()).resolve().parents[1] / "tools"
        self._node = node
        self._screen = screen
        self._command = [str(tools / "podwarpctl/podwarpctl"), "--socket", node.api.socket]

    def __call__(self, *words: str) -> str:
        self._screen.command(self._node.name, "podwarpctl", *words)
        said = self._node.namespace.run(*self._command, *words).stdout
        self._screen.text(said.rstrip(), indent=4)
        return said


def _network(node: Node) -> Cni:
    """As configs/cni has it, with this node's socket and addresses."""
    directory = pathlib.Path(node.api.socket).parent / f"cni-{node.name}"
    directory.mkdir(exist_ok=True)
    addresses = {"subnet": node.addresses.pod_range, "rangeStart": node.addresses.pod(1)}
    ipam = {"type": "host-local", "dataDir": str(directory), "ranges": [[addresses]]}
    return Cni(directory, pathlib.Path(node.api.socket), ipam)


def _call(command: str, node: Node, pod: Pod, screen: Screen) -> str:
    """The address, of an ADD."""
    screen.command(
        node.name, f"CNI_COMMAND={command} CNI_CONTAINERID={pod.name} ... podwarp-cni <10-podwarp.conf"
    )
    arguments = _CONTAINER_ARGUMENTS.format(pod.name)
    answer = _network(node).call(command, pod.name, pod.namespace.path, arguments=arguments)
    expect(answer.ok, json.dumps(answer.printed))
    return str(answer.printed["ips"][0]["address"]) if command == "ADD" else ""


def bring_pods(bed: TestBed, screen: Screen) -> None:
    for node in bed.nodes.values():
        for pod in node.pods:
            address = _call("ADD", node, pod, screen)
            expect(address.partition("/")[0] == pod.address, f"{pod.name} got {address}")
            screen.result_line(f"{pod.name} is demo/{pod.name}, {address} on its eth0")
        for guest in node.vhost_pods:
            options = ("--ip", guest.address, "--mac", guest.mac, "--mode", guest.mode)
            said = Podwarpctl(node, screen)(
                "pod", "add", f"demo/{guest.name}", *options, "--vhost-user", str(guest.socket)
            )
            expect("created" in said, said)
    bed.wait_until_reachable()


def take_a_pod_away(bed: TestBed, screen: Screen) -> None:
    gone, beside, across = bed.a.pods[1], bed.a.pods[0], bed.b.pods[0]
    expect(beside.reaches(gone.address), f"{gone.name} was there")
    _call("DEL", bed.a, gone, screen)
    for pod in (beside, across):
        wait_for(lambda p=pod: not p.reaches(gone.address), f"{gone.name} is gone")
    expect("eth0" not in gone.namespace.ip("link"), "its eth0 is there still")
    screen.result_line(f"nobody answers for {gone.address} any more, its eth0 is gone")
    said = Podwarpctl(bed.a, screen)("pods")
    expect(f"demo/{gone.name}" not in said, "podwarp has it still")
