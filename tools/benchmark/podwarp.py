"""podwarp as a contender."""

import time
from collections.abc import Sequence

from testbed.config import Config, to_yaml
from testbed.telemetry import Telemetry

from .bench import Bench
from .contender import Count, Forwarder
from .program import Program

_READY = " forwards with "  # what podwarp logs when its ports and tables are there


class Podwarp(Forwarder):
    """podwarp with a configuration; counts what leaves the ports named.

    `memory.file_prefix` and `workers` are set here unless the configuration has them.
    """

    def __init__(
        self,
        bench: Bench,
        config: Config,
        ports: tuple[str, ...] = ("out",),
        *,
        name: str = "podwarp",
        may_drop: bool = False,
        start_timeout: float = 120,
        wrapper: Sequence[str] = (),
    ) -> None:
        """`wrapper` is a command that becomes the one that follows it."""
        super().__init__(name)
        self._bench = bench
        self._ports = ports
        self.may_drop = may_drop
        self._start_timeout = start_timeout
        self._wrapper = wrapper
        prefix = bench.unique("podwarp")
        memory = {"file_prefix": prefix, **config.get("memory", {})}
        self._config = {"workers": {"cores": [bench.cores.worker]}, **config, "memory": memory}
        self.program = Program(bench.directory, prefix)
        self.telemetry = Telemetry(prefix)
        self._file = bench.directory / f"{prefix}.yaml"

    def write_config(self) -> None:
        """Once: start() does it if nobody has."""
        if not self._file.exists():
            self._file.write_text(to_yaml(self._config), encoding="utf-8")

    def launch(self) -> None:
        """Returns at once."""
        self.write_config()
        self.program.start([*self._wrapper, str(self._bench.podwarp), f"--config={self._file}"])

    def start(self) -> None:
        self.launch()
        self.program.wait_until(_READY, timeout=self._start_timeout)
        self.program.require_hugepages()

    def end(self) -> None:
        self.program.end()

    def count(self) -> Count:
        asked = time.monotonic()
        ports = self.telemetry.entries("/podwarp/ports")
        answered = time.monotonic()
        frames = sum(p["transmitted_frames"] for p in ports if p["name"] in self._ports)
        workers = self.telemetry.entries("/podwarp/workers")
        cycles = sum(worker["cycles_busy"] for worker in workers)
        drops = self.telemetry.ask("/podwarp/drops,all")
        return Count((asked + answered) / 2, frames, cycles, drops)
