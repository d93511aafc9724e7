"""A pod that pretends to be another reaches nobody and changes nothing."""

from testbed.arping import arping
from testbed.case import BedTest
from testbed.counters import addresses, drops, new_drops
from testbed.link import ARP_REPLY, ARP_REQUEST, BROADCAST, Link, arp, udp
from testbed.ping import ping

OTHER_MAC = "02:00:00:00:66:66"
ZERO_MAC = "00:00:00:00:00:00"
MANY = 20


class Spoofing(BedTest):
    """a2 is the spoofer, a1 its victim on the same node, b1 whom it wants to reach."""

    def setUp(self) -> None:
        self.victim, self.spoofer = self.a.pods
        self.target = self.b.pods[0]
        self.gateway_mac = self.a.addresses.virtual_mac
        self.table = addresses(self.a), addresses(self.b)
        self.drops = drops(self.a)

    def check_nothing_has_changed(self) -> None:
        self.assertEqual((addresses(self.a), addresses(self.b)), self.table)
        self.assert_answered(self.target.ping(self.victim.address))
        self.assert_answered(self.victim.ping(self.target.address))
        self.assert_answered(self.target.ping(self.spoofer.address))
        self.assertEqual(arping(self.target, self.victim.address), [self.b.addresses.virtual_mac])

    def check_unheard(self, spoofed: bytes, marker: bytes) -> None:
        """Of spoofed frames and an honest one after them only the honest one arrives."""
        macs = (self.spoofer.mac, self.gateway_mac)
        honest = udp(macs, (self.spoofer.address, self.target.address), b"honest")
        with Link(self.spoofer.namespace) as sender, Link(self.target.namespace) as receiver:
            for _ in range(MANY):
                sender.send(spoofed)
            sender.send(honest)
            heard = receiver.hear(lambda frame: b"honest" in frame)
        self.assertFalse([frame for frame in heard if marker in frame])

    def test_another_pods_address(self) -> None:
        for address in (self.victim.address, self.target.address, "10.244.1.99", "192.0.2.1"):
            with self.subTest(address=address):
                before = drops(self.a)
                macs = (self.spoofer.mac, self.gateway_mac)
                self.check_unheard(udp(macs, (address, self.target.address), b"spoof"), b"spoof")
                self.assertEqual(new_drops(self.a, before), {"spoofed_ip": MANY})
        last = self.a.podwarp.telemetry.ask("/podwarp/drops,spoofed_ip")
        self.assertEqual(last["last_ports"], [f"default/{self.spoofer.name}"])
        self.check_nothing_has_changed()

    def test_another_mac(self) -> None:
        for mac in (self.victim.mac, OTHER_MAC):
            with self.subTest(mac=mac):
                before = drops(self.a)
                addresses_ = (self.spoofer.address, self.target.address)
                self.check_unheard(udp((mac, self.gateway_mac), addresses_, b"spoof"), b"spoof")
                self.assertEqual(new_drops(self.a, before), {"spoofed_mac": MANY})
        self.check_nothing_has_changed()

    def test_an_address_taken_in_earnest(self) -> None:
        space = self.spoofer.namespace
        space.ip("address", "add", f"{self.victim.address}/32", "dev", "eth0")
        try:
            answer = ping(space, self.target.address, "-I", self.victim.address, "-W", "1", count=2)
            self.assert_unanswered(answer)
            self.assertTrue({"spoofed_ip", "arp_spoofed_ip"} & new_drops(self.a, self.drops).keys())
        finally:
            space.ip("address", "delete", f"{self.victim.address}/32", "dev", "eth0")
        self.check_nothing_has_changed()

    def test_a_mac_taken_in_earnest(self) -> None:
        space, true_mac = self.spoofer.namespace, self.spoofer.mac
        space.ip("link", "set", "eth0", "address", OTHER_MAC)
        try:
            answer = ping(space, self.target.address, "-W", "1", count=2)
            self.assert_unanswered(answer)
            self.assertTrue(
                {"spoofed_mac", "arp_spoofed_mac"} & new_drops(self.a, self.drops).keys()
            )
        finally:
            space.ip("link", "set", "eth0", "address", true_mac)
        self.check_nothing_has_changed()

    def test_arp_that_claims_the_victims_address(self) -> None:
        mine, victims = self.spoofer.mac, self.victim.address
        gateway = (self.gateway_mac, self.a.addresses.gateway)
        frames = {
            "reply to the gateway": (
                arp(ARP_REPLY, (mine, victims), gateway, to=self.gateway_mac),
                "arp_spoofed_ip",
            ),
            "gratuitous request": (
                arp(ARP_REQUEST, (mine, victims), (ZERO_MAC, victims)),
                "arp_conflict",
            ),
            "gratuitous reply": (
                arp(ARP_REPLY, (mine, victims), (BROADCAST, victims)),
                "arp_conflict",
            ),
            "in the victim's name": (
                arp(ARP_REQUEST, (self.victim.mac, victims), (ZERO_MAC, self.target.address)),
                "arp_spoofed_mac",
            ),
        }
        for name, (frame, reason) in frames.items():
            with self.subTest(name):
                before = drops(self.a)
                self.check_unheard(frame, b"no such frame")
                self.assertEqual(new_drops(self.a, before), {reason: MANY})
        self.check_nothing_has_changed()
