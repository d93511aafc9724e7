"""The configuration as a mounted ConfigMap, which kubelet replaces while podwarp runs."""

import copy
import pathlib
import shutil
import signal

from testbed.case import LatePodTest
from testbed.command import wait_for
from testbed.config import Config, pod_config, to_yaml


class Volume:
    """A folder as kubelet's atomic writer keeps it: names lead by `..data` to one version."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder
        self._versions = 0
        folder.mkdir()
        self.file = folder / "podwarp.yaml"
        self.file.symlink_to("..data/podwarp.yaml")

    def replace(self, text: str) -> None:
        data, temporary = self._folder / "..data", self._folder / "..data_tmp"
        old = data.resolve() if data.exists() else None
        self._versions += 1
        version = self._folder / f"..2026_{self._versions}"
        version.mkdir()
        (version / "podwarp.yaml").write_text(text, encoding="utf-8")
        temporary.symlink_to(version.name)
        temporary.rename(data)
        if old:
            shutil.rmtree(old)


class ConfigMap(LatePodTest):
    def test_it_is_followed_without_a_signal(self) -> None:
        podwarp, pod = self.a.podwarp, self.a.pods[0]
        volume = Volume(podwarp.config.parent / "config-map")
        volume.replace(to_yaml(self.a.config))
        podwarp.stop(signal.SIGTERM)
        podwarp.config, podwarp.flags = volume.file, ["--watch_config"]
        podwarp.start()
        config: Config = copy.deepcopy(self.a.config)
        config["pods"].append(pod_config("a2", self.late.address, self.late.namespace.path))
        volume.replace(to_yaml(config))
        wait_for(lambda: pod.reaches(self.late.address), "the late pod is there")
        volume.replace("pods: 3\n")
        wait_for(lambda: "everything stays as it was" in podwarp.log(), "the fault is told")
        self.assert_answered(pod.ping(self.late.address))
        volume.replace(to_yaml(self.a.config))
        wait_for(lambda: not pod.reaches(self.late.address), "the late pod is gone again")
        self.assert_answered(pod.ping(self.b.pods[0].address))
