"""Pods of the node that is measured, beside the traffic."""

from testbed.vhost import VhostPod

from .bench import Bench


def vhost_pods(bench: Bench, count: int, mode: str) -> list[VhostPod]:
    """So many, each with a socket that nobody has made yet. `mode` is podwarp's part."""
    folder = bench.directory / bench.unique("pods")
    folder.mkdir()
    return [
        VhostPod(
            name=f"pod-{i}",
            address=f"10.255.{i >> 8}.{i & 255}",
            mac=f"02:00:00:02:{i >> 8:02x}:{i & 255:02x}",
            socket=folder / str(i),
            mode=mode,
        )
        for i in range(count)
    ]
