"""podwarpctl beside a podwarp that forwards."""

import json
import pathlib
import re
import subprocess
from typing import Any

from testbed.case import LatePodTest, binary
from testbed.command import wait_for
from testbed.config import WIRE, to_yaml

MANY = 20_000


class Podwarpctl(LatePodTest):
    def setUp(self) -> None:
        self.pod, self.peer = self.a.pods[0], self.b.pods[0]

    def tearDown(self) -> None:
        for kind in ("pod", "route", "node", "service"):
            for item in self.a.api.items(f"/v1/{kind}s"):
                if item["origin"] == "api":
                    self.ctl(kind, "del", item["key"])

    def run_ctl(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        program = pathlib.Path(binary()).resolve().parent.parent / "tools/podwarpctl/podwarpctl"
        return subprocess.run(
            self.a.namespace.command(str(program), "--socket", self.a.api.socket, *arguments),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def ctl(self, *arguments: str, status: int = 0, stdin: str = "") -> tuple[str, str]:
        """What it prints, and its complaints."""
        ended = self.run_ctl(*arguments, stdin=stdin)
        self.assertEqual(ended.returncode, status, ended.stdout + ended.stderr)
        return ended.stdout, ended.stderr

    def table(self, *arguments: str) -> list[dict[str, str]]:
        """Rows by their headings; a cell has no more than one space in a row."""
        lines = self.ctl(*arguments)[0].splitlines()
        headings = re.split(r"\s{2,}", lines[0].strip())
        rows = [re.split(r"\s{2,}", line.strip()) for line in lines[1:]]
        return [dict(zip(headings, row, strict=True)) for row in rows]

    def json(self, *arguments: str) -> Any:
        return json.loads(self.ctl(*arguments, "-o", "json")[0])

    def add_late(self) -> str:
        tap = ("--tap", "eth0", "--netns", self.late.namespace.path)
        return self.ctl("pod", "add", "a2", "--ip", self.late.address, *tap)[0]

    def test_a_pod_comes_and_goes(self) -> None:
        self.assertEqual(self.add_late(), "pod default/a2 created\n")
        self.assert_answered(self.late.ping(self.peer.address))
        self.assertEqual(self.add_late(), "pod default/a2 is as it was\n")
        rows = {row["POD"]: row for row in self.table("pods")}
        self.assertEqual(set(rows), {"default/a1", "default/a2"})
        late = rows["default/a2"]
        self.assertEqual(
            (late["ADDRESSES"], late["PORT"], late["FROM"], late["STATE"]),
            (self.late.address, "tap eth0", "api", "up"),
        )
        self.assertEqual(rows["default/a1"]["FROM"], "file")
        self.assertEqual(self.ctl("pod", "del", "a2")[0], "pod default/a2 deleted\n")
        self.assertNotIn("eth0", self.late.namespace.ip("link"))
        error = self.ctl("pod", "del", "a2", status=1)[1]
        self.assertEqual(error, "podwarpctl: there is no pod default/a2\n")
        error = self.ctl("pod", "del", "a1", status=1)[1]
        self.assertIn("comes from the configuration file", error)

    def test_a_pod_that_is_down_says_why(self) -> None:
        socket = str(self.bed.directory / "nobody.sock")
        command = ("pod", "add", "vm", "--ip", self.a.addresses.pod(50), "--vhost-user", socket)
        said, note = self.ctl(*command)
        self.assertEqual(said, "pod default/vm created\n")
        self.assertIn("note: pod default/vm is down: ", note)
        (row,) = [row for row in self.table("pods") if row["POD"] == "default/vm"]
        self.assertIn(socket, row["STATE"])
        self.ctl("pod", "del", "vm")

    def test_nodes_and_routes(self) -> None:
        node = ("--pod-range", "10.244.9.0/24", "--underlay", "192.168.50.9")
        self.assertEqual(self.ctl("node", "add", "node-z", *node)[0], "node node-z created\n")
        states = {row["NODE"]: row["STATE"] for row in self.table("nodes")}
        self.assertEqual(states["node-b"], "configured")
        self.assertIn("192.168.50.9", states["node-z"])
        self.ctl("route", "add", "10.244.1.200/32", "node-z")
        self.assertEqual([row["NODE"] for row in self.table("routes")], ["node-z"])
        self.assertEqual(self.json("arp", "10.244.1.200")["owner"], "node node-z")
        error = self.ctl("node", "del", "node-z", status=1)[1]
        self.assertIn("lead to node node-z", error)
        self.ctl("route", "del", "10.244.1.200/32")
        self.ctl("node", "del", "node-z")
        self.assertEqual([item["key"] for item in self.json("nodes")], ["node-b"])

    def test_services(self) -> None:
        backends = f"{self.pod.address}:8080,{self.peer.address}"
        add = ("service", "add", "shop/cart", "--ip", "10.96.0.80", "--port", "53/udp")
        said = self.ctl(*add, "--backend", backends, "--affinity", "90m")[0]
        self.assertEqual(said, "service shop/cart created\n")
        (row,) = self.table("services")
        self.assertEqual(
            (row["SERVICE"], row["ADDRESS"], row["PORTS"], row["READY/ALL"], row["AFFINITY"]),
            ("shop/cart", "10.96.0.80", "53/udp", "2/2", "1h30m"),
        )
        self.assertEqual(self.ctl(*add)[0], "service shop/cart changed: session_affinity,ports\n")
        self.assertEqual(self.table("services")[0]["READY/ALL"], "0/0")
        outside = ["--external", "203.0.113.10,203.0.113.11", "--source-range", "192.0.2.0/24"]
        outside += ["--node-port", "30053", "--external-traffic", "local"]
        outside += ["--backend", f"{self.pod.address}@node-a,{self.peer.address}@node-b"]
        said = self.ctl(*add, *outside)[0]
        self.assertEqual(
            said,
            "service shop/cart changed: external_addresses,source_ranges,external_traffic,ports\n",
        )
        (row,) = self.table("services")
        self.assertEqual(
            (row["EXTERNAL"], row["PORTS"], row["NODE PORTS"]),
            ("203.0.113.10,203.0.113.11", "53/udp", "30053"),
        )
        (item,) = self.json("services")
        self.assertEqual(item["object"]["external_traffic"], "local")
        taken = ("service", "add", "x", "--ip", "10.96.0.81", "--port", "80/udp")
        error = self.ctl(*taken, "--node-port", "30053", status=1)[1]
        self.assertIn("node_port: 30053/udp is taken by service shop/cart", error)
        wrong = ("service", "add", "x", "--ip", "10.96.0.81", "--port", "70000")
        error = self.ctl(*wrong, status=1)[1]
        self.assertIn("ports[0].port: '70000' is not a whole number from 1 to 65535", error)
        self.assertEqual(self.table("connections", "--service", "shop/cart"), [])
        error = self.ctl("connections", "--pod", "nobody", status=1)[1]
        self.assertEqual(error, "podwarpctl: there is no pod default/nobody on this node\n")
        self.ctl("service", "del", "shop/cart")
        self.assertEqual(self.json("services"), [])

    def test_many_routes(self) -> None:
        prefixes = [f"10.244.{128 | i >> 8}.{i & 255}/32" for i in range(MANY)]
        put = [
            json.dumps({"op": "put", "kind": "route", "object": {"prefix": p, "node": "node-b"}})
            for p in prefixes
        ]
        said = self.ctl("apply", "-", stdin="\n".join(put))[0]
        self.assertEqual(said, f"{MANY:,} changes applied\n")
        self.assertEqual({item["key"] for item in self.json("routes")}, set(prefixes))
        self.assertEqual(len(self.table("routes")), MANY)
        self.assertGreaterEqual(len(self.table("arp")), MANY)
        file = self.bed.directory / "changes.jsonl"
        lines = [json.dumps({"op": "delete", "kind": "route", "key": p}) for p in prefixes]
        file.write_text("\n".join([*lines, "nonsense"]), encoding="utf-8")
        error = self.ctl("apply", str(file), status=1)[1]
        self.assertIn(f"{file}:{MANY + 1}: ", error)
        self.assertEqual(self.json("routes"), [])

    def test_reports(self) -> None:
        self.assert_answered(self.pod.ping(self.peer.address))
        self.assertEqual(self.json("status")["pid"], self.a.podwarp.pid)
        self.assertIn("node           node-a, ready\n", self.ctl("status")[0])
        self.assertIn(self.json("status")["version"], self.ctl("version")[0])
        ports = {row["PORT"]: row for row in self.table("ports")}
        self.assertEqual(set(ports), {"uplink0", "podwarp0", "default/a1"})
        self.assertEqual({row["STATE"] for row in ports.values()}, {"up"})
        (worker,) = self.table("workers")
        self.assertGreater(int(worker["RECEIVED"].replace(",", "")), 0)
        self.pod.ping(self.peer.address, "-t", "1", "-W", "0.2")
        (expired,) = [row for row in self.table("drops") if row["REASON"] == "ttl_expired"]
        self.assertEqual(expired["LAST PORTS"], "default/a1")
        reasons = [drop["name"] for drop in self.json("drops", "--all")]
        self.assertIn("no_buffer", reasons)
        self.assertEqual(self.json("arp", self.pod.address)["owner"], "pod default/a1")

    def test_top(self) -> None:
        flood = self.pod.namespace.spawn("ping", "-f", "-q", "-i", "0.002", self.peer.address)
        try:
            rates = self.json("top", "--once", "--interval", "0.5")
            screen = self.ctl("top", "--once", "--interval", "0.5")[0]
        finally:
            flood.terminate()
            flood.wait()
        self.assertGreater(rates["per_second"]["received_frames"], 10)
        self.assertIn("podwarp node-a", screen)
        self.assertIn("default/a1", screen)

    def test_reload(self) -> None:
        self.assertEqual(self.ctl("reload")[0], "0 changes\n")
        file = self.a.podwarp.config
        file.write_text("pods: [{name: Not A Name}]\n", encoding="utf-8")
        error = self.ctl("reload", status=1)[1]
        self.assertIn(f"podwarpctl: {file}:1: ", error)
        file.write_text(to_yaml(self.a.config), encoding="utf-8")
        self.assertEqual(self.ctl("reload")[0], "0 changes\n")
        self.assert_answered(self.pod.ping(self.peer.address))

    def examine(self, check: str) -> list[tuple[str, str]]:
        """What doctor says about one thing; other things may be as they are on any machine."""
        said = self.run_ctl("doctor", "-o", "json")
        self.assertIn(said.returncode, (0, 1), said.stderr)
        findings = json.loads(said.stdout)
        return [(f["level"], f["message"]) for f in findings if f["check"] == check]

    def test_doctor(self) -> None:
        ((level, sentence),) = self.examine("podwarp")
        self.assertEqual(level, "ok")
        self.assertIn(f"process {self.a.podwarp.pid}", sentence)
        self.assertIn(str(self.a.podwarp.config), self.examine("config")[0][1])
        self.assertEqual([level for level, _ in self.examine("rights")], ["ok"])
        self.assertEqual([level for level, _ in self.examine("link")], ["ok"])
        self.assertEqual([level for level, _ in self.examine("offloads")], ["ok"])
        self.assertEqual({level for level, _ in self.examine("forwarding")}, {"ok"})
        self.a.namespace.run("ethtool", "-K", WIRE, "gro", "on")
        try:
            ((level, sentence),) = self.examine("offloads")
        finally:
            self.a.namespace.run("ethtool", "-K", WIRE, "gro", "off")
        self.assertEqual(level, "warning")
        self.assertIn(f"`ethtool -K {WIRE} gro off`", sentence)

    def test_podwarp_is_away(self) -> None:
        self.a.podwarp.stop()
        try:
            error = self.ctl("status", status=3)[1]
            self.assertIn(f"podwarp does not answer at {self.a.api.socket}: ", error)
            self.assertEqual(self.examine("podwarp")[0][0], "warning")
        finally:
            self.a.podwarp.start()
        wait_for(lambda: self.pod.reaches(self.peer.address), "podwarp is back")
