"""What a pod's own arping hears."""

from testbed.arping import arping, duplicates
from testbed.bed import Node, TestBed
from testbed.case import BedTest

FREE = "10.244.1.99"
SERVICE = "10.96.0.10"
OUTSIDE = "198.51.100.7"


class PromiscuousArp(BedTest):
    """The default: an answer for every address of the cluster."""

    def setUp(self) -> None:
        self.pod = self.a.pods[0]
        self.virtual_mac = [self.a.addresses.virtual_mac]

    def test_every_address_of_the_cluster_is_at_the_virtual_mac(self) -> None:
        for target in (
            self.a.pods[1].address,
            self.b.pods[0].address,
            self.a.addresses.gateway,
            self.a.addresses.host,
            SERVICE,
            FREE,
        ):
            with self.subTest(target=target):
                self.assertEqual(arping(self.pod, target), self.virtual_mac)

    def test_silence(self) -> None:
        for target in (self.pod.address, OUTSIDE):
            with self.subTest(target=target):
                self.assertEqual(arping(self.pod, target), [])

    def test_a_pod_may_have_its_own_address(self) -> None:
        self.assertEqual(duplicates(self.pod, self.pod.address), [])

    def test_a_free_address_is_free(self) -> None:
        self.assertEqual(duplicates(self.pod, FREE), [])

    def test_others_addresses_are_taken(self) -> None:
        for target in (
            self.a.pods[1].address,
            self.b.pods[0].address,
            self.a.addresses.gateway,
            self.a.addresses.host,
        ):
            with self.subTest(target=target):
                self.assertEqual(duplicates(self.pod, target), self.virtual_mac)


class AddressesInUseOnly(BedTest):
    """hairpin_mode none."""

    pods = {"a": 2}

    @classmethod
    def edit(cls, bed: TestBed, node: Node) -> None:
        node.config["hairpin_mode"] = "none"

    def test_an_unknown_address_is_unanswered(self) -> None:
        self.assertEqual(arping(self.a.pods[0], FREE), [])
        self.assertEqual(arping(self.a.pods[0], SERVICE), [])

    def test_addresses_in_use_are_answered(self) -> None:
        for target in (self.a.pods[1].address, self.a.addresses.gateway):
            with self.subTest(target=target):
                self.assertEqual(arping(self.a.pods[0], target), [self.a.addresses.virtual_mac])
