"""configs/kubernetes, read."""

from typing import Any

import yaml

from .image import REPOSITORY

Manifest = dict[str, Any]

FOLDER = REPOSITORY / "configs/kubernetes"


def read(file: str) -> list[Manifest]:
    """All objects of one file."""
    return list(yaml.safe_load_all((FOLDER / file).read_text(encoding="utf-8")))


def installed() -> list[Manifest]:
    """All objects of the files that kustomization.yaml names."""
    return [
        manifest for file in read("kustomization.yaml")[0]["resources"] for manifest in read(file)
    ]


def find(kind: str, name: str) -> Manifest:
    (found,) = (
        manifest
        for manifest in installed()
        if (manifest["kind"], manifest["metadata"]["name"]) == (kind, name)
    )
    return found


def daemon_pod() -> Manifest:
    """The spec of podwarp's own pods."""
    spec: Manifest = find("DaemonSet", "podwarp")["spec"]["template"]["spec"]
    return spec
