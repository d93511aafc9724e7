"""explain says beforehand what ping, curl and the counters say afterwards."""

import json
import pathlib
import socket
import subprocess
from typing import Any
from urllib.parse import urlencode

from testbed.backend import WEB_PORT
from testbed.bed import Pod
from testbed.caller import Endpoint
from testbed.case import binary
from testbed.command import PATIENCE_SECONDS
from testbed.counters import drops, new_drops
from testbed.ping import ping
from testbed.services import HTTP, ServiceTest, web

Json = dict[str, Any]

UNOWNED = "10.244.1.99"


class Explain(ServiceTest):
    """From a's first pod, beside its second one and b's first."""

    def setUp(self) -> None:
        self.pod, self.neighbor, self.backend = self.a.pods
        self.peer = self.b.pods[0]

    def explain(self, to: str, **parameters: object) -> Json:
        query = {"from": f"default/{self.pod.name}", "to": to, **parameters}
        return self.a.api.get(f"/v1/explain?{urlencode(query)}")

    def ctl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        program = pathlib.Path(binary()).resolve().parent.parent / "tools/podwarpctl/podwarpctl"
        return subprocess.run(
            self.a.namespace.command(str(program), "--socket", self.a.api.socket, *arguments),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def test_a_peer_is_reached(self) -> None:
        for target, summary in (
            (self.neighbor.address, f"reaches pod default/{self.neighbor.name}"),
            (self.peer.address, "leaves by uplink0 to node node-b"),
            (self.a.addresses.gateway, "is answered by podwarp itself"),
            (self.a.addresses.host, "reaches the node's kernel, by podwarp0"),
        ):
            with self.subTest(target):
                said = self.explain(target)
                self.assertEqual((said["verdict"], said["summary"]), ("sent", summary))
                self.assertEqual(said["arp"][0]["end"], "sent")
                self.assert_answered(self.pod.ping(target))

    def test_what_is_dropped_is_counted_as_it_was_said(self) -> None:
        for target, options, parameters in (
            (UNOWNED, [], {}),
            (self.peer.address, ["-t", "1"], {"ttl": 1}),
        ):
            with self.subTest(target):
                said = self.explain(target, **parameters)
                self.assertEqual(said["verdict"], "dropped")
                self.assertIn("the sender is told by ICMP", said["summary"])
                before = drops(self.a)
                self.assert_unanswered(ping(self.pod.namespace, target, "-W", "1", *options))
                self.assertEqual(new_drops(self.a, before), {said["reason"]: 1})
        said = self.explain(self.peer.address, source=self.neighbor.address)
        self.assertEqual((said["verdict"], said["reason"]), ("dropped", "spoofed_ip"))

    def test_a_service_is_explained_with_the_backend_that_then_answers(self) -> None:
        address = self.new_service([self.backend, self.peer])
        name = f"default/s-{address.replace('.', '-')}"
        chosen = set()
        for port in range(40_000, 40_010):
            said = self.explain(f"{name}:{HTTP}", source_port=port)
            self.assertEqual((said["verdict"], said["to"]), ("sent", f"{address}:{HTTP}/tcp"))
            self.assertIn(f"service {name}", said["summary"])
            answering = self.ask_from(port, web(address))
            self.assertIn(f" {answering.address}:{WEB_PORT}", said["summary"])
            chosen.add(answering.name)
        self.assertEqual(len(chosen), 2, "all have gone to the same backend")

    def ask_from(self, port: int, service: Endpoint) -> Pod:
        """Who answers a request of the pod's from this port."""
        with self.pod.namespace.entered():
            connection = socket.create_connection(service, PATIENCE_SECONDS, ("", port))
        with connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            said = b""
            while part := connection.recv(4096):
                said += part
        name = said.partition(b"\r\n\r\n")[2].decode().split()[0]
        return next(pod for pod in (self.backend, self.peer) if pod.name == name)

    def test_a_service_without_a_backend(self) -> None:
        address = self.new_service([])
        said = self.explain(f"{address}:80")
        self.assertEqual(said["reason"], "service_no_backend")
        self.assertIn("told by a TCP reset", said["summary"])

    def test_nothing_is_counted(self) -> None:
        address = self.new_service([self.backend])
        before = self.counts()
        for target in (self.neighbor.address, UNOWNED, f"{address}:80", f"{address}:81"):
            for ttl in (1, 64):
                self.explain(target, ttl=ttl)
        self.assertEqual(self.counts(), before)

    def counts(self) -> Json:
        """What nobody moves who isn't in this test."""
        port = next(
            port
            for port in self.a.api.get("/v1/ports")["items"]
            if port["name"] == f"default/{self.neighbor.name}"
        )
        connections = self.a.api.get("/v1/connections")
        return {
            "drops": drops(self.a),
            "sent": port["transmitted_frames"],
            "connections": (connections["in_use"], len(connections["items"])),
        }

    def test_the_command_line(self) -> None:
        source = f"default/{self.pod.name}"
        ended = self.ctl("explain", "--from", source, "--to", self.peer.address)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        lines = ended.stdout.splitlines()
        self.assertEqual(
            lines[0], f"{source} to {self.peer.address}/icmp: leaves by uplink0 to node node-b"
        )
        self.assertTrue(any(line.split()[:1] == ["guard_source"] for line in lines), ended.stdout)
        dropped = self.ctl("explain", "--from", source, "--to", UNOWNED, "-o", "json")
        self.assertEqual(dropped.returncode, 1)
        self.assertEqual(json.loads(dropped.stdout)["reason"], "unowned_address")
        wrong = self.ctl("explain", "--from", "default/nobody", "--to", UNOWNED)
        self.assertEqual(wrong.returncode, 1)
        self.assertIn("from: there is no pod default/nobody", wrong.stderr)
