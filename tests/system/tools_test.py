"""DPDK's own tools look into a running podwarp."""

import json
import subprocess

from testbed.case import BedTest
from testbed.command import run, wait_for

CAPTURED = 20


class Tools(BedTest):
    def setUp(self) -> None:
        self.prefix = self.a.config["memory"]["file_prefix"]

    def test_dpdk_telemetry_reads_tables(self) -> None:
        for command in ("pods", "ports", "nodes", "arp", "workers"):
            with self.subTest(command=command):
                said = subprocess.run(
                    ["dpdk-telemetry.py", "-f", self.prefix],
                    input=f"/podwarp/{command}\nquit\n",
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    timeout=10,
                    check=True,
                ).stdout
                # Off a terminal it prints each answer on a line; newer ones say more around it.
                answers = [line for line in said.splitlines() if f'"/podwarp/{command}"' in line]
                self.assertEqual(len(answers), 1, said)
                answer = json.loads(answers[0])[f"/podwarp/{command}"]
                self.assertGreater(answer["total"], 0)
                self.assertTrue(answer["entries"])

    def test_pods_show_what_they_sent(self) -> None:
        name = "default/a1"
        pods = {e["name"]: e for e in self.a.podwarp.telemetry.entries("/podwarp/pods")}
        before = pods[name]["received_frames"]
        self.assert_answered(self.a.pods[0].ping(self.a.pods[1].address, count=5))
        pods = {e["name"]: e for e in self.a.podwarp.telemetry.entries("/podwarp/pods")}
        self.assertGreaterEqual(pods[name]["received_frames"] - before, 5)

    def test_dpdk_dumpcap_captures_the_uplink(self) -> None:
        file = self.bed.directory / "capture.pcap"
        options = ("-i", "0", "-P", "-c", str(CAPTURED), "-w", str(file))
        capture = subprocess.Popen(
            ["dpdk-dumpcap", f"--file-prefix={self.prefix}", *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        pod, target = self.a.pods[0], self.b.pods[0]
        try:
            wait_for(lambda: self.pinged(capture), "dpdk-dumpcap captures", timeout=20)
        finally:
            capture.kill()
            said, _ = capture.communicate()
        self.assertEqual(capture.returncode, 0, said)
        heard = run("tcpdump", "-nr", str(file)).stdout
        self.assertIn(f"{pod.address} > {target.address}: ICMP echo request", heard)
        self.assertIn(f"{target.address} > {pod.address}: ICMP echo reply", heard)
        self.assert_answered(pod.ping(target.address))

    def pinged(self, capture: subprocess.Popen[str]) -> bool:
        """Gives it something to capture, until it has enough and ends."""
        self.a.pods[0].ping(self.b.pods[0].address)
        return capture.poll() is not None
