"""podwarp's image, made by the Dockerfile's own steps on a Debian that debootstrap makes."""

import pathlib
import shutil
from collections.abc import Callable

from .case import binary
from .command import CommandFailed, run
from .dockerfile import parse_copy, read_stages

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
DOCKERFILE = REPOSITORY / "configs/kubernetes/Dockerfile"
MIRROR = "http://deb.debian.org/debian"
_PATIENCE_SECONDS = 200


def why_not() -> str:
    """Why no image can be made here, if so."""
    if shutil.which("debootstrap") is None:
        return "debootstrap is not installed; tools/deps installs it"
    try:
        run("curl", "-sSfI", "--max-time", "20", f"{MIRROR}/dists/bookworm/InRelease")
    except CommandFailed as error:
        return f"there is no mirror of Debian: {error}"
    return ""


def make_image(root: pathlib.Path) -> None:
    """Its file system, in the folder `root`. What the build stage makes is taken from this machine:
    the programs from where the one to test was built, the rest from Debian's packages.
    """
    stage = read_stages(DOCKERFILE)[-1]
    suite = stage.base.removeprefix("debian:").removesuffix("-slim")
    _run("debootstrap", "--variant=minbase", suite, str(root), MIRROR)
    do: dict[str, Callable[[str], None]] = {
        "RUN": lambda rest: _run("chroot", str(root), "/bin/sh", "-c", rest),
        "COPY": lambda rest: _copy(root, rest),
        "ENTRYPOINT": lambda rest: None,
    }
    for instruction, rest in stage.steps:
        do[instruction](rest)


def _run(*command: str) -> None:
    run(*command, timeout=_PATIENCE_SECONDS)


def _copy(root: pathlib.Path, rest: str) -> None:
    copy = parse_copy(rest)
    target = root / copy.target.removeprefix("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(_here(copy.source) if copy.stage else REPOSITORY / copy.source, target)


def _here(source: str) -> pathlib.Path:
    """What stands on this machine for a file of the build stage."""
    built = pathlib.Path(binary()).resolve().parents[1]
    if source.startswith("/src/build/"):
        return built / source.removeprefix("/src/build/")
    return pathlib.Path(source)
