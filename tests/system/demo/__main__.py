"""tools/demo: two nodes on this machine, and what podwarp does for their pods."""

import argparse
import contextlib
import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

# pylint: disable=wrong-import-position
from demo.failed import Failed
from demo.keep import explain, remove_all
from demo.screen import Screen
from demo.steps import STEPS
from testbed.bed import TestBed
from testbed.case import set_binary
from testbed.command import CommandFailed
from testbed.vhost import CLIENT, SERVER

KIND = "demo"

PICTURE = """
  node-a  02:00:00:00:00:0a                      node-b  02:00:00:00:00:0b
  pods 10.244.1.0/24                             pods 10.244.2.0/24

   a1           a2           a3                   b1           b2           b3
   10.244.1.10  10.244.1.11  10.244.1.12          10.244.2.10  10.244.2.11  10.244.2.12
    |            |            |                    |            |            |
   [         podwarp         ]------- wire -------[         podwarp         ]
    |                                              |
   node-a's own kernel, 10.244.1.254              node-b's own kernel, 10.244.2.254

  a1, a2, b1, b2: containers, with an interface of the kernel's
  a3, b3: DPDK's testpmd behind vhost-user, which answers pings
"""
VHOST_PODS = {"a": [CLIENT], "b": [SERVER]}


def show(binary: str, keep: bool) -> int:
    screen = Screen()
    screen.title("podwarp: two nodes on this machine, three pods on each")
    screen.text(PICTURE)
    bed = TestBed(binary, kind=KIND, vhost_pods=VHOST_PODS, pods_come_later=True)
    failed = 0
    with contextlib.ExitStack() as stack:
        stack.callback(bed.remove)
        bed.start()
        for number, (title, step) in enumerate(STEPS, start=1):
            screen.step(number, title)
            try:
                step(bed, screen)
            except (Failed, CommandFailed, OSError, RuntimeError) as error:
                failed += 1
                screen.failed(str(error))
        if keep:
            explain(bed, screen)
            stack.pop_all()
    screen.result(len(STEPS) - failed, failed)
    return 1 if failed else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="tools/demo", description=__doc__)
    parser.add_argument("--podwarp", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--keep", action="store_true", help="leave it running")
    parser.add_argument("--clean", action="store_true", help="remove what --keep left running")
    arguments = parser.parse_args()
    if arguments.clean:
        return remove_all(KIND)
    set_binary(arguments.podwarp)
    return show(arguments.podwarp, arguments.keep)


if __name__ == "__main__":
    # So that everything is removed however it ends.
    for end in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(end, lambda number, _: sys.exit(128 + number))
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("\ninterrupted")
    except (CommandFailed, OSError, RuntimeError) as error:
        sys.exit(f"tools/demo: {error}")
