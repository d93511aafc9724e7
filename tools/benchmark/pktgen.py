"""tools/bench pktgen: drives podwarp from the other side, by a packet generator."""

import argparse
import dataclasses
import json
import pathlib
import shutil
import tempfile
from collections.abc import Sequence

from testbed.config import to_yaml

from . import leftovers, machine, pktgen_options, rfc2544
from .bench import Bench, find_cores
from .errors import BenchError
from .pktgen_local import search_with_guest_load, search_with_testpmd, two_pods
from .pktgen_run import RunPktgen, node_config
from .pktgen_scripts import UPLINK_IP, UPLINK_PEER_IP, Devices, Measured, Settings, shown

_RFC2544 = "RFC 2544"
_SEARCHES = {"testpmd": search_with_testpmd, "guest_load": search_with_guest_load}


def main(arguments: Sequence[str]) -> int:
    asked = pktgen_options.parse(arguments)
    settings = _settings(asked)
    if asked.dry_run:
        print(_dry_run(asked, settings))
        return 0
    if asked.generator == "pktgen" and shutil.which(asked.pktgen) is None:
        raise BenchError(
            f"there is no {asked.pktgen}: --pktgen names Pktgen-DPDK's program, built with Lua;"
            f" its release {pktgen_options.RELEASE} fits DPDK 22.11"
        )
    leftovers.remove_leftovers_of_others()
    with tempfile.TemporaryDirectory(prefix=leftovers.name("")) as directory:
        bench = Bench(
            build=asked.build.resolve(),
            directory=pathlib.Path(directory),
            rounds=1,
            seconds=asked.trial,
            cores=find_cores(),
            tsc_hz=machine.tsc_hz(),
        )
        measured = _measure(bench, asked, settings)
    is_json = asked.output == "json"
    print(_json(measured) if is_json else _text(measured, asked.generator, settings))
    return 0


def _settings(asked: argparse.Namespace) -> Settings:
    settings = Settings(
        seconds=asked.trial,
        sizes=asked.sizes,
        losses=asked.losses,
        resolution=asked.resolution,
        gateway_mac=asked.gateway_mac,
        source_mac=asked.source_mac,
        source_ip=asked.source_ip,
        destination_ip=asked.destination_ip,
    )
    if asked.ports:
        settings = dataclasses.replace(
            settings, arp_sender_ip=UPLINK_PEER_IP, arp_target_ip=UPLINK_IP
        )
    return settings


def _devices(asked: argparse.Namespace, sockets: Sequence[pathlib.Path]) -> Devices:
    if asked.ports:
        return Devices.physical(asked.ports, asked.cores)
    return Devices.pods(sockets, find_cores().load)


def _measure(bench: Bench, asked: argparse.Namespace, settings: Settings) -> list[Measured]:
    if asked.ports or asked.sockets:
        devices = _devices(asked, asked.sockets)
        return RunPktgen(bench, asked.pktgen, devices, settings).all(asked.scripts)
    with two_pods(bench) as (podwarp, pair):
        if asked.generator != "pktgen":
            search = _SEARCHES[asked.generator](bench, podwarp, pair, settings)
            return [(_RFC2544, trial) for trial in search]
        devices = _devices(asked, [pod.socket for pod in pair])
        return RunPktgen(bench, asked.pktgen, devices, settings).all(asked.scripts)


def _dry_run(asked: argparse.Namespace, settings: Settings) -> str:
    devices = _devices(asked, asked.sockets or [pathlib.Path("a.sock"), pathlib.Path("b.sock")])
    lines = [shown(asked.pktgen, devices, settings, asked.scripts)]
    if asked.ports:
        lines += ["# --- podwarp's configuration for this", to_yaml(node_config(UPLINK_IP))]
    return "\n".join(lines)


def _json(measured: Sequence[Measured]) -> str:
    rows = [
        {"name": name, **dataclasses.asdict(trial), "loss_percent": trial.loss}
        for name, trial in measured
    ]
    return json.dumps(rows, indent=2)


def _text(measured: Sequence[Measured], generator: str, settings: Settings) -> str:
    lines = [f"{name:<12} {rfc2544.figures(trial)}" for name, trial in measured if name != _RFC2544]
    if trials := [trial for name, trial in measured if name == _RFC2544]:
        full = "the port's speed" if generator == "pktgen" else f"the most that {generator} sends"
        lines.append(rfc2544.report(trials, settings.losses, full))
    return "\n".join(lines)
