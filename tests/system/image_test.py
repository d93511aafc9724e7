"""The image and the DaemonSet: made by the Dockerfile's steps, run by runc with the capabilities,
mounts and folders of the manifest and no others, and pods that its podwarp-cni attaches.
"""

import contextlib
import json
import os
import pathlib
import shutil
import socket
import tempfile
import unittest

import yaml

from testbed import manifests
from testbed.api import Api
from testbed.bed import Pod
from testbed.cni import Cni
from testbed.command import run, wait_for
from testbed.image import make_image, why_not
from testbed.namespace import Namespace, join
from testbed.oci import Container, PodSandbox
from testbed.process import remove_leftovers

NODE = "node-a"
TAG = f"image-{os.getpid()}"
POD_RANGE = "10.244.1.0/24"
HOST_ADDRESS = "10.244.1.254"
NOBODY = 65534
PROGRAMS = {
    "/usr/sbin/podwarp --help": "podwarp --config=",
    "/usr/bin/podwarpctl --help": "podwarpctl [OPTIONS]",
    "/usr/libexec/podwarp/cni/podwarp-cni": '"supportedVersions"',
    "/usr/libexec/podwarp/cni/host-local": '"supportedVersions"',
}


class Image(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.reason = why_not()
        if cls.reason:
            return
        # Not in /run, which is in memory on most machines.
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="podwarp-image-", dir="/var/tmp"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.root = cls.folder / "root"
        make_image(cls.root)

    reason: str
    folder: pathlib.Path
    root: pathlib.Path

    def setUp(self) -> None:
        if self.reason:
            self.skipTest(self.reason)

    def test_programs_answer_and_find_their_libraries(self) -> None:
        for command, answer in PROGRAMS.items():
            with self.subTest(command):
                libraries = self.in_image(f"ldd {command.split()[0]} || true")
                self.assertNotIn("not found", libraries)
                self.assertIn(
                    answer, self.in_image(f"echo {{}} | CNI_COMMAND=VERSION {command} || true")
                )

    def test_drivers_are_there(self) -> None:
        folder = next((self.root / "usr/lib/x86_64-linux-gnu/dpdk").glob("pmds-*"))
        drivers = {file.name.partition(".")[0] for file in folder.iterdir()}
        for name in ("af_packet", "af_xdp", "memif", "ice", "mlx5", "virtio"):
            self.assertIn(f"librte_net_{name}", drivers)

    def test_a_node(self) -> None:
        with contextlib.ExitStack() as stack:
            node = DaemonNode(self.folder, self.root, stack)
            self.assertEqual(node.install(), "")
            node.start()
            pods = [node.add_pod(name) for name in ("one", "two")]
            self.assertEqual([pod.address for pod in pods], ["10.244.1.2", "10.244.1.3"])
            for pod, peer in (pods, reversed(pods)):
                self.assertTrue(pod.ping(peer.address, count=3).ok)
                self.assertTrue(pod.ping(HOST_ADDRESS).ok)
            status = json.loads(node.podwarp.execute("podwarpctl", "status", "-o", "json"))
            self.assertEqual((status["node"], status["ready"]), (NODE, True))
            self.assertEqual(status["ports"], {"total": 4, "up": 4})
            self.vhost_user_sockets_work(node)
            self.assertEqual(node.podwarp.stop(), 0, node.podwarp.log())

    def vhost_user_sockets_work(self, node: "DaemonNode") -> None:
        """One of somebody else, and one for a group."""
        peers = node.run / "peers"
        peers.mkdir(mode=0o700)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(peers / "guest.sock"))
            for path in (peers / "guest.sock", peers):
                path.chmod(0o700)
                os.chown(path, NOBODY, NOBODY)
            listener.listen()
            listener.settimeout(60)
            port = {"socket": "/run/podwarp/peers/guest.sock", "mode": "client"}
            node.api.put("/v1/pods/default/guest", vhost_pod("10.244.1.77", port))
            listener.accept()[0].close()
        port = {"socket": "/run/podwarp/served.sock", "mode": "server"}
        port.update(socket_mode="0660", group="daemon")
        node.api.put("/v1/pods/default/served", vhost_pod("10.244.1.78", port))
        served = node.run / "served.sock"
        # librte_vhost makes the file, and podwarp gives it away after that.
        wait_for(
            lambda: (served.group(), served.stat().st_mode & 0o777) == ("daemon", 0o660),
            "the socket is the group's",
        )

    def in_image(self, command: str) -> str:
        return run("chroot", str(self.root), "/bin/sh", "-c", command).stdout


def vhost_pod(address: str, port: dict[str, str]) -> dict[str, object]:
    return {"addresses": [address], "port": {"vhost_user": port}}


class DaemonNode:
    """A machine with its pod of the DaemonSet; `stack` ends it."""

    def __init__(
        self, folder: pathlib.Path, root: pathlib.Path, stack: contextlib.ExitStack
    ) -> None:
        self._folder, self._stack = folder, stack
        self.namespace, wire_end = self._namespace("node"), self._namespace("wire")
        join(self.namespace, wire_end, "eth1", 1500)
        self.run = folder / "run"
        places = {"run": self.run, "tun": "/dev/net/tun", "netns": "/run/netns"}
        places |= {"sysctl": "/proc/sys/net", "hugepages": "/dev/hugepages"}
        spec = manifests.daemon_pod()
        volumes = {
            volume["name"]: pathlib.Path(places.get(volume["name"], folder / volume["name"]))
            for volume in spec["volumes"]
        }
        for path in volumes.values():
            path.mkdir(exist_ok=True) if not path.exists() else None
        os.chown(volumes["cni-bin"], NOBODY, NOBODY)  # as some packages of plugins have it
        self._write_config(volumes["config"])
        sandbox = PodSandbox(
            f"podwarp-{TAG}",
            folder / "oci",
            root,
            self.namespace.path,
            volumes,
            {"NODE_NAME": NODE},
        )
        self._installer = sandbox.container(spec["initContainers"][0])
        self.podwarp: Container = sandbox.container(spec["containers"][0])
        self._probe = spec["containers"][0]["readinessProbe"]["exec"]["command"]
        self._programs = volumes["cni-bin"]
        self._configs = volumes["cni-config"]
        self.api = Api(self.run / "api.sock")

    def install(self) -> str:
        return self._installer.run()

    def start(self) -> None:
        """Returns when kubelet would call it ready."""
        self._stack.callback(remove_leftovers, TAG)
        self._stack.callback(self.podwarp.remove)
        self.podwarp.start()
        self.podwarp.wait_until(*self._probe)

    def add_pod(self, name: str) -> Pod:
        """A namespace that comes now, attached as a runtime does by what was installed."""
        namespace = self._namespace(name)
        (file,) = self._configs.iterdir()
        network = json.loads(file.read_text(encoding="utf-8"))
        (plugin,) = network.pop("plugins")
        ipam = {**plugin.pop("ipam"), "dataDir": str(self._folder / "addresses")}
        cni = Cni(self._programs, self.run / "api.sock", ipam)
        cni.program = self._programs / plugin["type"]
        own = {"socket": str(self.run / "api.sock"), "lock": str(self._folder / "cni.lock")}
        cni.config = {**network, **plugin, "ipam": ipam, **own}
        answer = cni.call("ADD", name, namespace.path)
        assert answer.ok, answer
        return Pod(name, answer.printed["ips"][0]["address"].partition("/")[0], namespace)

    def _namespace(self, name: str) -> Namespace:
        namespace = Namespace(f"{TAG}-{name}")
        self._stack.callback(namespace.remove)
        namespace.create()
        return namespace

    def _write_config(self, folder: pathlib.Path) -> None:
        """The ConfigMap's, but for what the Node would say, and there is no API server here."""
        data = manifests.find("ConfigMap", "podwarp")["data"]
        config = yaml.safe_load(data["podwarp.yaml"])
        config.pop("kubernetes", None)
        config["node_pod_ranges"] = [POD_RANGE]
        config["host_port"]["address"] = HOST_ADDRESS
        config["memory"] = {"file_prefix": TAG}
        (folder / "podwarp.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
        name = "10-podwarp.conflist"
        (folder / name).write_text(data[name], encoding="utf-8")
