"""Pods, nodes, routes and services come, change and go by the API, while podwarp forwards."""

import pathlib
import re
import shlex
import signal
import stat
import time

from testbed.api import Refused
from testbed.case import LatePodTest
from testbed.command import wait_for
from testbed.config import Config, pod_config, to_yaml
from testbed.tcp import arrives_unharmed, connect

README = pathlib.Path(__file__).resolve().parent.parent.parent / "README.md"
OTHER_ADDRESS = 99  # of a pod's number


class ApiTest(LatePodTest):
    def setUp(self) -> None:
        self.pod, self.peer = self.a.pods[0], self.b.pods[0]
        self.api = self.a.api
        config = pod_config("a2", self.late.address, self.late.namespace.path)
        self.body: Config = config

    def tearDown(self) -> None:
        for item in self.api.items("/v1/pods"):
            if item["origin"] == "api":
                self.api.delete(f"/v1/pods/{item['key']}")
        for item in self.api.items("/v1/routes"):
            self.api.delete(f"/v1/routes/{item['key']}")
        for item in self.api.items("/v1/services"):
            self.api.delete(f"/v1/services/{item['key']}")

    def put_late(self, **fields: object) -> Config:
        return self.api.put("/v1/pods/default/a2", {**self.body, **fields})

    def restart(self, how: signal.Signals) -> None:
        self.a.podwarp.stop(how)
        self.a.podwarp.start()

    def test_a_pod_comes_moves_and_goes_while_others_talk(self) -> None:
        here, there = connect(self.pod, self.peer)
        with here, there:
            self.assertTrue(self.put_late()["created"])
            self.assert_answered(self.late.ping(self.peer.address))
            self.assertEqual(self.put_late(), {"created": False, "changed": []})
            self.assertTrue(arrives_unharmed(here, there, 1 << 20))

            other = self.a.addresses.pod(OTHER_ADDRESS)
            self.assertEqual(self.put_late(addresses=[other])["changed"], ["addresses"])
            self.assert_answered(self.pod.ping(other))
            self.assert_unanswered(self.pod.ping(self.late.address, "-W", "0.2"))
            self.assertTrue(arrives_unharmed(here, there, 1 << 20))

            self.assertEqual(self.api.delete("/v1/pods/default/a2"), {"deleted": True})
            self.assert_unanswered(self.pod.ping(other, "-W", "0.2"))
            self.assertNotIn("eth0", self.late.namespace.ip("link"), "its interface is gone")
            self.assertTrue(arrives_unharmed(here, there, 1 << 20))
        with self.assertRaises(Refused) as gone:
            self.api.delete("/v1/pods/default/a2")
        self.assertEqual((gone.exception.status, gone.exception.code), (404, "not_found"))

    def test_what_was_answered_survives_a_kill(self) -> None:
        self.put_late()
        route = {"prefix": "10.244.1.200/32", "node": "node-b"}
        self.api.put("/v1/routes/10.244.1.200%2F32", route)
        for how in (signal.SIGKILL, signal.SIGTERM):
            self.restart(how)
            wait_for(lambda: self.late.reaches(self.peer.address), "the pod is there again")
            (item,) = self.api.items("/v1/routes")
            self.assertEqual((item["object"], item["origin"]), (route, "api"))
        self.api.delete("/v1/pods/default/a2")
        self.restart(signal.SIGKILL)
        self.assertEqual([item["key"] for item in self.api.items("/v1/pods")], ["default/a1"])

    def test_a_service_is_kept_as_it_was_told(self) -> None:
        body: Config = {
            "address": "10.96.0.80",
            "session_affinity": "1h",
            "external_addresses": ["203.0.113.10"],
            "source_ranges": ["192.0.2.0/24"],
            "internal_traffic": "local",
            "external_traffic": "local",
            "ports": [
                {
                    "port": 80,
                    "node_port": 30080,
                    "backends": [{"address": self.peer.address, "node": "node-b"}],
                }
            ],
        }
        self.assertTrue(self.api.put("/v1/services/shop/cart", body)["created"])
        before = self.api.get("/v1/services/shop/cart")["object"]
        backend = {"address": self.peer.address, "port": 80, "state": "ready", "node": "node-b"}
        port = {"protocol": "tcp", "port": 80, "node_port": 30080, "backends": [backend]}
        names = {"name": "cart", "namespace": "shop"}
        self.assertEqual(before, {**names, **body, "ports": [port], "session_affinity": "1h"})
        self.restart(signal.SIGKILL)
        (item,) = self.api.items("/v1/services")
        self.assertEqual((item["key"], item["object"]), ("shop/cart", before))
        self.assertEqual(self.api.post("/v1/reload"), {"changes": 0, "failed": []})

        body["ports"] = [{"port": 80, "backends": []}]
        self.assertEqual(self.api.put("/v1/services/shop/cart", body)["changed"], ["ports"])
        with self.assertRaises(Refused) as refused:
            self.api.put("/v1/services/shop/other", body)
        self.assertEqual(
            (refused.exception.status, refused.exception.message),
            (
                409,
                "address: 10.96.0.80 is taken by service shop/cart; each needs one of its own",
            ),
        )
        self.assertEqual(self.api.items("/v1/connections?service=shop/cart"), [])
        with self.assertRaises(Refused) as refused:
            self.api.get("/v1/connections?service=shop/other")
        self.assertEqual(refused.exception.status, 404)

    def test_what_the_api_said_makes_room_for_the_file(self) -> None:
        self.put_late()
        config = {**self.a.config, "pods": [*self.a.config["pods"], self.body]}
        config["pods"][-1] = {**self.body, "name": "other"}
        self.a.podwarp.config.write_text(to_yaml(config), encoding="utf-8")
        self.assertEqual(self.api.post("/v1/reload"), {"changes": 2, "failed": []})
        late = self.api.get("/v1/pods/default/a2")
        self.assertIn("taken by pod default/other", late["status"]["shadowed"])
        with self.assertRaises(Refused) as refused:
            self.api.delete("/v1/pods/default/other")
        self.assertEqual(refused.exception.status, 409)
        self.assertIn("comes from the configuration file", refused.exception.message)
        wait_for(lambda: self.late.reaches(self.peer.address), "the file's pod has the tap")

        self.a.podwarp.config.write_text(to_yaml(self.a.config), encoding="utf-8")
        self.api.post("/v1/reload")
        wait_for(lambda: self.late.reaches(self.peer.address), "the API's pod has it again")
        self.assertTrue(self.api.get("/v1/pods/default/a2")["status"]["up"])

    def test_a_damaged_state_file_is_set_aside(self) -> None:
        self.put_late()
        self.a.podwarp.stop()
        state = pathlib.Path(self.a.config["api"]["state"])
        for name in (state, state.with_name(state.name + "-wal")):
            name.write_bytes(b"nonsense" * 1000)
        self.a.podwarp.start()
        self.assertEqual([item["key"] for item in self.api.items("/v1/pods")], ["default/a1"])
        self.assertIn("set aside", self.api.get("/v1/status")["notes"][0])
        self.assert_answered(self.pod.ping(self.peer.address))

    def test_a_pod_without_a_place_yet_says_why(self) -> None:
        path = f"/run/netns/{self.bed.tag}-not-there"
        self.api.put(
            "/v1/pods/default/early",
            {"addresses": [self.a.addresses.pod(50)], "port": {"tap": {"netns": path}}},
        )
        status = self.api.get("/v1/pods/default/early")["status"]
        self.assertFalse(status["up"])
        self.assertIn(path, status["why_down"])

    def test_reports(self) -> None:
        status = self.api.get("/v1/status")
        self.assertTrue(status["ready"])
        self.assertEqual((status["node"], status["pid"]), ("node-a", self.a.podwarp.pid))
        self.assertEqual(status["nodes"], {"total": 1, "resolved": 1})
        ports = {port["name"]: port for port in self.api.items("/v1/ports")}
        self.assertEqual(set(ports), {"uplink0", "podwarp0", "default/a1"})
        self.assertIs(ports["uplink0"]["up"], True)
        before = self.api.items("/v1/workers")[0]["received_frames"]
        self.assert_answered(self.pod.ping(self.peer.address))
        self.assertGreater(self.api.items("/v1/workers")[0]["received_frames"], before)
        owner = self.api.get(f"/v1/arp?address={self.pod.address}")["owner"]
        self.assertEqual(owner, "pod default/a1")
        self.assertEqual(self.api.get("/v1/config")["node_name"], "node-a")
        self.assertIn("broadcast", [drop["name"] for drop in self.api.items("/v1/drops")])

    def test_the_socket_has_its_rights(self) -> None:
        mode = stat.S_IMODE(pathlib.Path(self.api.socket).stat().st_mode)
        self.assertEqual(mode, 0o660)

    def test_many_routes_in_one_body(self) -> None:
        prefixes = [f"10.244.{i >> 8 & 127 | 128}.{i & 255}/32" for i in range(1 << 15)]
        put = [
            {"op": "put", "kind": "route", "object": {"prefix": prefix, "node": "node-b"}}
            for prefix in prefixes
        ]
        start = time.monotonic()
        self.assertEqual(self.api.bulk(*put), {"applied": len(put), "failed": 0, "errors": []})
        print(f"# {len(put) / (time.monotonic() - start):.0f} routes a second", flush=True)
        self.assertEqual(self.api.get("/v1/status")["routes"], len(put))
        self.assert_answered(self.pod.ping(self.peer.address))
        delete = [{"op": "delete", "kind": "route", "key": prefix} for prefix in prefixes]
        self.assertEqual(self.api.bulk(*delete)["applied"], len(put))
        self.assertEqual(self.api.get("/v1/status")["routes"], 0)

    def test_the_examples_of_the_readme(self) -> None:
        text = re.sub(r"\\\n\s*", "", README.read_text(encoding="utf-8"))
        examples = re.findall(r"^    (curl --unix-socket .*)$", text, re.M)
        self.assertGreater(len(examples), 5)
        for example in examples:
            words = shlex.split(example.replace("/run/podwarp/api.sock", self.api.socket))
            answer = self.a.namespace.run(*words, "--fail-with-body", "--no-progress-meter")
            self.assertTrue(answer.stdout.startswith("{"), f"{example}\n{answer.stdout}")
