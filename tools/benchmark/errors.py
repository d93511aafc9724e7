"""What can go wrong, in one sentence each."""


class BenchError(Exception):
    """Says what is wrong and what helps."""


class Disturbed(BenchError):
    """Somebody else uses the CPU: what would be measured compares with nothing."""
