"""Open vSwitch with DPDK as a contender: its daemons run from files of their own."""

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from testbed.command import run, wait_for
from testbed.telemetry import Telemetry

from .bench import Bench
from .contender import Count, Forwarder
from .errors import BenchError
from .program import Program

NAME = "OVS-DPDK"
BRIDGE = "br-bench"
_DAEMON = "usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk"
_SCHEMA = "usr/share/openvswitch/vswitch.ovsschema"


@dataclass(frozen=True)
class Interface:
    """A port of the bridge: what `ovs-vsctl set Interface` is told."""

    name: str
    type: str
    options: Mapping[str, str]


def dpdk_interface(name: str, device: str) -> Interface:
    return Interface(name, "dpdk", {"dpdk-devargs": device})


class Ovs(Forwarder):
    """A bridge with these ports and OpenFlow flows, on one PMD thread.

    Counts what leaves the DPDK devices with these numbers, in the order in which they are added.
    """

    def __init__(
        self,
        bench: Bench,
        interfaces: Sequence[Interface],
        flows: Sequence[str],
        devices: tuple[int, ...] = (1,),
    ) -> None:
        super().__init__(NAME)
        self._root = bench.build / "ovs"
        if not (self._root / _DAEMON).exists():
            raise BenchError(f"{self._root} has no Open vSwitch; tools/ovs fetches it")
        self._bench = bench
        self._interfaces = interfaces
        self._flows = flows
        self._devices = devices
        prefix = bench.unique("ovs")
        self._folder = bench.directory / prefix
        self._database = Program(bench.directory, bench.unique("ovsdb"))
        self.program = Program(bench.directory, prefix)
        self.telemetry = Telemetry(prefix)

    def start(self) -> None:
        self._start_database()
        # In a network namespace of its own: a bridge is an interface of the kernel's too.
        daemon = [
            str(self._root / _DAEMON),
            self._socket,
            "--unixctl",
            f"{self._folder}/daemon.ctl",
        ]
        self.program.start(["unshare", "--net", *self._environment, *daemon])
        self._configure("add-br", BRIDGE, "--", "set", "bridge", BRIDGE, "datapath_type=netdev",
                        "fail_mode=secure")  # fmt: skip
        for number, interface in enumerate(self._interfaces, start=1):
            self._add(interface, number)
        file = self._folder / "flows"
        file.write_text("\n".join(self._flows) + "\n", encoding="ascii")
        self._run("usr/bin/ovs-ofctl", "add-flows", f"unix:{self._folder}/{BRIDGE}.mgmt", str(file))

    def end(self) -> None:
        self.program.end()
        self._database.end()

    def count(self) -> Count:
        asked = time.monotonic()
        stats = [self.telemetry.ask(f"/ethdev/stats,{device}") for device in self._devices]
        answered = time.monotonic()
        when = (asked + answered) / 2
        frames = sum(int(device["opackets"]) for device in stats)
        return Count(when, frames, when * self._bench.tsc_hz)  # it polls all the time

    @property
    def _socket(self) -> str:
        return f"unix:{self._folder}/db.sock"

    @property
    def _environment(self) -> list[str]:
        """OVS takes other folders than the system's from there."""
        names = ("OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR", "OVS_SYSCONFDIR")
        return ["env", *(f"{name}={self._folder}" for name in names)]

    def _start_database(self) -> None:
        # Nothing of the round before: a socket without a server would look like one with.
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()
        database = self._folder / "conf.db"
        self._run("usr/bin/ovsdb-tool", "create", str(database), str(self._root / _SCHEMA))
        server = [str(self._root / "usr/sbin/ovsdb-server"), str(database)]
        self._database.start(
            [
                *self._environment,
                *server,
                f"--remote=p{self._socket}",
                f"--unixctl={self._folder}/db.ctl",
            ]
        )
        wait_for((self._folder / "db.sock").exists, "ovsdb-server listens")
        cores = self._bench.cores
        self._configure("--no-wait", "init")
        self._configure(
            *("--no-wait", "set", "Open_vSwitch", ".", "other_config:dpdk-init=true"),
            f"other_config:dpdk-lcore-mask={1 << cores.load:#x}",
            f"other_config:pmd-cpu-mask={1 << cores.worker:#x}",
            f'other_config:dpdk-extra="--no-pci --file-prefix={self.program.prefix}"',
        )

    def _add(self, interface: Interface, number: int) -> None:
        options = [f'options:{key}="{value}"' for key, value in interface.options.items()]
        self._configure(
            *("add-port", BRIDGE, interface.name, "--", "set", "Interface", interface.name),
            *(f"type={interface.type}", f"ofport_request={number}", *options),
        )
        error = self._configure("get", "Interface", interface.name, "error").strip()
        if error != "[]":
            raise BenchError(f"{NAME} can't open {interface.name}: {error}")

    def _configure(self, *command: str) -> str:
        """Waits until the daemon has done it, unless told --no-wait."""
        return self._run("usr/bin/ovs-vsctl", f"--db={self._socket}", "--timeout=30", *command)

    def _run(self, program: str, *arguments: str) -> str:
        return run(*self._environment, str(self._root / program), *arguments, timeout=40).stdout


def route_flows(
    prefixes_by_node: Sequence[Sequence[str]], macs: Sequence[str], source: str
) -> list[str]:
    """What a router does, as OpenFlow: from port 1 to port 2."""
    return [
        f"in_port=1,ip,nw_dst={prefix},"
        f"actions=mod_dl_src:{source},mod_dl_dst:{mac},dec_ttl,output:2"
        for prefixes, mac in zip(prefixes_by_node, macs, strict=True)
        for prefix in prefixes
    ]
