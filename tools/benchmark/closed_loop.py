"""Uplink to uplink without a NIC: frames come out of memory and go nowhere.

net_pcap copies each frame into a fresh buffer, over and over; net_null swallows what is sent. All
contenders have the same two devices, the same files and as many buffers.
"""

import pathlib
from collections.abc import Sequence
from dataclasses import dataclass

from testbed.config import Config

from .bench import Bench
from .contender import Forwarder
from .frames import ROUTER_MAC, Traffic
from .ovs import Ovs, dpdk_interface, route_flows
from .podwarp import Podwarp
from .routes import GATEWAY, POD_RANGES, Layout
from .testpmd import Testpmd

# Beside the frames that net_pcap keeps: rings, bursts and caches.
_SPARE_BUFFERS = 16384


@dataclass(frozen=True)
class ClosedLoop:
    """Two devices, `in` and `out`, with a queue a worker."""

    bench: Bench
    traffic: Traffic
    workers: int = 1

    @property
    def pcap(self) -> pathlib.Path:
        return self.bench.pcap(self.traffic)

    @property
    def devices(self) -> list[str]:
        files = ",".join([f"rx_pcap={self.pcap}"] * self.workers)
        return [f"net_pcap0,{files},infinite_rx=1", "net_null0,no-rx=1"]

    @property
    def buffers(self) -> int:
        """Each queue loads the file for itself."""
        return self.workers * self.traffic.frames + _SPARE_BUFFERS

    @property
    def worker_cores(self) -> list[int]:
        """The one that is left alone longest comes first."""
        return [self.bench.cores.worker, self.bench.cores.load][: self.workers]

    def config(self) -> Config:
        """podwarp's."""
        config = podwarp_config(self.traffic.layout, self.devices, queues=self.workers)
        config["memory"] = {"buffers": self.buffers}
        config["workers"] = {"cores": self.worker_cores}
        return config

    def podwarp(self, name: str = "podwarp") -> Forwarder:
        return Podwarp(self.bench, self.config(), name=name)

    def testpmd(self, mode: str, name: str = "") -> Forwarder:
        return Testpmd(
            self.bench,
            mode,
            self.devices,
            buffers=self.buffers,
            queues=self.workers,
            worker_cores=self.worker_cores,
            name=name,
        )

    def ovs(self) -> Forwarder:
        interfaces = [dpdk_interface(*port) for port in zip(("in", "out"), self.devices)]
        prefixes = self.traffic.layout.prefixes_by_node()
        macs = [node_mac(i) for i in range(len(prefixes))]
        return Ovs(self.bench, interfaces, route_flows(prefixes, macs, ROUTER_MAC))


def podwarp_config(layout: Layout, devices: Sequence[str], queues: int = 1) -> Config:
    """A node between two uplinks, `in` and `out`; the layout's nodes are behind `out`."""
    return {
        "node_name": "bench",
        "virtual_mac": ROUTER_MAC,
        "gateway": {"address": GATEWAY},
        "pod_ranges": POD_RANGES,
        "uplinks": [
            {"name": name, "vdev": device, "queues": queues}
            for name, device in zip(("in", "out"), devices, strict=True)
        ],
        "idle": {"mode": "busy"},
        "nodes": [
            {
                "name": f"node-{i}",
                "virtual_mac": node_mac(i),
                "uplink": "out",
                "pod_ranges": prefixes,
            }
            for i, prefixes in enumerate(layout.prefixes_by_node())
        ],
    }


def node_mac(number: int) -> str:
    return f"02:00:00:01:{number >> 8:02x}:{number & 255:02x}"
