"""tests/bench/guest_load: guests that load whatever connects to their sockets, on a core."""

import contextlib
import json
import pathlib
import subprocess
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from testbed.vhost import VhostPod

from .bench import Bench
from .errors import BenchError
from .frames import FCS_BYTES, ROUTER_MAC
from .guests import RECEIVER_IP

Said = dict[str, Any]

TARGET = "tests/bench/guest_load"  # of tools/build
_BEGINS = "measuring"
_PATIENCE_SECONDS = 30  # after the end


class GuestLoad:
    """Who sends what to whom. `sender`, `receiver` and `asker` may each be missing."""

    def __init__(
        self,
        bench: Bench,
        sender: VhostPod | None = None,
        receiver: VhostPod | None = None,
        asker: VhostPod | None = None,
        *,
        wire_bytes: int = 64,
        options: Mapping[str, object] = MappingProxyType({}),
    ) -> None:
        """`options` are further flags of the program's."""
        self._bench = bench
        program = bench.build / TARGET
        if not program.exists():
            raise BenchError(f"{program} is missing; tools/build {TARGET} makes it")
        flags: dict[str, object] = {
            "gateway_mac": ROUTER_MAC,
            "receiver_ip": RECEIVER_IP,
            "arp_target": RECEIVER_IP,
            "frame_bytes": wire_bytes - FCS_BYTES,
        }
        if sender is not None:
            flags |= {"sender": sender.socket, "sender_mac": sender.mac}
            flags |= {"sender_ip": sender.address}
        if receiver is not None:
            flags |= {"receiver": receiver.socket}
        if asker is not None:
            flags |= {"arp": asker.socket, "arp_mac": asker.mac, "arp_ip": asker.address}
        self._command = [
            *["setpriv", "--pdeathsig", "KILL"],
            *["taskset", "--cpu-list", str(bench.cores.load), str(program)],
            *[f"--{name}={_flag(value)}" for name, value in {**flags, **options}.items()],
        ]

    @contextlib.contextmanager
    def running(self, seconds: float) -> Iterator["Running"]:
        """It listens, and begins when what is measured has connected."""
        log = self._bench.directory / f"{self._bench.unique('guest_load')}.log"
        with log.open("wb") as errors, subprocess.Popen(
            [*self._command, f"--seconds={seconds}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process:
            try:
                yield Running(process, seconds, log)
            finally:
                process.kill()


class Running:
    """A run under way."""

    def __init__(self, process: subprocess.Popen[str], seconds: float, log: pathlib.Path) -> None:
        self.seconds = seconds
        self._process = process
        self._log = log

    def wait_until_measuring(self) -> None:
        """Returns when it has warmed up. It gives up by itself if nobody connects."""
        assert self._process.stdout is not None
        if self._process.stdout.readline().strip() != _BEGINS:
            self._fail()

    def result(self) -> Said:
        """Waits for the end. REQUIRES: wait_until_measuring() has returned."""
        try:
            said, _ = self._process.communicate(timeout=self.seconds + _PATIENCE_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise BenchError(f"guest_load still runs {_PATIENCE_SECONDS} s too long") from error
        if self._process.returncode != 0:
            self._fail()
        result: Said = json.loads(said)
        return result

    def _fail(self) -> None:
        self._process.kill()
        last = "\n".join(self._log.read_text(encoding="utf-8", errors="replace").splitlines()[:5])
        raise BenchError(f"guest_load has failed: {last}")


def _flag(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
