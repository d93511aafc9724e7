"""What can be asked of tools/bench: suites, their cases, and who takes part in each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .bench import Bench
from .contender import Contender
from .testpmd import FLOOR


@dataclass(frozen=True)
class Case:
    """One piece of work that all contenders do.

    `contenders` are made when it is the case's turn, so that files and memory are taken only then.
    `floor` names the one that all are held against; there may be none.
    """

    name: str
    contenders: Callable[[Bench], Sequence[Contender]]
    unit: str = "Mpps"
    more_is_better: bool = True
    is_quick: bool = False  # whether --quick has it
    floor: str = FLOOR


@dataclass(frozen=True)
class Suite:
    name: str
    about: str  # a line
    cases: Sequence[Case]
