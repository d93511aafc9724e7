"""iputils' arping in a pod."""

import re

from .bed import Pod


def arping(pod: Pod, target: str) -> list[str]:
    """Asks once and returns the MACs that answered, in lower case."""
    said = pod.run("arping", "-c", "1", "-w", "1", "-I", "eth0", target, check=False)
    return _macs(said)


def duplicates(pod: Pod, address: str) -> list[str]:
    """Probes for the address, as a host does before it takes one: RFC 5227. Who has it?"""
    said = pod.run("arping", "-D", "-c", "2", "-w", "2", "-I", "eth0", address, check=False)
    return sorted(set(_macs(said)))


def _macs(said: str) -> list[str]:
    if "ARPING" not in said:
        raise RuntimeError(f"arping: {said}")
    return [mac.lower() for mac in re.findall(r"reply from \S+ \[([0-9A-Fa-f:]+)\]", said)]
