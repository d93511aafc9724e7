"""From a process's start to the first frame that it has forwarded."""

import os
import pathlib
import struct
import time
from collections.abc import Callable, Sequence

from testbed.vhost import CLIENT

from ..bench import Bench
from ..case import Case, Suite
from ..closed_loop import podwarp_config
from ..contender import Contender, Sample
from ..errors import BenchError
from ..frames import Traffic
from ..pods import vhost_pods
from ..podwarp import Podwarp
from ..routes import Ranges
from ..testpmd import FLOOR, Testpmd

_TIMEOUT_SECONDS = 60
_PCAP_HEADER_BYTES = 24
_TRAFFIC = Traffic(Ranges(256), flows=256, frames=256)
_BUFFERS = 32768
_RECORD = struct.Struct("<IIII")  # seconds, microseconds, bytes captured, bytes
_IPV4 = b"\x08\x00"


class Starter(Contender):
    """Launches a forwarder that writes into a FIFO, waits for a frame there, and kills it."""

    def __init__(self, forwarder: Podwarp | Testpmd, fifo: pathlib.Path) -> None:
        super().__init__(forwarder.name)
        self._forwarder = forwarder
        self._fifo = fifo
        if isinstance(forwarder, Podwarp):
            forwarder.write_config()
        if not fifo.exists():
            os.mkfifo(fifo)

    def measure(self, seconds: float) -> Sample:
        """Takes as long as it takes, whatever `seconds` are."""
        # Without a reader there already, the program could not open it.
        reader = os.open(self._fifo, os.O_RDONLY | os.O_NONBLOCK)
        try:
            begin = time.monotonic()
            self._forwarder.launch()
            self._wait_for_frame(reader)
            return Sample((time.monotonic() - begin) * 1e3)
        finally:
            # It may hang in the full FIFO, where it hears no other signal.
            self._forwarder.program.kill()
            os.close(reader)

    def _wait_for_frame(self, reader: int) -> None:
        end = time.monotonic() + _TIMEOUT_SECONDS
        written = b""
        while not has_ipv4_frame(written):
            if not self._forwarder.program.is_running():
                raise BenchError(f"{self.name} has ended:\n{self._forwarder.program.tail()}")
            if time.monotonic() > end:
                raise BenchError(f"{self.name} has forwarded no frame in {_TIMEOUT_SECONDS} s")
            try:
                written += os.read(reader, 65536)
            except BlockingIOError:
                pass  # opened, but nothing is written yet
            time.sleep(0.0005)


def has_ipv4_frame(pcap: bytes) -> bool:
    """Among whole frames of the file; podwarp's own announcements are none."""
    at = _PCAP_HEADER_BYTES
    while len(pcap) >= at + _RECORD.size:
        captured = _RECORD.unpack_from(pcap, at)[2]
        frame = pcap[at + _RECORD.size : at + _RECORD.size + captured]
        if len(frame) == captured and frame[12:14] == _IPV4:
            return True
        at += _RECORD.size + captured
    return False


def _contenders(pods: int) -> Callable[[Bench], Sequence[Contender]]:
    def make(bench: Bench) -> Sequence[Contender]:
        fifo = bench.directory / bench.unique("out")
        frames = bench.pcap(_TRAFFIC)
        devices = [f"net_pcap0,rx_pcap={frames},infinite_rx=1", f"net_pcap1,tx_pcap={fifo}"]
        config = podwarp_config(_TRAFFIC.layout, devices)
        config["pods"] = [pod.config() for pod in vhost_pods(bench, pods, CLIENT)]
        return [
            Starter(Podwarp(bench, config), fifo),
            Starter(Testpmd(bench, "io", devices, buffers=_BUFFERS), fifo),
        ]

    return make


def _case(name: str, pods: int) -> Case:
    return Case(name, _contenders(pods), unit="ms", more_is_better=False, is_quick=True)


SUITE = Suite(
    "startup",
    f"process start to the first frame forwarded; {FLOOR}, which has no pods, is DPDK's own share",
    [_case("no pods", 0), _case("1,000 pods", 1000)],
)
