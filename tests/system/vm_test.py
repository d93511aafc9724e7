"""Virtual machines behind vhost-user: one that listens for podwarp, and one that connects to it."""

import json
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

from testbed.bed import Node
from testbed.case import BedTest
from testbed.command import wait_for
from testbed.counters import drops, new_drops, pods
from testbed.iperf import PORT
from testbed.ping import parse
from testbed.vhost import CLIENT, SERVER
from testbed.vm import Vm

SEGMENT_BYTES = 1448  # of TCP in 1,500 bytes
BULK = 50 << 20
SOME = 10 << 20


class VirtualMachines(BedTest):
    """a2 is the machine that podwarp connects to, b2 the one that connects to podwarp."""

    pods = {"a": 1, "b": 1}
    vhost_pods = {"a": [CLIENT], "b": [SERVER]}
    vms: ClassVar[dict[str, Vm]]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.vms = {
            node.name: Vm(node.namespace, node.vhost_pods[0], node.addresses.gateway)
            for node in (cls.a, cls.b)
        }
        with ThreadPoolExecutor() as pool:
            list(pool.map(Vm.start, cls.vms.values()))
        for node in (cls.a, cls.b):
            cls.wait_until_reached(node)

    def tearDown(self) -> None:
        for name, vm in self.vms.items():
            self.assertEqual(tcp_counters(vm)["InCsumErrors"], 0, name)
        super().tearDown()

    @classmethod
    def wait_until_reached(cls, node: Node) -> None:
        pod = node.vhost_pods[0]
        wait_for(lambda: node.pods[0].reaches(pod.address), f"{pod.name} is reached")

    def serve(self, node: Node) -> Vm:
        """The node's machine, with a server of iperf3's in it: since the last boot, maybe."""
        vm = self.vms[node.name]
        if not is_serving(vm):
            vm.run("iperf3 -s -D")
            wait_for(lambda: is_serving(vm), f"iperf3 listens in {vm.pod.name}")
        return vm

    def test_pings(self) -> None:
        for there in (self.a, self.b):
            vm = self.vms[there.name]
            for here in (self.a, self.b):
                with self.subTest(here=here.name, there=there.name):
                    self.assert_answered(here.pods[0].flood(vm.pod.address, count=300))
                    vm.run(f"ping -c 3 -W 2 {here.pods[0].address}")
            with self.subTest(there=there.name):
                vm.run(f"ping -c 3 -W 2 {there.addresses.gateway}")
                vm.run(f"ping -c 3 -W 2 {there.addresses.host}")
                # In fragments, which the guest makes and joins.
                vm.run(f"ping -c 3 -W 2 -s 8000 {there.pods[0].address}")
        self.vms["node-a"].run(f"ping -c 3 -W 2 {self.vms['node-b'].pod.address}")

    def test_arp(self) -> None:
        for node in (self.a, self.b):
            with self.subTest(node.name):
                vm, virtual_mac = self.vms[node.name], node.addresses.virtual_mac
                for target in (node.pods[0].address, node.addresses.gateway, "10.244.9.9"):
                    said = vm.run(f"arping -c 1 -w 2 -I eth0 {target}")
                    self.assertIn(f"[{virtual_mac}]", said.lower())
                neighbors = vm.run("ip neigh")
                self.assertIn(f"{node.addresses.gateway} dev eth0 lladdr {virtual_mac}", neighbors)

    def test_tcp_crosses_a_node_in_segments_of_64_kib(self) -> None:
        for node in (self.a, self.b):
            with self.subTest(node.name, direction="to the guest"):
                self.check_bulk(node, "transmitted")
            with self.subTest(node.name, direction="from the guest"):
                self.check_bulk(node, "received", "-R")

    def check_bulk(self, node: Node, direction: str, *options: str) -> None:
        """`direction` is podwarp's: transmitted or received."""
        vm = self.serve(node)
        before, dropped, tcp = pods(node)[vm.pod.name], drops(node), tcp_counters(vm)
        said = node.pods[0].run(
            *["iperf3", "-J", "-c", vm.pod.address, "-n", str(BULK), *options], timeout=60
        )
        end: dict[str, Any] = json.loads(said)["end"]
        self.assertGreaterEqual(end["sum_sent"]["bytes"], BULK)
        after = pods(node)[vm.pod.name]
        frames, bytes_ = (
            after[f"{direction}_{what}"] - before[f"{direction}_{what}"]
            for what in ("frames", "bytes")
        )
        print(f"# {bytes_ / frames:.0f} bytes a frame {direction}", flush=True)
        self.assertGreater(bytes_, BULK * 9 // 10)
        self.assertLess(frames, BULK / SEGMENT_BYTES / 5)
        # A guest that is not given the processor for a while may have a full ring, and probe for
        # losses that there were none.
        self.assertLessEqual(new_drops(node, dropped).keys(), {"transmit_queue_full"})
        now = tcp_counters(vm)
        sent, again = (now[name] - tcp[name] for name in ("OutSegs", "RetransSegs"))
        self.assertLessEqual(again, sent / 100)

    def test_tcp_across_the_nodes(self) -> None:
        """Segments are cut to the wire's size by podwarp."""
        for here, there in ((self.a, self.b), (self.b, self.a)):
            with self.subTest(here=here.name, there=there.name):
                target = self.serve(there).pod.address
                for options in ((), ("-R",)):
                    here.pods[0].run("iperf3", "-c", target, "-n", str(SOME), *options, timeout=60)
                    command = " ".join(("iperf3", "-c", target, "-n", str(SOME), *options))
                    self.vms[here.name].run(command, timeout=60)

    def test_a_guest_reboots_under_traffic(self) -> None:
        for node in (self.a, self.b):
            with self.subTest(node.name):
                vm = self.vms[node.name]
                options = ("-n", "-q", "-i", "0.005", "-w", "100")
                pinging = node.pods[0].namespace.spawn("ping", *options, vm.pod.address)
                try:
                    vm.reboot()
                    self.wait_until_reached(node)
                finally:
                    pinging.send_signal(signal.SIGINT)
                    result = parse(pinging.communicate()[0])
                self.assertGreater(result.received, 0, result.output)
                self.assertLess(result.received, result.sent, "there was a reboot")
                self.assert_answered(node.pods[0].flood(vm.pod.address, count=300))

    def test_podwarp_dies_under_traffic(self) -> None:
        """And is back soon. Nobody does anything about it in the machine, or to its QEMU."""
        for node in (self.a, self.b):
            with self.subTest(node.name):
                self.check_tcp_goes_on(node)

    def check_tcp_goes_on(self, node: Node) -> None:
        vm = self.serve(node)
        before = transmitted_bytes(node, vm)
        bulk = ("iperf3", "-c", vm.pod.address, "-n", str(2 * BULK))
        sending = node.pods[0].namespace.spawn(*bulk)
        try:
            wait_for(lambda: transmitted_bytes(node, vm) - before > SOME, "TCP is under way")
            node.podwarp.stop(signal.SIGKILL)
            self.assertIsNone(sending.poll(), "all was sent before podwarp's end")
            node.podwarp.start()
            said, _ = sending.communicate(timeout=60)
        finally:
            sending.kill()
            sending.communicate()
        self.assertEqual(sending.returncode, 0, said)
        self.assertGreater(transmitted_bytes(node, vm), SOME, "by the new podwarp")
        self.assert_answered(node.pods[0].flood(vm.pod.address, count=300))


def transmitted_bytes(node: Node, vm: Vm) -> int:
    return int(pods(node)[vm.pod.name]["transmitted_bytes"])


def is_serving(vm: Vm) -> bool:
    return f":{PORT} " in vm.run("netstat -ltn")


def tcp_counters(vm: Vm) -> dict[str, int]:
    """The guest's, from /proc/net/snmp."""
    names, numbers = (line.split()[1:] for line in vm.run("grep ^Tcp: /proc/net/snmp").splitlines())
    return dict(zip(names, map(int, numbers)))
