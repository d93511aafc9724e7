"""All suites, in the order in which they run. A file a suite."""

from ..case import Suite
from . import churn, idle, scale, startup, uplink

SUITES: list[Suite] = [
    uplink.SUITE,
    scale.SUITE,
    churn.SUITE,
    startup.SUITE,
    idle.SUITE,
]
