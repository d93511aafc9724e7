"""What becomes of a frame, in words and with names, while others pass."""

import contextlib
import functools
import signal
from collections.abc import Iterator

from testbed.bed import Pod
from testbed.command import wait_for
from testbed.link import Link, udp
from testbed.namespace import Namespace
from testbed.services import ServiceTest, web
from testbed.trace import TraceProgram, text_of, trace_stream, traces_of

MUCH = 20_000  # frames


class Trace(ServiceTest):
    pods = {"a": 2, "b": 1}

    def setUp(self) -> None:
        self.pod, self.other = self.a.pods
        self.far = self.b.pods[0]

    def spoof(self) -> None:
        """One frame of the second pod in the first one's name."""
        macs = (self.other.mac, self.a.addresses.virtual_mac)
        with Link(self.other.namespace) as link:
            link.send(udp(macs, (self.pod.address, self.far.address), b"spoof"))

    def test_a_ping_to_the_gateway_is_answered_by_podwarp(self) -> None:
        gateway = self.a.addresses.gateway
        provoke = functools.partial(self.pod.ping, gateway)
        (trace,) = traces_of(self.a, provoke, "--pod", "a1", "--ip", gateway, "-c", "1")
        self.assertIn("ICMP echo request", trace["frame"])
        self.assertEqual((trace["pod"], trace["at_pod"]), ("default/a1", "default/a1"))
        self.assertEqual(text_of(trace, "receive"), "from pod default/a1")
        self.assertEqual(text_of(trace, "guard_source"), "the source is pod default/a1's own")
        self.assertIn("a ping to podwarp itself", text_of(trace, "handle_exception"))
        self.assertEqual(
            (trace["end"], text_of(trace, "send")), ("sent", "handed to pod default/a1")
        )

    def test_a_frame_to_another_node_says_which(self) -> None:
        provoke = functools.partial(self.pod.ping, self.far.address)
        (trace,) = traces_of(
            self.a, provoke, "--port", "default/a1", "--ip", self.far.address, "-c", "1"
        )
        self.assertEqual(
            text_of(trace, "route"), f"{self.far.address} is node node-b's, by uplink0"
        )
        self.assertIn(self.b.addresses.virtual_mac, text_of(trace, "rewrite"))
        self.assertEqual((trace["end"], trace["at_port"]), ("sent", "uplink0"))

    def test_a_call_to_a_service_says_its_name_and_backend(self) -> None:
        address = self.new_service([self.other])
        caller = self.callers[0]
        provoke = functools.partial(caller.get, web(address))
        (trace,) = traces_of(self.a, provoke, "--pod", "a1", "--ip", address, "-c", "1")
        self.assertIn(" TCP ", trace["frame"])
        name = f"default/s-{address.replace('.', '-')}:http"
        said = text_of(trace, "translate_service")
        self.assertTrue(said.startswith(f"service {name} -> backend {self.other.address}:"), said)
        self.assertTrue(said.endswith("(pod default/a2)"), said)

    def test_a_spoofed_source_says_whose_it_is(self) -> None:
        with TraceProgram(self.a, "--drop", "any", "--pod", "a2", "-c", "1") as program:
            said, complaints = program.end_by(self.spoof)
        self.assertEqual(complaints, "")
        first, *_, last = said.splitlines()
        self.assertIn(f" {self.pod.address}:9 > {self.far.address}:9 UDP, ", first)
        self.assertIn("DROPPED spoofed_ip: source address isn't the pod's (pod default/a2)", last)

    def test_an_expired_time_to_live_is_told_with_its_answer(self) -> None:
        provoke = functools.partial(self.pod.ping, self.far.address, "-t", "1", "-W", "0.2")
        trace, answer = traces_of(self.a, provoke, "--drop", "ttl_expired", "-c", "1")
        self.assertEqual((trace["end"], trace["reason"]), ("dropped", "ttl_expired"))
        self.assertEqual(trace["at_pod"], "default/a1")
        self.assertEqual((answer["cause"], answer["end"]), (trace["id"], "sent"))
        self.assertIn("ICMP time exceeded", answer["frame"])
        self.assertEqual(answer["at_pod"], "default/a1")

    def test_one_drop_is_found_in_heavy_traffic(self) -> None:
        serving = self.far.namespace.spawn("iperf3", "-s")
        wait_for(lambda: listens(self.far), "iperf3 listens")
        sending = self.pod.namespace.spawn("iperf3", "-c", self.far.address, "-t", "600")
        try:
            start = self.received_frames()
            wait_for(lambda: self.received_frames() > start + MUCH, "heavy traffic")
            with trace_stream(self.a, "drop=spoofed_ip&count=1") as next_trace:
                before = self.received_frames()
                wait_for(lambda: self.received_frames() > before + MUCH, "much beside it")
                self.spoof()
                trace = next_trace()
        finally:
            for process in (sending, serving):
                process.kill()
                process.communicate()
        self.assertEqual((trace["reason"], trace["at_pod"]), ("spoofed_ip", "default/a2"))
        self.assertIn(f"{self.pod.address}:9 > {self.far.address}:9 UDP", trace["frame"])

    def test_ends_well_when_interrupted_and_when_nobody_reads(self) -> None:
        for stop in (interrupt, stop_reading):
            with self.subTest(stop.__name__), TraceProgram(self.a, "-c", "0") as program:
                with background_ping(self.pod.namespace, self.far.address):
                    assert program.process.stdout is not None
                    self.assertIn(" #1-", program.process.stdout.readline())
                    stop(program)
                    self.assertEqual(program.process.wait(timeout=60), 0)
                assert program.process.stderr is not None
                self.assertEqual(program.process.stderr.read(), "")

    def test_says_so_if_nothing_comes(self) -> None:
        with TraceProgram(self.a, "--drop", "no_buffer", "--seconds", "0.2") as program:
            said, complaints = program.end_by(lambda: None)
        self.assertEqual(said, "")
        self.assertEqual(complaints, "podwarpctl: note: no such frame came within 0.2 s\n")

    def received_frames(self) -> int:
        frames: int = self.a.api.get("/v1/status")["received_frames"]
        return frames


def listens(pod: Pod) -> bool:
    return "5201" in pod.run("ss", "-Hltn", "sport = 5201")


def interrupt(program: TraceProgram) -> None:
    program.process.send_signal(signal.SIGINT)


def stop_reading(program: TraceProgram) -> None:
    assert program.process.stdout is not None
    program.process.stdout.close()


@contextlib.contextmanager
def background_ping(namespace: Namespace, target: str) -> Iterator[None]:
    """Pings on and on."""
    process = namespace.spawn("ping", "-i", "0.1", target)
    try:
        yield
    finally:
        process.kill()
        process.communicate()
