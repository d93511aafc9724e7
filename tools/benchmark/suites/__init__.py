"""All suites, in the order in which they run. A file a suite."""

from ..case import Suite
from . import (
    arp,
    changes,
    churn,
    idle,
    idle_ports,
    kernel,
    latency,
    observation,
    scale,
    services,
    startup,
    uplink,
    vhost,
)

SUITES: list[Suite] = [
    uplink.SUITE,
    vhost.SUITE,
    kernel.SUITE,
    services.SUITE,
    scale.SUITE,
    idle_ports.SUITE,
    churn.SUITE,
    changes.SUITE,
    arp.SUITE,
    observation.SUITE,
    latency.SUITE,
    startup.SUITE,
    idle.SUITE,
]
