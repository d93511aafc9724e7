"""What podwarp's configuration files say for the testbed's nodes."""

import json
import os
import pathlib
from dataclasses import dataclass
from typing import Any

Config = dict[str, Any]

WIRE = "wire"  # the interface that joins the nodes, in each node's namespace
POD_RANGES = ["10.244.0.0/16"]
SERVICE_RANGES = ["10.96.0.0/16"]


@dataclass(frozen=True)
class NodeAddresses:
    """Everything about a node that follows from its letter."""

    letter: str

    @property
    def number(self) -> int:
        return ord(self.letter) - ord("a") + 1

    @property
    def name(self) -> str:
        return f"node-{self.letter}"

    @property
    def virtual_mac(self) -> str:
        return f"02:00:00:00:00:{self.number + 9:02x}"

    @property
    def pod_range(self) -> str:
        return f"10.244.{self.number}.0/24"

    @property
    def gateway(self) -> str:
        return f"10.244.{self.number}.1"

    @property
    def host(self) -> str:
        """The node's own address among the pods."""
        return f"10.244.{self.number}.254"

    @property
    def underlay(self) -> str:
        return f"192.168.50.{self.number}"

    def pod(self, number: int) -> str:
        """The address of the node's pod with this number, from 1 on."""
        return f"10.244.{self.number}.{9 + number}"

    def mac(self, number: int) -> str:
        """Of the same pod, if it has to be given one."""
        return f"02:00:00:01:{self.number:02x}:{number:02x}"


def node_config(
    node: NodeAddresses,
    peers: list[NodeAddresses],
    pods: list[Config],
    prefix: str,
    directory: pathlib.Path,
) -> Config:
    """`directory` is where the node's files are."""
    cores = sorted(os.sched_getaffinity(0))
    return {
        "node_name": node.name,
        "virtual_mac": node.virtual_mac,
        "gateway": {"address": node.gateway},
        "pod_ranges": POD_RANGES,
        "node_pod_ranges": [node.pod_range],
        "service_ranges": SERVICE_RANGES,
        "hairpin_mode": "promiscuous-arp",
        "uplinks": [
            {
                "name": "uplink0",
                "vdev": f"net_af_packet0,iface={WIRE},qdisc_bypass=1",
                "address": f"{node.underlay}/24",
            }
        ],
        "host_port": {"interface": "podwarp0", "address": node.host},
        "pods": pods,
        "nodes": [
            {
                "name": peer.name,
                "virtual_mac": peer.virtual_mac,
                "underlay_address": peer.underlay,
                "pod_ranges": [peer.pod_range],
            }
            for peer in peers
        ],
        "api": {
            "socket": str(directory / f"{node.name}.api"),
            "state": str(directory / f"{node.name}.db"),
        },
        "workers": {"cores": [cores[(node.number - 1) % len(cores)]]},
        "memory": {"file_prefix": prefix},
    }


def pod_config(name: str, address: str, netns: str, interface: str = "eth0") -> Config:
    return {
        "name": name,
        "addresses": [address],
        "port": {"tap": {"interface": interface, "netns": netns}},
    }


def to_yaml(config: Config) -> str:
    """A line a key, a line an item of a list; what is inside is JSON, which is YAML."""
    lines = []
    for key, value in config.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            lines.append(f"{key}:")
            lines += [f"  - {json.dumps(item)}" for item in value]
        else:
            lines.append(f"{key}: {json.dumps(value)}")
    return "\n".join(lines) + "\n"
