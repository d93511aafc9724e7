"""The command line of tools/bench pktgen."""

import argparse
import ipaddress
import pathlib
import re
import shutil
from collections.abc import Callable, Sequence

from .frames import ROUTER_MAC, SENDER_MAC
from .pktgen_scripts import RFC2544, SCRIPTS
from .guests import RECEIVER_IP, SENDER_IP
from .rfc2544 import FRAME_SIZES, LOSSES

RELEASE = "23.06.1"
_PCI = re.compile(r"[0-9a-fA-F]{4}:[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\.[0-7]")
_MAC = re.compile(r"([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}")

_ABOUT = f"""\
Drives podwarp from the other side, by Pktgen-DPDK (release {RELEASE} fits DPDK 22.11, built with
Lua): over two NICs that are wired to those of a podwarp elsewhere (--ports), or as two pods of a
podwarp that runs here (--socket, twice; its ports have `mode: client`). With neither, podwarp is
started here between two pods, and without Pktgen the RFC 2544 search runs with testpmd.
"""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tools/bench pktgen",
        description=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--pktgen", default="pktgen", metavar="PATH", help="Pktgen's program (default: in PATH)")
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--ports", type=_list_of(_pci, 2), metavar="PCI,PCI", help="who sends, and who receives"
    )
    where.add_argument(
        "--socket", dest="sockets", action="append", default=[], type=pathlib.Path, metavar="PATH",
        help="of who sends, and again of who receives",
    )  # fmt: skip
    add(
        "--generator",
        choices=["pktgen", "testpmd", "guest_load"],
        help="default: pktgen, if it is there",
    )
    add(
        "--script", dest="scripts", action="append", choices=SCRIPTS,
        help="one of them; may be given several times (default: all)",
    )  # fmt: skip
    add(
        "--cores", type=_list_of(int, 3), default=[0, 1, 2], metavar="A,B,C",
        help="Pktgen's with --ports: its own, and one for each port (default: 0,1,2)",
    )  # fmt: skip
    add("--trial", type=_above_zero, default=10.0, metavar="SECONDS", help="of each (default: 10)")
    add(
        "--sizes", type=_list_of(_size), default=list(FRAME_SIZES), metavar="BYTES,...",
        help="for RFC 2544: of frames with their check sequence (default: as it has them)",
    )  # fmt: skip
    add(
        "--loss", dest="losses", type=_list_of(_percent), default=list(LOSSES), metavar="PERCENT,...",
        help="for RFC 2544: what may be lost (default: 0,0.1)",
    )  # fmt: skip
    add("--resolution", type=_resolution, default=1.0, metavar="PERCENT", help="default: 1")
    add("--gateway-mac", type=_mac, default=ROUTER_MAC, help="podwarp's virtual MAC")
    add("--source-mac", type=_mac, default=SENDER_MAC, help="of the frames")
    add("--source-ip", type=_ip, default=SENDER_IP)
    add("--destination-ip", type=_ip, default=RECEIVER_IP)
    add("--dry-run", action="store_true", help="print commands and scripts, and do nothing")
    add("-o", dest="output", choices=["table", "json"], default="table")
    add("--build", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if len(asked.sockets) not in (0, 2):
        parser.error("--socket: two are needed, of who sends and of who receives")
    if asked.generator is None:
        is_pktgen_wanted = asked.dry_run or asked.ports or asked.sockets
        is_pktgen_there = shutil.which(asked.pktgen) is not None
        asked.generator = "pktgen" if is_pktgen_wanted or is_pktgen_there else "testpmd"
    if asked.generator == "pktgen":
        asked.scripts = asked.scripts or list(SCRIPTS)
    else:
        _check_stand_in(parser, asked)
    return asked


def _check_stand_in(parser: argparse.ArgumentParser, asked: argparse.Namespace) -> None:
    if asked.ports or asked.sockets or asked.dry_run:
        parser.error(f"--generator {asked.generator}: only between pods of a podwarp started here")
    asked.scripts = asked.scripts or [RFC2544]
    if asked.scripts != [RFC2544]:
        parser.error(f"{asked.generator} generates for --script {RFC2544} alone")


def _list_of(kind: Callable[[str], object], count: int = 0) -> Callable[[str], list[object]]:
    def parse_list(text: str) -> list[object]:
        try:
            values = [kind(word) for word in text.split(",")]
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{text!r}: {error}") from error
        if count and len(values) != count:
            raise argparse.ArgumentTypeError(f"{text!r}: {count} are needed")
        return values

    return parse_list


def _pci(text: str) -> str:
    if not _PCI.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no PCI address like 0000:3b:00.0")
    return text


def _mac(text: str) -> str:
    if not _MAC.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no MAC like 02:00:00:00:00:01")
    return text


def _ip(text: str) -> str:
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _size(text: str) -> int:
    if not 64 <= int(text) <= 1518:
        raise argparse.ArgumentTypeError(f"{text} bytes: frames have 64 to 1518")
    return int(text)


def _percent(text: str) -> float:
    if not 0 <= float(text) < 100:
        raise argparse.ArgumentTypeError(f"{text!r} is no percentage below 100")
    return float(text)


def _resolution(text: str) -> float:
    if not 0.01 <= float(text) <= 50:
        raise argparse.ArgumentTypeError(f"{text!r} is not between 0.01 and 50")
    return float(text)


def _above_zero(text: str) -> float:
    if not 0 < float(text) < 1e5:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0")
    return float(text)
