"""A demo that goes on running, and its end."""

import pathlib

from demo.screen import Screen
from testbed.bed import TestBed, remove_bed


def explain(bed: TestBed, screen: Screen) -> None:
    """How to look around in what is left running."""
    a, b = bed.a, bed.b
    pod = a.pods[0].namespace.name
    vhost = a.vhost_pods[0]
    prefix = a.config["memory"]["file_prefix"]
    screen.title("\nIt goes on running. Look around:")
    screen.text(
        f"""
  a pod                ip netns exec {pod} bash
  across the nodes     ip netns exec {pod} ping {b.pods[0].address}
  testpmd in {vhost.name}        echo show port stats all >{vhost.directory}/{vhost.name}.in
                       then: tail {vhost.log_file}
  the wire             ip netns exec {a.namespace.name} tcpdump -eni wire
  tables, counters     build/tools/podwarpctl/podwarpctl --socket {a.api.socket} top
                       also: status pods nodes routes services connections arp ports
                       workers drops, pod add, --help
                       or by DPDK: dpdk-telemetry.py -f {prefix}
  configurations       {a.podwarp.config}
                       {b.podwarp.config}
  logs                 {a.podwarp.log_file}
                       {b.podwarp.log_file}

and end it:            tools/demo --clean"""
    )


def remove_all(kind: str) -> int:
    """Removes every testbed of this kind that was left running; a demo in progress stays."""
    beds = [bed for bed in sorted(pathlib.Path("/run").glob(f"podwarp-{kind}-*")) if _is_left(bed)]
    for bed in beds:
        remove_bed(bed)
        print(f"removed {bed} with its processes and namespaces")
    if not beds:
        print("nothing was left running")
    return 0


def _is_left(bed: pathlib.Path) -> bool:
    maker = pathlib.Path("/proc", bed.name.rpartition("-")[2], "cmdline")
    return not maker.exists() or b"tests/system/demo" not in maker.read_bytes()
