"""What every suite is given: how to measure, on which cores, and a folder for its files."""

import itertools
import os
import pathlib
from dataclasses import dataclass, field

from . import leftovers
from .errors import BenchError
from .frames import Frames, Traffic


@dataclass(frozen=True)
class Cores:
    """Forwarders' workers run on the last core, whatever loads them on the first."""

    worker: int
    load: int

    @property
    def all(self) -> str:
        """As DPDK's --lcores has it: a set of cores that a thread may run on."""
        return "(" + ",".join(map(str, sorted(os.sched_getaffinity(0)))) + ")"


def find_cores() -> Cores:
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise BenchError("tools/bench needs two cores: one for the worker, one for all else")
    return Cores(worker=cores[-1], load=cores[0])


@dataclass(frozen=True)
class Bench:
    """`build` is tools/build's folder, `directory` is gone after the run."""

    build: pathlib.Path
    directory: pathlib.Path
    rounds: int
    seconds: float
    cores: Cores
    tsc_hz: float
    with_ovs: bool = False
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)
    _frames: Frames = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_frames", Frames(self.directory))

    @property
    def podwarp(self) -> pathlib.Path:
        return self.build / "src/podwarp"

    def pcap(self, traffic: Traffic) -> pathlib.Path:
        """A file with these frames, written once a run."""
        return self._frames.pcap(traffic)

    def unique(self, name: str) -> str:
        """A name that nothing else of this run has, for a file or as a DPDK file prefix."""
        return leftovers.name(f"{name}-{next(self._numbers)}")
