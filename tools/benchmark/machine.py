"""What was measured on."""

import os
import pathlib
import platform
import re
import shutil
from typing import Any

from .errors import BenchError
from .program import capture

_FREQUENCY = re.compile(r"TSC frequency is ~(\d+) KHz")


def tsc_hz() -> float:
    """As the EAL finds it; testpmd without ports says it and ends."""
    if shutil.which("dpdk-testpmd") is None:
        raise BenchError("dpdk-testpmd is not installed; tools/deps installs it")
    said = capture(
        *("dpdk-testpmd", "--no-huge", "-m", "64", "--no-pci", "--no-telemetry", "--no-shconf"),
        "--log-level=lib.eal:debug",
    )
    if found := _FREQUENCY.search(said):
        return float(found[1]) * 1e3
    raise BenchError(f"dpdk-testpmd does not say how fast the TSC is: {said[-300:]}")


def describe(tsc: float) -> dict[str, Any]:
    return {
        "cpu": _first(r"model name\s*: (.*)", _text("/proc/cpuinfo")),
        "cores": len(os.sched_getaffinity(0)),
        "tsc_mhz": round(tsc / 1e6, 1),
        "hypervisor": _hypervisor(),
        "kernel": platform.release(),
        "dpdk": capture("pkg-config", "--modversion", "libdpdk").strip() or "unknown",
        "compiler": (capture("g++", "--version").splitlines() or ["unknown"])[0],
        "hugepages": _hugepages(),
    }


def _hypervisor() -> str:
    """As lscpu finds it, in words: none on bare metal."""
    said = capture("lscpu")
    return _first(r"Hypervisor vendor:\s*(.*)", said) if "Hypervisor" in said else "none"


def _hugepages() -> str:
    said = _text("/proc/meminfo")
    total, free = (_first(rf"HugePages_{name}:\s*(\d+)", said) for name in ("Total", "Free"))
    size = _first(r"Hugepagesize:\s*(.*)", said)
    return f"{total} of {size}, {free} free"


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found[1].strip() if found else "unknown"


def _text(path: str) -> str:
    return pathlib.Path(path).read_text(encoding="utf-8")
