"""Prometheus: what a node says of itself, and the rules and the dashboard that come with it."""

import copy
import json
import pathlib
import re
import subprocess
import unittest

import yaml

from testbed.api import UnixConnection
from testbed.bed import Node, TestBed
from testbed.case import BedTest, binary
from testbed.command import run, wait_for
from testbed.config import to_yaml
from testbed.counters import drops
from testbed.link import Link, udp
from testbed.metrics import Metrics, scrape

HERE = pathlib.Path(__file__).resolve().parent
CONFIGS = HERE.parent.parent / "configs"
LISTEN = "127.0.0.1:9464"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MANY = 20


def promtool(*arguments: str, stdin: str = "") -> str:
    """What it complains of."""
    ended = subprocess.run(
        ["promtool", *arguments],
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    return "" if ended.returncode == 0 else ended.stdout or f"status {ended.returncode}"


class NodesMetrics(BedTest):
    @classmethod
    def edit(cls, bed: TestBed, node: Node) -> None:
        node.config["metrics"] = {"listen": LISTEN}
        node.config["services"] = [
            {"name": "web", "address": "10.96.0.80", "ports": [{"port": 80, "backends": []}]}
        ]

    def curl(self, path: str, *options: str) -> str:
        url = f"http://{LISTEN}{path}"
        return self.a.namespace.run("curl", "-sS", "--noproxy", "*", *options, url).stdout

    def ctl(self, *arguments: str) -> str:
        program = pathlib.Path(binary()).resolve().parent.parent / "tools/podwarpctl/podwarpctl"
        return self.a.namespace.run(
            str(program), "--socket", self.a.api.socket, *arguments
        ).stdout

    def test_promtool_has_nothing_to_say_of_it(self) -> None:
        metrics = scrape(self.a)
        self.assertGreater(len(metrics.samples), 200)
        self.assertEqual(promtool("check", "metrics", stdin=metrics.text), "")

    def test_dashboard_and_rules_ask_for_what_there_is(self) -> None:
        # Without Kubernetes there is nothing to say of it. Pods' drops come as they happen (below);
        # the rest is there from the start.
        given = set(re.findall(r"^# TYPE (podwarp_\w+)", scrape(self.a).text, re.M))
        given.add("podwarp_pod_dropped_frames_total")
        for name in ("grafana/podwarp.json", "prometheus/rules.yaml"):
            asked = set(re.findall(r"podwarp_[a-z_]+[a-z]", (CONFIGS / name).read_text()))
            asked = {re.sub("_(bucket|sum|count)$", "", metric) for metric in asked}
            unknown = {m for m in asked - given if not m.startswith("podwarp_kubernetes_")}
            self.assertFalse(unknown, name)

    def test_who_is_asked_and_how(self) -> None:
        for path in ("/healthz", "/readyz"):
            self.assertEqual(len(json.loads(self.curl(path))), 1)
        head = self.curl("/metrics", "--head")
        self.assertRegex(head, r"^HTTP/1.1 200 ")
        self.assertIn(f"Content-Type: {CONTENT_TYPE}\n", head.replace("\r", ""))
        for path in ("/v1/pods", "/v1/config", "/v1/status"):
            said = json.loads(self.curl(path))
            self.assertEqual(said["error"]["code"], "permission_denied")
        delete = json.loads(self.curl("/v1/pods/default/a1", "-X", "DELETE"))
        self.assertEqual(delete["error"]["code"], "permission_denied")

        connection = UnixConnection(self.a.api.socket)
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        self.assertEqual(answer.getheader("Content-Type"), CONTENT_TYPE)
        by_socket = Metrics(answer.read().decode())
        connection.close()
        self.assertEqual(
            {name for name, _, _ in by_socket.samples},
            {name for name, _, _ in scrape(self.a).samples},
        )

    def test_frames_and_ports(self) -> None:
        pod, peer = self.a.pods[0], self.b.pods[0]
        before = scrape(self.a)
        self.assert_answered(pod.ping(peer.address, count=10))
        after = scrape(self.a)
        for name, labels in (
            ("podwarp_pod_received_frames_total", {"namespace": "default", "pod": pod.name}),
            ("podwarp_pod_transmitted_frames_total", {"namespace": "default", "pod": pod.name}),
            ("podwarp_port_received_frames_total", {"port": "uplink0", "role": "uplink"}),
            ("podwarp_port_transmitted_frames_total", {"port": "uplink0", "role": "uplink"}),
        ):
            grown = after.value(name, **labels) - before.value(name, **labels)
            self.assertGreaterEqual(grown, 10, name)
        self.assertEqual(after.value("podwarp_port_up", port="uplink0"), 1)
        self.assertEqual(after.value("podwarp_table_entries", table="pods"), 2)
        self.assertEqual(
            after.value("podwarp_service_backends", service="web", state="ready"), 0
        )
        self.assertEqual(
            before.value("process_start_time_seconds"), after.value("process_start_time_seconds")
        )

    def test_drops_are_the_same_wherever_one_looks(self) -> None:
        spoofer, target = self.a.pods[1], self.b.pods[0]
        labels = {"namespace": "default", "pod": spoofer.name, "reason": "spoofed_ip"}
        before = drops(self.a)["spoofed_ip"]
        macs = (spoofer.mac, self.a.addresses.virtual_mac)
        with Link(spoofer.namespace) as sender:
            for _ in range(MANY):
                sender.send(udp(macs, ("192.0.2.1", target.address), b"spoof"))
        total = before + MANY
        wait_for(lambda: drops(self.a)["spoofed_ip"] == total, "all have been dropped")
        metrics = scrape(self.a)
        self.assertEqual(
            metrics.value("podwarp_dropped_frames_total", reason="spoofed_ip"), total
        )
        self.assertEqual(metrics.value("podwarp_pod_dropped_frames_total", **labels), total)
        items = json.loads(self.ctl("drops", "-o", "json"))
        items = items["items"] if isinstance(items, dict) else items
        (item,) = (item for item in items if item["name"] == "spoofed_ip")
        self.assertEqual(item["frames"], total)
        self.assertTrue(
            metrics.has("podwarp_drop_reason_info", reason="spoofed_ip", help=item["help"])
        )

    def test_an_address_that_is_taken_is_named(self) -> None:
        config = copy.deepcopy(self.a.config)
        config["pods"], config["services"] = [], []
        del config["host_port"], config["api"], config["uplinks"], config["nodes"]
        config["memory"]["file_prefix"] = self.bed.spare_prefix
        file = self.bed.directory / "refused.yaml"
        file.write_text(to_yaml(config), encoding="utf-8")
        ended = self.a.namespace.run(binary(), f"--config={file}", check=False)
        self.assertEqual(ended.returncode, 1, ended.stdout)
        self.assertIn(f"podwarp: another process listens on {LISTEN}\n", ended.stdout)

    def test_another_address_needs_a_restart(self) -> None:
        file = self.bed.directory / f"{self.a.name}.yaml"
        before = file.read_text(encoding="utf-8")
        self.addCleanup(file.write_text, before, encoding="utf-8")
        file.write_text(before.replace(LISTEN, "127.0.0.1:9465"), encoding="utf-8")
        said = self.a.namespace.run(
            "curl", "-sS", "--unix-socket", self.a.api.socket, "-X", "POST", "http://p/v1/reload"
        ).stdout
        self.assertIn("metrics differs from what podwarp was started with", said)
        self.assertTrue(scrape(self.a).samples)


class Files(unittest.TestCase):
    """configs/prometheus and configs/grafana."""

    def test_rules(self) -> None:
        self.assertEqual(promtool("check", "rules", str(CONFIGS / "prometheus/rules.yaml")), "")

    def test_alerts(self) -> None:
        self.assertEqual(promtool("test", "rules", str(HERE / "alerts.yaml")), "")

    def test_scraping(self) -> None:
        config = yaml.safe_load((CONFIGS / "prometheus/scrape.yaml").read_text(encoding="utf-8"))
        for job in config["scrape_configs"]:
            self.assertEqual(job.pop("kubernetes_sd_configs")[0]["role"], "pod")
            job["static_configs"] = [{"targets": [LISTEN]}]
        config["rule_files"] = [str(CONFIGS / "prometheus" / name) for name in config["rule_files"]]
        # Debian's promtool doesn't know Kubernetes.
        self.assertEqual(promtool("check", "config", "/dev/stdin", stdin=yaml.dump(config)), "")

    def test_the_dashboards_questions_can_be_read(self) -> None:
        text = (CONFIGS / "grafana/podwarp.json").read_text(encoding="utf-8")
        dashboard = json.loads(text)
        numbers = [panel["id"] for panel in dashboard["panels"]]
        self.assertEqual(len(numbers), len(set(numbers)))
        panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
        expressions = [target["expr"] for panel in panels for target in panel["targets"]]
        for variable, span in (("$__rate_interval", "5m"), ("$__range", "1h")):
            expressions = [expression.replace(variable, span) for expression in expressions]
        rules = [
            {"record": f"panel:{number}", "expr": expression}
            for number, expression in enumerate(expressions)
        ]
        groups = {"groups": [{"name": "dashboard", "rules": rules}]}
        self.assertEqual(promtool("check", "rules", "/dev/stdin", stdin=yaml.dump(groups)), "")
