"""Programs that are measured: started, watched, and ended whatever happens."""

import pathlib
import shutil
import time
from collections.abc import Sequence

from testbed.command import run
from testbed.console import Console
from testbed.process import remove_leftovers

from .errors import BenchError

_CPUCLOCK_SCHED = 2  # with a process's id, it makes the clock that clock_getcpuclockid(3) gives

_NO_HUGEPAGES = "running without hugepages"  # what podwarp logs then


class Program(Console):
    """A program with DPDK in it. It dies with the bench, even if that is killed."""

    def __init__(self, directory: pathlib.Path, prefix: str) -> None:
        super().__init__(directory, prefix)
        self.prefix = prefix

    def start(self, command: Sequence[str]) -> None:
        super().start(["setpriv", "--pdeathsig", "KILL", *command])

    def wait_until(self, pattern: str, timeout: float = 60) -> None:
        try:
            self.wait_for(pattern, timeout=timeout)
        except (RuntimeError, TimeoutError) as error:
            raise BenchError(
                f"{str(error).splitlines()[0].rstrip(':')}; it wrote:\n{self.tail()}"
            ) from error

    def require_hugepages(self) -> None:
        """podwarp goes on without, which testpmd doesn't: they could not be compared."""
        if _NO_HUGEPAGES in self.output():
            raise BenchError("too few hugepages are free for podwarp; tools/hugepages makes more")

    def tail(self) -> str:
        """The last that it wrote."""
        return "\n".join(self.output().splitlines()[-15:])

    def cpu_seconds(self) -> float:
        """What all its threads have used so far, to the nanosecond.

        /proc/PID/stat would have it by samples of the tick, which miss or hit short wake-ups.
        """
        return time.clock_gettime(~self.pid << 3 | _CPUCLOCK_SCHED)

    def end(self) -> None:
        """SIGTERM, and SIGKILL if that doesn't help; then what DPDK leaves behind is removed."""
        self.stop()
        remove_leftovers(self.prefix)

    def kill(self) -> None:
        super().kill()
        remove_leftovers(self.prefix)


def capture(*command: str, timeout: float = 30) -> str:
    """What a program writes, whatever its status; nothing if there is no such program."""
    if shutil.which(command[0]) is None:
        return ""
    return run(*command, check=False, timeout=timeout).stdout
