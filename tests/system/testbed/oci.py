"""A pod's containers as kubelet and a runtime make them: by runc, with what the manifest says."""

import json
import pathlib
import subprocess
from typing import Any

from .command import CommandFailed, run, wait_for

Json = dict[str, Any]

# What every container gets: containerd's defaults.
_MOUNTS = [
    {"destination": "/proc", "type": "proc", "source": "proc"},
    {
        "destination": "/dev",
        "type": "tmpfs",
        "source": "tmpfs",
        "options": ["nosuid", "strictatime", "mode=755", "size=65536k"],
    },
    {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["ro", "nosuid"]},
]
_READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
_MASKED = ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"]
_PROPAGATION = {"HostToContainer": "rslave", "Bidirectional": "rshared"}


class PodSandbox:
    """Where the containers of one pod of the host's network run. `volumes` are folders or files of
    this machine by the volume's name; `folder` keeps what runc wants.
    """

    def __init__(
        self,
        name: str,
        folder: pathlib.Path,
        image: pathlib.Path,
        netns: str,
        volumes: dict[str, pathlib.Path],
        environment: dict[str, str],
    ) -> None:
        self.name = name
        self.folder = folder
        self._image = image
        self._netns = netns
        self._volumes = volumes
        self._environment = environment

    def container(self, container: Json) -> "Container":
        bundle = self.folder / container["name"]
        bundle.mkdir(parents=True, exist_ok=True)
        (bundle / "config.json").write_text(json.dumps(self._spec(container)), encoding="utf-8")
        return Container(f"{self.name}-{container['name']}", bundle)

    def _spec(self, container: Json) -> Json:
        context = container["securityContext"]
        kept = [f"CAP_{name}" for name in context["capabilities"].get("add", [])]
        words = [*container["command"], *container.get("args", [])]
        for name, value in self._environment.items():
            words = [word.replace(f"$({name})", value) for word in words]
        return {
            "ociVersion": "1.0.2",
            "process": {
                "args": words,
                "cwd": "/",
                "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
                + [f"{name}={value}" for name, value in self._environment.items()],
                "user": {"uid": 0, "gid": 0},
                "capabilities": dict.fromkeys(("bounding", "effective", "permitted"), kept),
            },
            "root": {"path": str(self._image), "readonly": context["readOnlyRootFilesystem"]},
            "mounts": [*_MOUNTS, *map(self._mount, container["volumeMounts"])],
            "linux": {
                "namespaces": [
                    *({"type": kind} for kind in ("pid", "ipc", "uts", "mount")),
                    {"type": "network", "path": self._netns},
                ],
                # runc adds the devices that every container may use.
                "resources": {"devices": [{"allow": False, "access": "rwm"}]},
                "rootfsPropagation": "rslave",
                "maskedPaths": _MASKED,
                "readonlyPaths": _READ_ONLY,
            },
        }

    def _mount(self, mount: Json) -> Json:
        how = [_PROPAGATION.get(mount.get("mountPropagation", ""), "rprivate")]
        how.append("ro" if mount.get("readOnly") else "rw")
        source = str(self._volumes[mount["name"]])
        return {
            "destination": mount["mountPath"],
            "type": "bind",
            "source": source,
            "options": ["rbind", *how],
        }


class Container:
    """run() for one that ends by itself, start() and remove() for others."""

    def __init__(self, name: str, bundle: pathlib.Path) -> None:
        self.name = name
        self.bundle = bundle
        self._log_file = bundle / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def run(self) -> str:
        return self._runc("run", "--bundle", str(self.bundle), self.name)

    def start(self) -> None:
        with self._log_file.open("wb") as log:
            self._process = subprocess.Popen(
                [*self._command(), "run", "--bundle", str(self.bundle), self.name],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def execute(self, *command: str) -> str:
        return self._runc("exec", self.name, *command)

    def wait_until(self, *command: str) -> None:
        """The command succeeds in it."""

        def succeeds() -> bool:
            assert self._process is not None
            if self._process.poll() is not None:
                raise RuntimeError(f"{self.name} has ended:\n{self.log()}")
            try:
                self.execute(*command)
            except CommandFailed:
                return False
            return True

        try:
            wait_for(succeeds, f"{' '.join(command)} succeeds in {self.name}")
        except TimeoutError as error:
            raise TimeoutError(f"{error}, but:\n{self.log()}") from None

    def log(self) -> str:
        return self._log_file.read_text(encoding="utf-8", errors="replace")

    def stop(self) -> int:
        """As kubelet ends it; returns its exit status."""
        assert self._process is not None
        self._runc("kill", self.name, "TERM")
        return self._process.wait(timeout=60)

    def remove(self) -> None:
        run(*self._command(), "delete", "--force", self.name, check=False)
        if self._process is not None:
            self._process.wait(timeout=60)

    def _runc(self, *words: str) -> str:
        return run(*self._command(), *words).stdout

    def _command(self) -> list[str]:
        return ["runc", "--root", str(self.bundle / "runc")]
