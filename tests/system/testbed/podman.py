"""podman with a network of podwarp's, and all it keeps in a folder of its own."""

import json
import pathlib
import shutil

from .command import CommandFailed, run

_CONFIG = """\
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
runtime = "runc"
[network]
network_backend = "cni"
network_config_dir = "{directory}/networks"
cni_plugin_dirs = ["{plugins}", "/usr/lib/cni"]
default_network = "none-such"
"""
_NEEDED = ("bin", "dev", "etc", "proc", "run", "sys", "tmp")


class Podman:
    """Containers of busybox. `network` is a configuration as a conflist has it."""

    def __init__(
        self, directory: pathlib.Path, plugin: pathlib.Path, network: dict[str, object]
    ) -> None:
        self.directory = directory
        self.network = str(network["name"])
        for folder in ("networks", "root", "runroot", "tmp", *(f"rootfs/{n}" for n in _NEEDED)):
            (directory / folder).mkdir(parents=True)
        shutil.copy("/bin/busybox", directory / "rootfs/bin/busybox")
        (directory / "rootfs/bin/sh").symlink_to("busybox")
        config = _CONFIG.format(directory=directory, plugins=plugin.parent)
        (directory / "containers.conf").write_text(config, encoding="utf-8")
        file = directory / "networks/10-podwarp.conflist"
        file.write_text(json.dumps(network), encoding="utf-8")

    def __call__(self, *words: str, check: bool = True) -> str:
        folder = self.directory
        result = run(
            *["env", f"CONTAINERS_CONF={folder}/containers.conf", "podman"],
            *["--root", f"{folder}/root", "--runroot", f"{folder}/runroot"],
            *["--tmpdir", f"{folder}/tmp", "--storage-driver", "vfs"],
            *words,
            check=check,
            timeout=60,
        )
        return result.stdout

    def start(self, name: str) -> None:
        """A container that does nothing, until removed."""
        self(
            *["run", "--detach", "--name", name, "--network", self.network],
            # What is left out makes containers start on machines that forbid it to root too.
            *["--runtime", "runc", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"],
            *["--security-opt", "seccomp=unconfined", "--no-hosts", "--log-driver", "none"],
            *["--rootfs", f"{self.directory}/rootfs", "/bin/busybox", "sleep", "600"],
        )

    def execute(self, name: str, *command: str) -> str:
        return self("exec", name, "/bin/busybox", *command, check=False)

    def address(self, name: str) -> str:
        """Of the container's eth0, as it sees it."""
        said = self.execute(name, "ip", "-4", "-o", "address", "show", "eth0").split()
        if "inet" not in said:
            raise CommandFailed(f"{name} has no address: {said}")
        return said[said.index("inet") + 1].partition("/")[0]

    def remove(self, name: str) -> None:
        self("rm", "--force", "--time", "0", name)

    def remove_all(self) -> None:
        self("rm", "--all", "--force", "--time", "0", check=False)
