"""Dockerfiles, as far as podwarp's goes: FROM, RUN, COPY, WORKDIR and ENTRYPOINT."""

import pathlib
import re
from dataclasses import dataclass, field

_KNOWN = ("RUN", "COPY", "WORKDIR", "ENTRYPOINT")


@dataclass
class Stage:
    base: str
    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)  # instruction, what follows it

    def all(self, instruction: str) -> list[str]:
        return [rest for name, rest in self.steps if name == instruction]


@dataclass(frozen=True)
class Copy:
    """COPY of one file, out of another stage or out of the repository (stage "")."""

    stage: str
    source: str
    target: str


def read_stages(file: pathlib.Path) -> list[Stage]:
    """Raises ValueError for what this doesn't know."""
    text = re.sub(r"^\s*#.*\n", "", file.read_text(encoding="utf-8"), flags=re.M)
    stages: list[Stage] = []
    for line in text.replace("\\\n", " ").splitlines():
        instruction, _, rest = line.strip().partition(" ")
        if instruction == "FROM":
            base, _, name = rest.partition(" AS ")
            stages.append(Stage(base, name.strip()))
        elif instruction in _KNOWN:
            stages[-1].steps.append((instruction, rest.strip()))
        elif instruction:
            raise ValueError(f"{file}: {instruction}: this instruction is not known")
    return stages


def parse_copy(rest: str) -> Copy:
    words = rest.split()
    stage = words.pop(0).removeprefix("--from=") if words[0].startswith("--from=") else ""
    if len(words) != 2 or words[0].startswith("-"):
        raise ValueError(f"COPY {rest}: expected [--from=STAGE] SOURCE TARGET")
    return Copy(stage, *words)
