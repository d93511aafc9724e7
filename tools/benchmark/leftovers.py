"""What a bench that was killed leaves behind, hugepages above all, which the next one lacks."""

import os
import pathlib
import re
import shutil
import tempfile

KIND = "podwarp-bench"  # all names begin with it and the bench's process id

_FOLDERS = (pathlib.Path("/dev/hugepages"), pathlib.Path("/var/run/dpdk"))


def name(rest: str) -> str:
    return f"{KIND}-{os.getpid()}-{rest}"


def remove_leftovers_of_others() -> None:
    """Of benches whose process is gone; their forwarders have died with them."""
    for folder in (*_FOLDERS, pathlib.Path(tempfile.gettempdir())):
        for path in folder.glob(f"{KIND}-*"):
            owner = re.match(rf"{KIND}-(\d+)-", path.name)
            if owner is None or pathlib.Path(f"/proc/{owner[1]}").exists():
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
