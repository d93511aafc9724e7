"""Whether anybody else uses the CPU while nothing is measured, and who it is."""

import os
import pathlib
import time
from dataclasses import dataclass

from .errors import Disturbed

MOST_BUSY_PERCENT = 15.0  # of a core; what a machine does by itself is well below
_LOOK_SECONDS = 0.4
_PATIENCE_SECONDS = 30.0

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Core:
    """Ticks so far, as /proc/stat counts them."""

    busy: int
    stolen: int
    total: int


@dataclass(frozen=True)
class Look:
    """What one glance saw."""

    when: float
    cores: dict[str, Core]
    processes: dict[int, tuple[str, int]]  # name and ticks, by process id


def wait_until_quiet(patience: float = _PATIENCE_SECONDS) -> None:
    """Returns once no other process uses much of a core. Raises Disturbed that names who does."""
    end = time.monotonic() + patience
    while (who := disturbance()) is not None:
        if time.monotonic() > end:
            raise Disturbed(
                f"{who}, for {patience:g} s now: figures would not compare. End it, or measure "
                "all the same with --force"
            )
        time.sleep(1)


def disturbance() -> str | None:
    """Who takes how much of a core; None if nobody does. Nothing must be measured meanwhile."""
    before = look()
    time.sleep(_LOOK_SECONDS)
    return compare(before, look())


def compare(before: Look, after: Look) -> str | None:
    for name, core in after.cores.items():
        was = before.cores.get(name)
        if was is None or core.total <= was.total:
            continue
        ticks = core.total - was.total
        stolen = 100 * (core.stolen - was.stolen) / ticks
        if stolen > MOST_BUSY_PERCENT:
            return f"the hypervisor takes {stolen:.0f} % of {name} away (steal time)"
        busy = 100 * (core.busy - was.busy) / ticks
        if busy > MOST_BUSY_PERCENT:
            return _busiest(before, after) or f"{busy:.0f} % of {name} is used by the kernel"
    return None


def _busiest(before: Look, after: Look) -> str | None:
    seconds = after.when - before.when
    used = [
        (ticks - before.processes.get(pid, (name, 0))[1], pid, name)
        for pid, (name, ticks) in after.processes.items()
        if pid != os.getpid()
    ]
    ticks, pid, name = max(used, default=(0, 0, ""))
    if ticks <= 0:
        return None
    return f"{name} (process {pid}) takes {100 * ticks / _TICKS / seconds:.0f} % of a core"


def look() -> Look:
    return Look(time.monotonic(), _cores(), _processes())


def _cores() -> dict[str, Core]:
    cores = {}
    for line in pathlib.Path("/proc/stat").read_text(encoding="ascii").splitlines():
        name, *numbers = line.split()
        if name.startswith("cpu") and name != "cpu":
            # user nice system idle iowait irq softirq steal; guests are counted among users.
            user, nice, system, idle, waiting, irq, softirq, stolen = map(int, numbers[:8])
            busy = user + nice + system + irq + softirq
            cores[name] = Core(busy, stolen, busy + idle + waiting + stolen)
    return cores


def _processes() -> dict[int, tuple[str, int]]:
    processes = {}
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            head, _, tail = (folder / "stat").read_text(encoding="utf-8").rpartition(")")
        except OSError:
            continue  # it has ended
        fields = tail.split()
        processes[int(folder.name)] = (head.partition("(")[2], int(fields[11]) + int(fields[12]))
    return processes
