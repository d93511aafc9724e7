"""How podwarp starts where something is missing, and how it says so."""

import copy
import pathlib
import re
import subprocess

from testbed.bed import Node, TestBed
from testbed.case import BedTest, binary
from testbed.command import wait_for
from testbed.config import Config, pod_config, to_yaml
from testbed.namespace import Namespace
from testbed.ping import ping

FREE_HUGEPAGES = "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages"


class Refusals(BedTest):
    """Beside a podwarp that runs, others that can't: one sentence each and status 1."""

    pods = {"a": 1}

    def config(self) -> Config:
        """Enough to start, and nothing that the running one has."""
        config = copy.deepcopy(self.a.config)
        config["pods"] = []
        del config["host_port"], config["api"]
        config["memory"]["file_prefix"] = self.bed.spare_prefix
        return config

    def start(
        self, config: Config | str, *arguments: str, through: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        text = config if isinstance(config, str) else to_yaml(config)
        self.file = self.bed.directory / "refused.yaml"
        self.file.write_text(text, encoding="utf-8")
        command = (*through, binary(), f"--config={self.file}", *arguments)
        return self.a.namespace.run(*command, check=False, timeout=20)

    def check_refused(self, result: subprocess.CompletedProcess[str], reason: str) -> None:
        self.assertEqual(result.returncode, 1, result.stdout)
        said = [line for line in result.stdout.splitlines() if line.startswith("podwarp: ")]
        self.assertEqual(len(said), 1, result.stdout)
        self.assertRegex(said[0], reason)
        self.assert_answered(self.a.pods[0].ping(self.a.addresses.gateway))

    def test_a_wrong_configuration(self) -> None:
        text = (
            "node_name: node-a\n"
            "virtual_mac: 01:00:5e:00:00:01\n"
            "gateway: {address: 10.244.1.1}\n"
            "pod_ranges: [10.244.0.0/16]\n"
            "hairpin: none\n"
            "pods:\n"
            "  - {name: x, addresses: [10.244.1.7], port: {tap: {interface: eth7}}}\n"
            "  - {name: y, addresses: [10.244.1.7], port: {tap: {interface: eth8}}}\n"
        )
        result = self.start(text)
        self.assertEqual(result.returncode, 1, result.stdout)
        for line, words in (
            (2, "virtual_mac: .*group address"),
            (5, "hairpin: "),
            (8, "10.244.1.7"),
        ):
            with self.subTest(line=line):
                self.assertRegex(result.stdout, f"{re.escape(str(self.file))}:{line}: .*{words}")

    def test_no_configuration(self) -> None:
        nowhere = self.a.namespace.run(binary(), "--config=/nonexistent.yaml", check=False)
        self.check_refused(nowhere, "/nonexistent.yaml")
        self.check_refused(self.a.namespace.run(binary(), check=False), "--config=FILE")

    def test_check_config(self) -> None:
        once = self.start(self.config(), "--check_config")
        self.assertEqual(once.returncode, 0, once.stdout)
        self.assertIn("max_sleep: 1ms", once.stdout)
        again = self.start(once.stdout, "--check_config")
        self.assertEqual(again.stdout, once.stdout)
        overridden = self.start(self.config(), "--check_config", "--hairpin_mode=none")
        self.assertIn("hairpin_mode: none", overridden.stdout)

    def test_the_same_file_prefix(self) -> None:
        prefix = self.a.config["memory"]["file_prefix"]
        result = self.start(self.config(), f"--file_prefix={prefix}")
        self.check_refused(result, f"'{prefix}'.*--file_prefix")

    def test_a_core_that_does_not_exist(self) -> None:
        self.check_refused(self.start(self.config(), "--worker_cores=999"), "core 999.*cores [0-9]")

    def test_an_interface_that_does_not_exist(self) -> None:
        config = self.config()
        config["uplinks"] = [{"name": "uplink0", "vdev": "net_af_packet0,iface=nowhere"}]
        self.check_refused(self.start(config), '"nowhere".*ip link')

    def test_a_pci_device_that_does_not_exist(self) -> None:
        config = self.config()
        config["uplinks"] = [{"name": "uplink0", "pci": "00ff:ff:1f.7"}]
        self.check_refused(self.start(config), "00ff:ff:1f.7.*lspci")

    def test_a_pci_device_that_is_not_bound(self) -> None:
        devices = pathlib.Path("/sys/bus/pci/devices")
        # No driver takes a host bridge, so that nothing of this machine is at risk.
        bridges = [
            device.name
            for device in devices.glob("*")
            if (device / "class").read_text(encoding="ascii").startswith("0x0600")
        ]
        if not bridges:
            self.skipTest("no PCI bus here")
        config = self.config()
        config["uplinks"] = [{"name": "uplink0", "pci": bridges[0]}]
        self.check_refused(self.start(config), f"{bridges[0]} is bound to .*dpdk-devbind.py")

    def test_without_rights(self) -> None:
        nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
        self.check_refused(self.start(self.config(), through=nobody), "root|CAP_|capabilities")


class WithoutHugepages(BedTest):
    """Each node sees another lack of them, and both forward."""

    @classmethod
    def edit(cls, bed: TestBed, node: Node) -> None:
        if node.addresses.letter == "a":
            none = bed.directory / "none"
            none.write_text("0\n", encoding="ascii")
            hide = f"mount --bind {none} {FREE_HUGEPAGES}"
        else:
            hide = "umount -a -t hugetlbfs"
        # In a mount namespace of its own, so that only this podwarp is deceived.
        node.wrapper = ["unshare", "--mount", "sh", "-c", f'{hide} && exec "$@"', "sh"]

    def test_it_warns_and_forwards(self) -> None:
        self.assert_answered(self.a.pods[0].ping(self.b.pods[0].address, count=3))
        self.assertRegex(
            self.a.podwarp.log(), "without hugepages.* 0 are free; `echo .* > /proc/sys/vm/nr_huge"
        )
        self.assertRegex(self.b.podwarp.log(), "without hugepages.*not mounted; `.*mount -t huge")


class ALatePod(BedTest):
    """A pod whose network namespace comes after podwarp's start."""

    pods = {"a": 1}

    @classmethod
    def edit(cls, bed: TestBed, node: Node) -> None:
        late = Namespace(f"{bed.tag}-late")
        node.config["pods"].append(pod_config("late", "10.244.1.20", late.path))

    def test_gets_its_port_then(self) -> None:
        pod = self.a.pods[0]
        self.assertIn("pod default/late has no port", self.a.podwarp.log())
        late = self.bed.add_namespace("late")
        wait_for(lambda: ping(late, pod.address, "-W", "0.2").ok, "the late pod reaches another")
        self.assert_answered(pod.ping("10.244.1.20"))


class CleanUp(BedTest):
    """podwarp --cleanup removes what podwarp leaves in the kernel."""

    pods = {"a": 2}

    def test_nothing_is_left(self) -> None:
        node = self.a
        routes = node.namespace.ip("route")
        self.assertIn("podwarp0", routes)
        self.assertIn("table ip podwarp", node.namespace.run("nft", "list", "tables").stdout)
        late = self.bed.add_namespace("late")
        port = {"tap": {"netns": late.path}}
        node.api.put("/v1/pods/default/late", {"addresses": ["10.244.1.99"], "port": port})
        node.podwarp.stop()
        self.assertIn("eth0", late.ip("-br", "link"))
        self.assertIn("eth0", node.pods[0].namespace.ip("-br", "link"))
        for _ in range(2):
            node.podwarp.clean_up()
        self.assertNotIn("podwarp0", node.namespace.ip("-br", "link"))
        self.assertEqual(node.namespace.ip("route"), "")
        self.assertEqual(node.namespace.run("nft", "list", "tables").stdout, "")
        for namespace in (late, *(pod.namespace for pod in node.pods)):
            self.assertNotIn("eth0", namespace.ip("-br", "link"))
        node.podwarp.start()
        self.bed.wait_until_reachable()
