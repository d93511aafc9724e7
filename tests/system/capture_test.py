"""Captures of a running podwarp, as tcpdump and tshark read them."""

import pathlib
import signal
import subprocess

from testbed.case import BedTest, binary
from testbed.command import run, wait_for
from testbed.link import Link, udp

FIELDS = ("frame.interface_name", "frame.packet_flags_direction", "frame.comment", "ip.src")
IN, OUT = "0x00000001", "0x00000002"
PATIENCE_SECONDS = 60


class Capture(BedTest):
    def setUp(self) -> None:
        self.pod, self.peer = self.a.pods
        self.remote = self.b.pods[0]
        self.file = self.bed.directory / "capture.pcapng"

    def start(self, *arguments: str, stdout: int | None = None) -> subprocess.Popen[bytes]:
        program = pathlib.Path(binary()).resolve().parent.parent / "tools/podwarpctl/podwarpctl"
        return subprocess.Popen(
            [str(program), "--socket", self.a.api.socket, "capture", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
        )

    def capture_to_file(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Begins one, and comes back when it is under way."""
        self.file.unlink(missing_ok=True)
        capture = self.start("-w", str(self.file), *arguments)
        self.addCleanup(capture.kill)
        wait_for(lambda: self.file.exists() and self.file.stat().st_size > 0, "a capture begins")
        return capture

    def end(self, capture: subprocess.Popen[bytes]) -> str:
        capture.send_signal(signal.SIGINT)
        _, said = capture.communicate(timeout=PATIENCE_SECONDS)
        self.assertEqual(capture.returncode, 0, said)
        return said.decode()

    def rows(self) -> list[dict[str, str]]:
        fields = [word for field in FIELDS for word in ("-e", field)]
        said = subprocess.run(
            ["tshark", "-n", "-r", str(self.file), "-T", "fields", *fields],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # it doesn't like to run as root
            text=True,
            check=False,  # it may look while the last block is being written
        ).stdout
        return [dict(zip(FIELDS, line.split("\t"), strict=True)) for line in said.splitlines()]

    def wait_for_rows(self, count: int) -> list[dict[str, str]]:
        return wait_for(
            lambda: rows if len(rows := self.rows()) >= count else None, f"{count} frames"
        )

    def spoof(self, count: int = 1) -> None:
        macs = (self.pod.mac, self.a.addresses.virtual_mac)
        frame = udp(macs, ("10.244.1.99", self.peer.address), b"spoof")
        with Link(self.pod.namespace) as sender:
            for _ in range(count):
                sender.send(frame)

    def test_a_ping_is_seen_at_both_ports(self) -> None:
        self.assert_answered(self.pod.ping(self.peer.address))  # ARP is done
        capture = self.capture_to_file("-f", "icmp")
        self.assert_answered(self.pod.ping(self.peer.address))
        rows = self.wait_for_rows(4)
        pod, peer = f"default/{self.pod.name}", f"default/{self.peer.name}"
        self.assertEqual(
            [(r[FIELDS[0]], r[FIELDS[1]], r["ip.src"]) for r in rows],
            [
                (pod, IN, self.pod.address),
                (peer, OUT, self.pod.address),
                (peer, IN, self.peer.address),
                (pod, OUT, self.peer.address),
            ],
        )
        self.assertEqual(self.end(capture), "podwarpctl: 4 frames, 0 lost\n")
        description = run("capinfos", str(self.file)).stdout
        self.assertIn("podwarp", description)
        self.assertIn(f"pod {pod}, tap", description)

    def test_tcpdump_reads_it_live(self) -> None:
        capture = self.start("-f", "icmp and host " + self.remote.address, stdout=subprocess.PIPE)
        reader = subprocess.Popen(
            ["tcpdump", "-n", "-c", "2", "-r", "-"],
            stdin=capture.stdout,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert capture.stdout is not None
        capture.stdout.close()
        self.addCleanup(capture.kill)
        self.addCleanup(reader.kill)
        wait_for(lambda: self.pings(reader), "tcpdump has read enough")
        heard, _ = reader.communicate(timeout=PATIENCE_SECONDS)
        self.assertIn(f"{self.pod.address} > {self.remote.address}: ICMP echo request", heard)
        # Nobody reads any more, and nothing comes.
        _, said = capture.communicate(timeout=PATIENCE_SECONDS)
        self.assertEqual(capture.returncode, 0, said)

    def pings(self, reader: subprocess.Popen[str]) -> bool:
        self.pod.ping(self.remote.address)
        return reader.poll() is not None

    def test_a_dropped_frame_says_why(self) -> None:
        name = f"default/{self.pod.name}"
        capture = self.capture_to_file("--pod", name, "-f", "udp")
        self.spoof()
        came, dropped = self.wait_for_rows(2)
        self.end(capture)
        self.assertEqual((came["frame.comment"], came[FIELDS[1]]), ("", IN))
        last = self.a.podwarp.telemetry.ask("/podwarp/drops,spoofed_ip")
        self.assertEqual(
            dropped["frame.comment"],
            f"dropped: spoofed_ip ({last['help']}); port {name}, pod {name}, stage guard_source",
        )

    def test_drops_only(self) -> None:
        capture = self.capture_to_file("--drops", "-f", "udp or icmp")
        self.assert_answered(self.pod.ping(self.peer.address, count=3))
        self.spoof(5)
        rows = self.wait_for_rows(5)
        self.end(capture)
        self.assertEqual(len(rows), 5)
        for row in rows:
            self.assertTrue(row["frame.comment"].startswith("dropped: spoofed_ip ("), row)

    def test_it_ends_after_a_count_or_a_time(self) -> None:
        capture = self.capture_to_file("-c", "3", "-f", "icmp", "-s", "64")
        self.pod.ping(self.peer.address, count=3)
        _, said = capture.communicate(timeout=PATIENCE_SECONDS)
        self.assertEqual(said, b"podwarpctl: 3 frames, 0 lost\n")
        self.assertEqual(len(self.rows()), 3)
        capture = self.capture_to_file("--seconds", "0.2", "-f", "port 1")
        _, said = capture.communicate(timeout=PATIENCE_SECONDS)
        self.assertEqual(said, b"podwarpctl: 0 frames, 0 lost\n")

    def test_what_is_wrong_is_said(self) -> None:
        for arguments, sentence in (
            (("-f", "tcp prot 80"), "filter: can't parse filter expression: syntax error"),
            (("--pod", "nobody"), "pod: there is no pod default/nobody on this node"),
            (("--port", "eth7"), "port: there is no port eth7"),
            (("--worker", "9"), "worker: '9' is not a whole number from 1 to 1"),
        ):
            with self.subTest(arguments=arguments):
                capture = self.start("-w", str(self.file), *arguments)
                _, said = capture.communicate(timeout=PATIENCE_SECONDS)
                self.assertEqual(said.decode(), f"podwarpctl: {sentence}\n")
                self.assertEqual(capture.returncode, 1)

    def test_a_killed_reader_leaves_nothing_open(self) -> None:
        """podwarp has four at a time: each of these finds room."""
        for _ in range(6):
            capture = self.capture_to_file()
            capture.kill()
            capture.communicate()
            wait_for(self.can_capture, "there is room for another one")

    def can_capture(self) -> bool:
        capture = self.start("-w", "/dev/null", "--seconds", "0.01")
        capture.communicate(timeout=PATIENCE_SECONDS)
        return capture.returncode == 0
