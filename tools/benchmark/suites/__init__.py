"""All suites, in the order in which they run. A file a suite."""

from ..case import Suite
from . import arp, churn, idle, latency, scale, startup, uplink, vhost

SUITES: list[Suite] = [
    uplink.SUITE,
    vhost.SUITE,
    scale.SUITE,
    churn.SUITE,
    arp.SUITE,
    latency.SUITE,
    startup.SUITE,
    idle.SUITE,
]
