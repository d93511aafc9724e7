"""What the demo prints."""

import sys
from collections.abc import Sequence

_BOLD, _GREEN, _RED, _DIM, _END = "\033[1m", "\033[32m", "\033[31m", "\033[2m", "\033[0m"


class Screen:
    """Prints steps and their results, in colour on a terminal."""

    def __init__(self) -> None:
        self._is_terminal = sys.stdout.isatty()

    def title(self, words: str) -> None:
        self._print(self._paint(_BOLD, words))

    def subtitle(self, words: str) -> None:
        self._print("\n  " + self._paint(_BOLD, words))

    def text(self, words: str, indent: int = 0) -> None:
        for line in words.splitlines():
            self._print((" " * indent + line).rstrip())

    def step(self, number: int, title: str) -> None:
        self._print(f"\n{self._paint(_BOLD, f'{number:2}  {title}')}")

    def command(self, where: str, *command: str) -> None:
        self._print("    " + self._paint(_DIM, f"{where}$ {' '.join(command)}"))

    def result_line(self, words: str) -> None:
        self._print(f"    {self._paint(_GREEN, 'ok')}  {words}")

    def failed(self, words: str) -> None:
        self._print(f"    {self._paint(_RED, 'FAILED')}  {words}")

    def table(self, title: str, rows: Sequence[Sequence[str]]) -> None:
        """The first row is the heading."""
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths)).rstrip() for row in rows]
        self._print(f"    {title}")
        self._print("      " + self._paint(_DIM, lines[0]))
        for line in lines[1:]:
            self._print("      " + line)

    def result(self, passed: int, failed: int) -> None:
        words = f"\n{passed} of {passed + failed} steps succeeded"
        self._print(self._paint(_RED if failed else _GREEN, words))

    def _paint(self, color: str, words: str) -> str:
        return f"{color}{words}{_END}" if self._is_terminal else words

    def _print(self, words: str) -> None:
        print(words, flush=True)
