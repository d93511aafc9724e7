"""Containers that podman starts, on two nodes' networks."""

import pathlib
from typing import Any

from testbed.bed import Node
from testbed.case import BedTest
from testbed.cni import Cni
from testbed.podman import Podman


class Containers(BedTest):
    pods = {"a": 0, "b": 0}

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.podmans = {node.name: cls.podman(node) for node in (cls.a, cls.b)}

    podmans: dict[str, Podman]

    @classmethod
    def podman(cls, node: Node) -> Podman:
        directory = cls.bed.directory / f"podman-{node.addresses.letter}"
        addresses = {"subnet": node.addresses.pod_range, "rangeStart": node.addresses.pod(1)}
        api: dict[str, str] = node.config["api"]
        cni = Cni(
            directory,
            pathlib.Path(api["socket"]),
            {"type": "host-local", "dataDir": f"{directory}/addresses", "ranges": [[addresses]]},
            state=api["state"],
        )
        plugin: dict[str, Any] = dict(cni.config)
        network = {"cniVersion": plugin.pop("cniVersion"), "name": plugin.pop("name")}
        podman = Podman(directory, cni.program, {**network, "plugins": [plugin]})
        cls.addClassCleanup(podman.remove_all)
        return podman

    def test_they_reach_each_other_and_go(self) -> None:
        a, b = self.podmans["node-a"], self.podmans["node-b"]
        names = {a: "gifted_mendel", b: "web-1"}
        for podman, name in names.items():
            podman.start(name)
        addresses = {podman: podman.address(name) for podman, name in names.items()}
        for here, there in ((a, b), (b, a)):
            said = here.execute(names[here], "ping", "-c", "3", "-W", "2", addresses[there])
            self.assertIn("3 packets transmitted, 3 packets received", said)
        for node, podman in ((self.a, a), (self.b, b)):
            (item,) = node.api.items("/v1/pods")
            self.assertTrue(item["status"]["up"], item)
            podman.remove(names[podman])
            self.assertEqual(node.api.items("/v1/pods"), [])
