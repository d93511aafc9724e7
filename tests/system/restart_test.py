"""podwarp stops or dies, and starts again, while pods go on."""

import signal
import time

from testbed.case import BedTest
from testbed.command import wait_for
from testbed.tcp import arrives_unharmed, connect
from testbed.ping import parse


class Restart(BedTest):
    def setUp(self) -> None:
        self.pod, self.target = self.a.pods[0], self.b.pods[0]

    def what_the_pod_has(self) -> str:
        space = self.pod.namespace
        return space.ip("-4", "-o", "address", "show", "eth0") + space.ip("-4", "route")

    def restart_under_ping(self, how: signal.Signals) -> None:
        before = self.what_the_pod_has()
        mac = self.pod.mac
        pinging = self.pod.namespace.spawn("ping", "-n", "-i", "0.05", self.target.address)
        here, there = connect(self.pod, self.target)
        try:
            self.assertTrue(arrives_unharmed(here, there, 1 << 16))
            status = self.a.podwarp.stop(how)
            self.assertEqual(status, 0 if how == signal.SIGTERM else -how, self.a.podwarp.log())
            self.assertEqual(self.pod.mac, mac)
            self.assertIn(self.pod.address, self.what_the_pod_has())
            started = time.monotonic()
            self.a.podwarp.start()
            wait_for(lambda: self.pod.ping(self.target.address, "-W", "0.1").ok, "ping is back")
            print(f"{time.monotonic() - started:.2f} s from start to ping; ", end="")
            self.assertTrue(arrives_unharmed(here, there, 1 << 20), "TCP goes on")
            self.assertEqual(self.what_the_pod_has(), before)
            self.assertEqual(self.pod.mac, mac)
        finally:
            here.close()
            there.close()
            pinging.send_signal(signal.SIGINT)
            said, _ = pinging.communicate()
        counts = parse(said)
        self.assertGreater(counts.received, 0)
        print(f"{counts.sent - counts.received} of {counts.sent} pings lost ... ", end="")
        for other in (*self.a.pods[1:], *self.b.pods):
            self.assert_answered(self.pod.ping(other.address))

    def test_in_order(self) -> None:
        self.restart_under_ping(signal.SIGTERM)

    def test_killed(self) -> None:
        self.restart_under_ping(signal.SIGKILL)

    def test_several_times(self) -> None:
        for how in (signal.SIGKILL, signal.SIGINT, signal.SIGKILL):
            self.a.podwarp.stop(how)
            self.a.podwarp.start()
        wait_for(lambda: self.pod.ping(self.target.address, "-W", "0.1").ok, "ping is back")

    def test_the_peers_restart(self) -> None:
        self.b.podwarp.stop(signal.SIGKILL)
        self.assert_unanswered(self.pod.ping(self.target.address, "-W", "0.2"))
        self.assert_answered(self.pod.ping(self.a.pods[1].address))
        self.b.podwarp.start()
        wait_for(lambda: self.pod.ping(self.target.address, "-W", "0.1").ok, "ping is back")
