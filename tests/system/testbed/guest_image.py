"""What a virtual machine boots: Debian's kernel, and an initramfs of busybox and some programs."""

import functools
import pathlib
import re
import shutil
import stat

from .command import run

FOLDER = pathlib.Path(__file__).resolve().parents[3] / "build/guest-kernel"
DRIVERS = ("virtio_pci", "virtio_net")
PROGRAMS = ("/usr/bin/iperf3",)

# A line typed at the console is a shell command; nothing else is said there, nor the line repeated.
_INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmpfs /tmp
for driver in {drivers}; do insmod /drivers/$driver.ko; done
ip link set lo up
{commands}
stty -echo
echo "The guest is up."
while read -r line; do eval "$line"; done
"""


def kernel() -> pathlib.Path:
    found = sorted(FOLDER.glob("boot/vmlinuz-*"))
    if not found:
        raise FileNotFoundError(f"{FOLDER} has no kernel; tools/guest_kernel fetches it")
    return found[-1]


def initramfs(commands: str) -> bytes:
    """A cpio archive. Its init loads the drivers, runs the commands, and then what is typed."""
    drivers = _with_dependencies(DRIVERS)
    init = _INIT.format(drivers=" ".join(drivers), commands=commands).encode()
    files = {"init": init, "bin/busybox": pathlib.Path("/bin/busybox").read_bytes()}
    for name, path in drivers.items():
        files[f"drivers/{name}.ko"] = path.read_bytes()
    for program in PROGRAMS:
        files[f"bin/{pathlib.Path(program).name}"] = pathlib.Path(program).read_bytes()
        for library in _libraries(program):
            files[library.lstrip("/")] = pathlib.Path(library).read_bytes()
    return _cpio(files, folders=("proc", "sys", "tmp", "dev", "root"))


def _with_dependencies(names: tuple[str, ...]) -> dict[str, pathlib.Path]:
    """Kernel modules and those they need, these first. What has no file is built in."""
    ordered: dict[str, pathlib.Path] = {}
    for name in names:
        if path := _modules().get(name.replace("-", "_")):
            needed = re.search(rb"\0depends=([^\0]*)\0", path.read_bytes())
            assert needed is not None, f"{path} doesn't say what it depends on"
            ordered |= _with_dependencies(tuple(filter(None, needed[1].decode().split(","))))
            ordered[name] = path
    return ordered


@functools.cache
def _modules() -> dict[str, pathlib.Path]:
    return {path.stem.replace("-", "_"): path for path in FOLDER.glob("lib/modules/**/*.ko")}


def _libraries(program: str) -> list[str]:
    """The absolute paths in `ldd`'s answer: the loader and the libraries."""
    if shutil.which(program) is None:
        raise FileNotFoundError(f"{program} is not installed; tools/deps installs it")
    return re.findall(r"(/\S+) \(0x", run("ldd", program).stdout)


def _cpio(files: dict[str, bytes], folders: tuple[str, ...]) -> bytes:
    """An archive in cpio's "newc" format: see the kernel's Documentation, buffer-format.rst."""
    names = {str(parent) for name in files for parent in pathlib.PurePath(name).parents}
    archive = b"".join(
        _cpio_entry(name, stat.S_IFDIR | 0o755) for name in sorted((names | {*folders}) - {"."})
    )
    archive += b"".join(
        _cpio_entry(name, stat.S_IFREG | 0o755, data) for name, data in files.items()
    )
    return archive + _cpio_entry("TRAILER!!!", 0)


def _cpio_entry(name: str, mode: int, data: bytes = b"") -> bytes:
    path = name.encode() + b"\0"
    # inode, mode, user, group, links, time, size, 4 device numbers, length of the name, checksum
    fields = (0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path), 0)
    header = b"070701" + b"".join(b"%08X" % field for field in fields)
    return _padded(header + path) + _padded(data)


def _padded(part: bytes) -> bytes:
    return part + bytes(-len(part) % 4)
