"""What a node says to Prometheus."""

import re

from .bed import Node

Labels = dict[str, str]

_SAMPLE = re.compile(r"(?P<name>\w+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


class Metrics:
    """One answer, read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.samples: list[tuple[str, Labels, float]] = []
        for line in text.splitlines():
            if line.startswith("#"):
                continue
            match = _SAMPLE.fullmatch(line)
            if match is None:
                raise ValueError(f"no sample: {line}")
            labels = dict(_LABEL.findall(match["labels"] or ""))
            self.samples.append((match["name"], labels, float(match["value"])))

    def value(self, name: str, **labels: str) -> float:
        """Of the one sample that has these labels, and maybe others. Raises ValueError."""
        found = [
            value
            for sample, its, value in self.samples
            if sample == name and labels.items() <= its.items()
        ]
        if len(found) != 1:
            raise ValueError(f"{len(found)} samples are {name} {labels}")
        return found[0]

    def has(self, name: str, **labels: str) -> bool:
        return any(name == n and labels.items() <= its.items() for n, its, _ in self.samples)


def scrape(node: Node) -> Metrics:
    """As Prometheus asks, over TCP."""
    url = f"http://{node.config['metrics']['listen']}/metrics"
    return Metrics(node.namespace.run("curl", "-sSf", "--noproxy", "*", url).stdout)
