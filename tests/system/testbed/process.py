"""One node's podwarp process."""

import os
import pathlib
import signal
import subprocess
from collections.abc import Sequence

from .command import PATIENCE_SECONDS, run, wait_for
from .namespace import Namespace
from .telemetry import Telemetry

_READY = " forwards with "  # the line that podwarp logs when its ports and tables are there


class Podwarp:
    """podwarp in a node's network namespace, started and stopped as often as wanted."""

    def __init__(
        self,
        binary: str,
        namespace: Namespace,
        config: pathlib.Path,
        prefix: str,
        wrapper: Sequence[str] = (),
    ) -> None:
        """`wrapper` is a command that becomes the one that follows it."""
        self.binary = binary
        self._wrapper = wrapper
        self.flags: list[str] = []  # further ones, at each start
        self.namespace = namespace
        self.config = config
        self.telemetry = Telemetry(prefix)
        self.log_file = config.with_suffix(".log")
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    @property
    def pid(self) -> int:
        assert self._process is not None, "podwarp was not started"
        return self._process.pid

    def start(self) -> None:
        """Returns when it forwards."""
        self._log_start = self.log_file.stat().st_size if self.log_file.exists() else 0
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                self.namespace.command(
                    *self._wrapper, self.binary, f"--config={self.config}", *self.flags
                ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for us; we stop it in order
            )
        try:
            wait_for(self._is_ready, "podwarp is ready")
        except TimeoutError as error:
            raise TimeoutError(f"{error}, but:\n{self.log()}") from None

    def log(self) -> str:
        """What it wrote since it was started last."""
        if not self.log_file.exists():
            return ""
        with self.log_file.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")

    def send(self, what: signal.Signals) -> None:
        assert self._process is not None, "podwarp was not started"
        self._process.send_signal(what)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Sends the signal and returns the exit status, as subprocess gives it."""
        self.send(how)
        assert self._process is not None
        try:
            return self._process.wait(timeout=PATIENCE_SECONDS)
        except subprocess.TimeoutExpired as error:
            self._process.kill()
            self._process.wait()
            raise TimeoutError(f"podwarp runs on {PATIENCE_SECONDS} s after {how.name}") from error

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def clean_up(self) -> None:
        """podwarp --cleanup."""
        self.namespace.run(self.binary, f"--config={self.config}", "--cleanup")

    def cpu_seconds(self) -> float:
        """User and system time that all its threads have used so far."""
        stat = pathlib.Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii")
        fields = stat.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _is_ready(self) -> bool:
        if not self.is_running():
            raise RuntimeError(f"podwarp has ended:\n{self.log()}")
        return _READY in self.log()


def remove_leftovers(prefix: str) -> None:
    """What DPDK leaves behind of a process that was ended: hugepages and its runtime folder."""
    for page in pathlib.Path("/dev/hugepages").glob(f"{prefix}map_*"):
        page.unlink(missing_ok=True)
    run("rm", "-rf", f"/var/run/dpdk/{prefix}")
