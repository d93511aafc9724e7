"""A step that didn't show what it was to show."""


class Failed(Exception):
    """Says what should have happened and what did."""


def expect(is_so: bool, otherwise: str) -> None:
    if not is_so:
        raise Failed(otherwise)
