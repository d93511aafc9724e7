"""The tests' API server as a program: `kube_server_test.py build/tests/support/kube_server`."""

import http.client
import json
import pathlib
import ssl
import sys
import tempfile
import threading
import unittest
import urllib.error
import urllib.request

TESTS = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TESTS / "system"))

# pylint: disable=wrong-import-position
from testbed.command import wait_for
from testbed.kube_server import Json, KubeServer

RECORDED = TESTS / "unit/kubernetes/recorded"
BINARY = sys.argv.pop(1)


def pod(name: str, address: str) -> Json:
    metadata = {"name": name, "namespace": "default"}
    return {"kind": "Pod", "metadata": metadata, "status": {"podIP": address}}


class Program(unittest.TestCase):
    def setUp(self) -> None:
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.kube = self.enterContext(KubeServer(BINARY, folder))

    def ask(self, target: str, token: str = "first") -> bytes:
        """As its clients do, by what the folder has for them."""
        config = json.loads(self.kube.kubeconfig.read_text())
        cluster = config["clusters"][0]["cluster"]
        trusted = ssl.create_default_context(
            cafile=self.kube.folder / cluster["certificate-authority"]
        )
        request = urllib.request.Request(
            cluster["server"] + target, headers={"Authorization": f"Bearer {token}"}
        )
        with urllib.request.urlopen(request, context=trusted, timeout=60) as answer:
            said: bytes = answer.read()
            return said

    def assert_refused(self, code: int, token: str = "first") -> None:
        with self.assertRaises(urllib.error.HTTPError) as refused:
            self.ask("/api/v1/pods", token)
        self.assertEqual(refused.exception.code, code)

    def test_objects_come_change_and_go(self) -> None:
        self.kube.put(pod("web", "10.244.1.1"), {"kind": "Node", "metadata": {"name": "a"}})
        self.kube.put(pod("web", "10.244.1.2"))
        listed = json.loads(self.ask("/api/v1/pods"))
        self.assertEqual([item["status"]["podIP"] for item in listed["items"]], ["10.244.1.2"])
        self.assertEqual([node["metadata"]["name"] for node in self.kube.all("Node")], ["a"])
        web = self.kube.get("Pod", "web", "default")
        assert web is not None
        self.assertEqual(web["status"]["podIP"], "10.244.1.2")
        self.assertTrue(self.kube.delete("Pod", "web", "default"))
        self.assertFalse(self.kube.delete("Pod", "web", "default"))
        self.assertEqual(json.loads(self.ask("/api/v1/pods"))["items"], [])
        self.assertIn("GET /api/v1/pods", self.kube.requests())

    def test_watches_are_told_and_cut(self) -> None:
        said: list[object] = []

        def watch() -> None:
            try:
                said.append(self.ask("/api/v1/pods?watch=true&resourceVersion=1"))
            except (OSError, http.client.HTTPException) as error:
                said.append(error)

        for action, is_whole in (("end", True), ("cut", False)):
            with self.subTest(action):
                said.clear()
                thread = threading.Thread(target=watch)
                thread.start()
                wait_for(lambda: self.kube.open_watches() == 1, "it watches")
                self.kube.act(action, within_line=True)
                thread.join()
                self.assertEqual(isinstance(said[0], bytes), is_whole, said)
                wait_for(lambda: self.kube.open_watches() == 0, "it watches no more")

    def test_refuses_on_demand(self) -> None:
        self.kube.act("refuse", part="/pods", code=403)
        self.assert_refused(403)
        self.ask("/api/v1/pods")
        self.assert_refused(401, "another")
        self.kube.set_token("second")
        self.assert_refused(401)
        self.assertEqual((self.kube.folder / "token").read_text().strip(), "second")
        self.ask("/api/v1/pods", "second")

    def test_goes_away_and_comes_back(self) -> None:
        self.kube.put(pod("web", "10.244.1.1"))
        self.kube.act("close")
        with self.assertRaises(urllib.error.URLError):
            self.ask("/api/v1/pods")
        self.kube.act("open")
        self.assertEqual(len(json.loads(self.ask("/api/v1/pods"))["items"]), 1)


if __name__ == "__main__":
    unittest.main()
