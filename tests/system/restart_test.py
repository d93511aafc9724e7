"""podwarp stops or dies, and starts again, while pods go on."""

import re
import signal
import subprocess
from collections.abc import Iterator

from testbed.case import BedTest
from testbed.command import wait_for
from testbed.tcp import arrives_unharmed, connect

INTERVAL = 0.05


def replies(pinging: subprocess.Popen[str]) -> Iterator[int]:
    """The sequence numbers that a running ping has answers to, as they come."""
    assert pinging.stdout is not None
    for line in pinging.stdout:
        if number := re.search(r"icmp_seq=(\d+) ttl=", line):
            yield int(number[1])


class Restart(BedTest):
    def setUp(self) -> None:
        self.pod, self.target = self.a.pods[0], self.b.pods[0]

    def what_the_pod_has(self) -> str:
        space = self.pod.namespace
        return space.ip("-4", "-o", "address", "show", "eth0") + space.ip("-4", "route")

    def restart_under_ping(self, how: signal.Signals) -> None:
        before = self.what_the_pod_has(), self.pod.mac
        options = ("-n", "-i", str(INTERVAL), "-w", "20")
        pinging = self.pod.namespace.spawn("ping", *options, self.target.address)
        here, there = connect(self.pod, self.target)
        with here, there:
            self.assertTrue(arrives_unharmed(here, there, 1 << 16))
            answered = replies(pinging)
            last = next(number for number in answered if number >= 5)
            status = self.a.podwarp.stop(how)
            self.assertEqual(status, 0 if how == signal.SIGTERM else -how, self.a.podwarp.log())
            self.assertIn(self.pod.address, self.what_the_pod_has(), "the tap has its address")
            self.a.podwarp.start()
            self.assertGreater(self.gap(last, answered), 0, "ping goes on")
            self.assertTrue(arrives_unharmed(here, there, 1 << 20), "TCP goes on")
        pinging.terminate()
        pinging.communicate()
        self.assertEqual((self.what_the_pod_has(), self.pod.mac), before)
        for other in (*self.a.pods[1:], *self.b.pods):
            self.assert_answered(self.pod.ping(other.address))

    def gap(self, last: int, answered: Iterator[int]) -> int:
        """How many pings in a row were lost after `last`; 0 if none was ever answered again."""
        for number in answered:
            if lost := number - last - 1:
                print(f"# {lost} pings lost in {lost * INTERVAL:.2f} s", flush=True)
                return lost
            last = number
        return 0

    def test_in_order(self) -> None:
        self.restart_under_ping(signal.SIGTERM)

    def test_killed(self) -> None:
        self.restart_under_ping(signal.SIGKILL)

    def test_several_times(self) -> None:
        for how in (signal.SIGKILL, signal.SIGINT, signal.SIGKILL):
            self.a.podwarp.stop(how)
            self.a.podwarp.start()
        wait_for(lambda: self.pod.reaches(self.target.address), "ping is back")

    def test_the_peers_restart(self) -> None:
        self.b.podwarp.stop(signal.SIGKILL)
        self.assert_unanswered(self.pod.ping(self.target.address, "-W", "0.2"))
        self.assert_answered(self.pod.ping(self.a.pods[1].address))
        self.b.podwarp.start()
        wait_for(lambda: self.pod.reaches(self.target.address), "ping is back")
