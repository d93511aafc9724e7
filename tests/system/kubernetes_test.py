"""Nodes that follow a Kubernetes API server: nothing is written down for them by hand."""

import functools
import time

from testbed.backend import WEB_PORT, WebBackend
from testbed.caller import Caller, Load, node_caller, pod_caller
from testbed.command import wait_for
from testbed.kubernetes import KubernetesTest, node_object, pod_object, service_object, slice_object

ADDRESS, HTTP = "10.96.0.10", 80
MOVED = "10.244.2.77"  # where the second pod goes
SOON_SECONDS = 1.0  # a service follows


class Kubernetes(KubernetesTest):
    def setUp(self) -> None:
        self.here, self.there = self.a.pods[0], self.b.pods[0]
        for pod in (self.here, self.there):
            self.enterContext(WebBackend(pod.name, pod.namespace, pod.address))
        self.callers = [
            caller
            for node in self.bed.nodes.values()
            for caller in (pod_caller(node, node.pods[1]), node_caller(node))
        ]
        self.kube.put(service_object("web", ADDRESS, HTTP))
        self.set_endpoints(self.here.address, self.there.address)
        self.addCleanup(self.kube.delete, "Service", "web", "default")
        self.addCleanup(self.kube.delete, "EndpointSlice", "web-1", "default")
        for caller in self.callers:
            self.wait_for_backends(caller, {self.here.name, self.there.name})

    def set_endpoints(self, here: str = "", there: str = "") -> None:
        places = [(here, self.a.name), (there, self.b.name)]
        self.kube.put(slice_object("web", WEB_PORT, *(place for place in places if place[0])))

    def backends(self, caller: Caller) -> set[str]:
        return {caller.get((ADDRESS, HTTP)).backend for _ in range(40)}

    def wait_for_backends(self, caller: Caller, names: set[str]) -> None:
        def are_reached() -> bool:
            try:
                return self.backends(caller) == names
            except OSError:  # not there yet
                return False

        wait_for(are_reached, f"{caller.name} reaches {names}")

    def test_each_node_says_where_it_is(self) -> None:
        for node in self.bed.nodes.values():
            found = self.kube.get("Node", node.name)
            assert found is not None
            self.assertEqual(
                found["metadata"]["annotations"],
                {
                    "podwarp.io/virtual-mac": node.addresses.virtual_mac,
                    "podwarp.io/underlay-address": node.addresses.underlay,
                },
            )

    def test_the_articles_example(self) -> None:
        """Two pods on two nodes and one service: reached by curl from pods and nodes."""
        for caller in self.callers:
            with self.subTest(caller=caller.name):
                answers = [caller.curl((ADDRESS, HTTP)) for _ in range(20)]
                self.assertEqual({answer.seen_as for answer in answers}, {caller.address})

    def test_a_pods_address_changes(self) -> None:
        """Nobody fails but who is on its way to the old address."""
        pod = self.there
        loads = [Load(caller, (ADDRESS, HTTP)) for caller in self.callers]
        for load in loads:
            self.addCleanup(load.stop)
            load.wait_for_more(20)
        pod.namespace.ip("addr", "add", f"{MOVED}/32", "dev", "eth0")
        self.enterContext(WebBackend("moved", pod.namespace, MOVED))
        began = time.monotonic()
        self.kube.put(pod_object(self.b, pod, MOVED))
        self.set_endpoints(self.here.address, MOVED)
        for load in loads:
            wait_for(functools.partial(has_answer, load, "moved"), f"{load.caller.name} follows")
        for load in loads:
            load.wait_for_more(20)
            load.stop()
        for load in loads:
            with self.subTest(caller=load.caller.name):
                followed = [
                    request
                    for request in load.requests
                    if request.answer is not None and request.answer.backend == "moved"
                ]
                first = min(request.ended for request in followed) - began
                print(f"# {load.caller.name} reached the new address after {first * 1000:.0f} ms")
                for request in load.failed():
                    self.assertLess(request.began, began + first + SOON_SECONDS, request.error)
                    self.assertGreater(request.ended, began, request.error)
        caller = self.a.pods[1]
        wait_for(lambda: not caller.reaches(pod.address), "the old address answers no more")
        self.assertTrue(caller.reaches(MOVED))
        self.set_endpoints(self.here.address, pod.address)
        self.kube.put(pod_object(self.b, pod))
        wait_for(lambda: caller.reaches(pod.address), "the pod is where it was")

    def test_the_server_is_away(self) -> None:
        """Forwarding goes on with what it said last; what it says when it is back counts."""
        self.kube.act("close")
        try:
            for node in self.bed.nodes.values():
                wait_for(
                    functools.partial(self.is_behind, node), f"{node.name} notices that it is away"
                )
            for caller in self.callers:
                self.assertEqual(self.backends(caller), {self.here.name, self.there.name})
            self.set_endpoints(self.here.address)
        finally:
            self.kube.act("open")
        for caller in self.callers:
            self.wait_for_backends(caller, {self.here.name})

    @staticmethod
    def is_behind(node) -> bool:
        return not node.api.get("/v1/status")["kubernetes"]["is_current"]

    def test_watches_that_break_off(self) -> None:
        for how in ("cut", "end", "expire"):
            with self.subTest(how=how):
                self.kube.act(how)
                self.set_endpoints(self.here.address)
                for caller in self.callers:
                    self.wait_for_backends(caller, {self.here.name})
                self.set_endpoints(self.here.address, self.there.address)
                for caller in self.callers:
                    self.wait_for_backends(caller, {self.here.name, self.there.name})

    def test_a_node_goes_and_comes_again(self) -> None:
        pod = self.a.pods[1]
        self.kube.delete("Node", self.b.name)
        wait_for(lambda: not pod.reaches(self.there.address), "the node is gone")
        self.kube.put(node_object(self.b))
        wait_for(lambda: pod.reaches(self.there.address), "the node is back")

    def test_what_kubernetes_says_is_not_the_apis(self) -> None:
        (service,) = self.a.api.get("/v1/services")["items"]
        self.assertEqual((service["key"], service["origin"]), ("default/web", "kubernetes"))


def has_answer(load: Load, name: str) -> bool:
    return any(r.answer is not None and r.answer.backend == name for r in load.requests)
