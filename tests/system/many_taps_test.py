"""A node with 250 pods, of which three are used."""

import time

from testbed.bed import Node, TestBed
from testbed.case import BedTest
from testbed.config import pod_config
from testbed.tcp import arrives_unharmed, connect

TAPS = 250
USED = 3
WATCHED_SECONDS = 3
IDLE_PERCENT = 20  # of a core: what no sleeping worker comes near, however slow the machine


class ManyTaps(BedTest):
    pods = {"a": USED}

    @classmethod
    def edit(cls, bed: TestBed, node: Node) -> None:
        # The others share a namespace, under interface names of their own.
        rest = bed.add_namespace("silent").path
        node.config["node_pod_ranges"] = ["10.244.0.0/16"]
        for number in range(USED + 1, TAPS + 1):
            node.config["pods"].append(
                pod_config(f"silent-{number}", f"10.244.7.{number}", rest, f"eth{number}")
            )

    def test_the_three_reach_each_other(self) -> None:
        for here in self.a.pods:
            for there in self.a.pods:
                if here is not there:
                    self.assert_answered(here.ping(there.address, count=2))
        source, sink = connect(self.a.pods[0], self.a.pods[2])
        with source, sink:
            self.assertTrue(arrives_unharmed(source, sink, 20 << 20))

    def test_all_are_up(self) -> None:
        pods = self.a.podwarp.telemetry.entries("/podwarp/pods")
        self.assertEqual(len(pods), TAPS)
        self.assertFalse([pod["name"] for pod in pods if not pod["up"]])

    def test_idle_costs_little(self) -> None:
        before = self.a.podwarp.cpu_seconds()
        time.sleep(WATCHED_SECONDS)
        percent = 100 * (self.a.podwarp.cpu_seconds() - before) / WATCHED_SECONDS
        print(f"# {percent:.1f} % of a core while idle", flush=True)
        self.assertLess(percent, IDLE_PERCENT)
