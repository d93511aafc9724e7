"""Runs Pktgen-DPDK with the scripts, and reads what they report."""

import contextlib
import os
import pathlib
import pty
import subprocess
from collections.abc import Iterator, Sequence

from testbed.config import Config
from testbed.link import arp
from testbed.process import remove_leftovers

from .bench import Bench
from .closed_loop import podwarp_config
from .errors import BenchError
from .frames import pcap_records
from .pktgen_scripts import ARP_PCAP, Devices, Measured, Settings, command, files, measured
from .guests import ToReceiver
from .runner import say

_START_SECONDS = 60
_TRIAL_EXTRA_SECONDS = 8  # to settle, before and after
_NOBODY = "00:00:00:00:00:00"


class RunPktgen:
    """Pktgen, once for each script, in a folder of its own."""

    def __init__(self, bench: Bench, pktgen: str, devices: Devices, settings: Settings) -> None:
        self._pktgen = pktgen
        self._devices = devices
        self._settings = settings
        self._prefix = bench.unique("pktgen")
        self._folder = bench.directory / self._prefix

    def all(self, scripts: Sequence[str]) -> list[Measured]:
        self._folder.mkdir()
        for name, text in files(self._settings, scripts).items():
            (self._folder / name).write_text(text, encoding="utf-8")
        settings = self._settings
        request = arp(
            1, (settings.source_mac, settings.arp_sender_ip), (_NOBODY, settings.arp_target_ip)
        ).ljust(60, b"\0")
        (self._folder / ARP_PCAP).write_bytes(b"".join(pcap_records([request] * 64)))
        return [each for script in scripts for each in self._run(script)]

    def _run(self, script: str) -> Iterator[Measured]:
        say(f"pktgen: {script}")
        results = self._folder / self._settings.results
        results.unlink(missing_ok=True)
        log = self._folder / f"{script}.log"
        trials = self._settings.most_trials if script == "rfc2544" else 1
        patience = _START_SECONDS + trials * (self._settings.seconds + _TRIAL_EXTRA_SECONDS)
        with _terminal() as terminal, log.open("wb") as output:
            process = subprocess.Popen(
                command(self._pktgen, self._devices, script, self._prefix),
                cwd=self._folder,
                stdin=terminal,
                stdout=output,
                stderr=output,
            )
            try:
                status = process.wait(timeout=patience)
            except subprocess.TimeoutExpired as error:
                raise BenchError(f"pktgen still runs {script} after {patience:.0f} s") from error
            finally:
                process.kill()
                process.wait()
                remove_leftovers(self._prefix)
                for socket in self._devices.sockets:
                    socket.unlink(missing_ok=True)
        if status != 0 or not results.exists():
            raise BenchError(f"pktgen has failed at {script}, status {status}: {_last(log)}")
        yield from measured(results.read_text(encoding="utf-8"))


def node_config(arp_target_ip: str) -> Config:
    """For a podwarp that is wired to two NICs of Pktgen's. Its own NICs are to be filled in."""
    config = podwarp_config(ToReceiver(), ["", ""])
    for uplink, port in zip(config["uplinks"], ("first", "second"), strict=True):
        del uplink["vdev"]
        uplink["pci"] = f"the NIC that is wired to the {port} of these"
    config["uplinks"][0]["address"] = f"{arp_target_ip}/24"
    config["limits"] = {"arp_per_second": 0}
    return config


@contextlib.contextmanager
def _terminal() -> Iterator[int]:
    """Pktgen wants one, though nobody types."""
    ours, its = pty.openpty()
    try:
        yield its
    finally:
        os.close(its)
        os.close(ours)


def _last(log: pathlib.Path) -> str:
    """Without what moves a terminal's cursor."""
    text = log.read_text(encoding="utf-8", errors="replace")
    return "".join(c for c in text if c.isprintable() or c == "\n")[-1000:].strip()
