"""configs/podwarp.service: podwarp works with the capabilities that it is left, and systemd can read
the file."""

import pathlib
import re
import subprocess
import unittest

from testbed.api import Api
from testbed.bed import Node, TestBed
from testbed.case import BedTest
from testbed.vhost import SERVER

UNIT = pathlib.Path(__file__).resolve().parents[2] / "configs/podwarp.service"


def setting(name: str) -> list[str]:
    found = re.search(rf"^{name}=(.*)$", UNIT.read_text(encoding="utf-8"), re.M)
    assert found is not None, name
    return found[1].split()


class LeastPrivilege(BedTest):
    vhost_pods = {"a": [SERVER]}

    @classmethod
    def edit(cls, bed: TestBed, node: Node) -> None:
        kept = ",".join("+" + name.removeprefix("CAP_").lower() for name in capabilities())
        node.wrapper = ["setpriv", f"--bounding-set=-all,{kept}", "--inh-caps=-all"]
        node.wrapper += ["--no-new-privs"]
        node.config["api"]["group"] = "daemon"

    def test_capabilities(self) -> None:
        status = pathlib.Path(f"/proc/{self.a.podwarp.pid}/status").read_text(encoding="ascii")
        effective = re.search(r"^CapEff:\s*(\w+)$", status, re.M)
        assert effective is not None
        self.assertEqual(int(effective[1], 16).bit_count(), len(capabilities()))

    def test_pods_reach_each_other_and_the_nodes(self) -> None:
        pod, peer = self.a.pods[0], self.b.pods[0]
        self.assert_answered(pod.ping(peer.address))
        self.assert_answered(pod.ping(self.b.addresses.host))

    def test_pods_come_and_go(self) -> None:
        late = self.bed.add_namespace("late")
        port = {"tap": {"interface": "eth0", "netns": late.path}}
        api: Api = self.a.api
        api.put("/v1/pods/default/late", {"addresses": ["10.244.1.77"], "port": port})
        self.assert_answered(self.b.pods[0].ping("10.244.1.77"))
        api.delete("/v1/pods/default/late")
        self.assertEqual(pathlib.Path(api.socket).group(), "daemon")


class Readable(unittest.TestCase):
    def test_systemd_knows_every_setting(self) -> None:
        said = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(UNIT)],
            capture_output=True,
            text=True,
            check=False,
        ).stderr
        about_unit = [line for line in said.splitlines() if "is not executable" not in line]
        self.assertEqual(about_unit, [])


def capabilities() -> list[str]:
    return setting("CapabilityBoundingSet")
