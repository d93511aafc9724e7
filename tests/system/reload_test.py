"""The configuration changes under a running podwarp: SIGHUP."""

import copy
import signal

from testbed.case import LatePodTest
from testbed.command import wait_for
from testbed.config import Config, pod_config, to_yaml
from testbed.tcp import arrives_unharmed, connect

OTHER_ADDRESS = 99  # of a pod's number


class Reload(LatePodTest):
    def setUp(self) -> None:
        self.config: Config = copy.deepcopy(self.a.config)
        self.pod, self.peer = self.a.pods[0], self.b.pods[0]

    def tearDown(self) -> None:
        self.reload(self.a.config)
        wait_for(lambda: not self.pod.reaches(self.late.address), "the late pod is gone again")
        self.assert_answered(self.pod.ping(self.peer.address))

    def reload(self, config: Config) -> str:
        """What podwarp has to say about it."""
        return self.reload_text(to_yaml(config))

    def reload_text(self, text: str) -> str:
        before = len(self.a.podwarp.log())
        self.a.podwarp.config.write_text(text, encoding="utf-8")
        self.a.podwarp.send(signal.SIGHUP)
        wait_for(lambda: "reload: " in self.a.podwarp.log()[before:], "podwarp has read it")
        return self.a.podwarp.log()[before:]

    def add_late_pod(self) -> None:
        late = pod_config("a2", self.late.address, self.late.namespace.path)
        self.config["pods"].append(late)
        self.assertIn("1 object(s) changed", self.reload(self.config))
        wait_for(lambda: self.late.reaches(self.pod.address), "the late pod is there")

    def test_a_pod_comes_and_goes_while_others_talk(self) -> None:
        here, there = connect(self.pod, self.peer)
        with here, there:
            self.add_late_pod()
            self.assert_answered(self.late.ping(self.peer.address))
            self.assertTrue(arrives_unharmed(here, there, 1 << 20))
            del self.config["pods"][1]
            self.assertIn("1 object(s) changed", self.reload(self.config))
            self.assertTrue(arrives_unharmed(here, there, 1 << 20))
        self.assert_unanswered(self.pod.ping(self.late.address, "-W", "0.2"))
        self.assertNotIn("eth0", self.late.namespace.ip("link"), "its interface is gone with it")

    def test_a_pod_gets_another_address(self) -> None:
        self.add_late_pod()
        other = self.a.addresses.pod(OTHER_ADDRESS)
        self.config["pods"][1]["addresses"] = [other]
        self.reload(self.config)
        wait_for(lambda: self.pod.reaches(other), "the new address answers")
        self.assert_unanswered(self.pod.ping(self.late.address, "-W", "0.2"))

    def test_a_node_goes_and_comes_back(self) -> None:
        nodes = self.config.pop("nodes")
        self.reload(self.config)
        self.assert_unanswered(self.pod.ping(self.peer.address, "-W", "0.2"))
        self.config["nodes"] = nodes
        self.reload(self.config)
        self.assert_answered(self.pod.ping(self.peer.address))

    def test_a_bad_file_changes_nothing(self) -> None:
        said = self.reload_text("pods: [{name: Not A Name}]\nnodes: []\n")
        self.assertIn("everything stays as it was", said)
        self.assertIn(":1: pods[0].name: ", said)
        self.assert_answered(self.pod.ping(self.peer.address))

    def test_what_needs_a_restart_changes_nothing(self) -> None:
        del self.config["nodes"]
        self.config["idle"] = {"mode": "busy"}
        said = self.reload(self.config)
        self.assertIn("idle differs from what podwarp was started with", said)
        self.assert_answered(self.pod.ping(self.peer.address))
