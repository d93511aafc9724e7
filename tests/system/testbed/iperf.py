"""iperf3 between two pods."""

import json
from typing import Any

from .bed import Pod
from .command import wait_for

PORT = 5201


def iperf(client: Pod, server: Pod, *options: str, target: str = "") -> dict[str, Any]:
    """One run, to the server by its own address or by `target`.

    Returns the part of its JSON that it calls "end". Raises CommandFailed.
    """
    serving = server.namespace.spawn("iperf3", "-s", "-1")
    try:
        wait_for(
            lambda: str(PORT) in server.run("ss", "-Hltn", f"sport = {PORT}"),
            f"iperf3 listens in {server.name}",
        )
        said = client.run("iperf3", "-J", "-c", target or server.address, *options, timeout=60)
    finally:
        serving.kill()
        serving.communicate()
    end: dict[str, Any] = json.loads(said)["end"]
    return end
