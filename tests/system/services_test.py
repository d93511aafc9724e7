"""Services, as pods and nodes call them: all backends share the work, and come and go."""

import collections
import time
from collections.abc import Sequence

from testbed.bed import Pod
from testbed.caller import Answer, Caller, Endpoint, Load, Request
from testbed.ping import ping
from testbed.services import ServiceTest, udp_echo, web

REQUESTS = 1000
LEAST_SHARE = 0.2  # of each of three: so far from a third, chance doesn't get in a lifetime
CURLS = 20
CHANGES = 8
MORE = 30  # requests of each caller, between changes


def shares(answers: Sequence[Answer]) -> dict[str, float]:
    counts = collections.Counter(answer.backend for answer in answers)
    return {name: count / len(answers) for name, count in counts.items()}


class Services(ServiceTest):
    def setUp(self) -> None:
        self.three = [*self.a.pods[1:], self.b.pods[1]]
        self.four = [*self.three, self.b.pods[2]]

    def check_shared(self, answers: list[Answer], pods: Sequence[Pod], caller: Caller) -> None:
        """By all of them, and each has seen the caller as who it is."""
        found = shares(answers)
        self.assertEqual(found.keys(), {pod.name for pod in pods})
        self.assertGreater(min(found.values()), LEAST_SHARE, found)
        self.assertEqual({answer.seen_as for answer in answers}, {caller.address})

    def test_requests_spread_over_all_backends(self) -> None:
        service = web(self.new_service(self.three))
        for caller in self.callers:
            with self.subTest(caller=caller.name):
                answers = [caller.get(service) for _ in range(REQUESTS)]
                self.check_shared(answers, self.three, caller)

    def test_curl(self) -> None:
        service = web(self.new_service(self.three))
        for caller in self.callers:
            with self.subTest(caller=caller.name):
                answers = [caller.curl(service) for _ in range(CURLS)]
                self.assertEqual({answer.seen_as for answer in answers}, {caller.address})
                self.assertGreater(len({answer.backend for answer in answers}), 1)

    def test_datagrams_spread_as_well(self) -> None:
        service = udp_echo(self.new_service(self.three))
        for caller in self.callers:
            with self.subTest(caller=caller.name):
                answers = [caller.echo(service) for _ in range(REQUESTS)]
                self.check_shared(answers, self.three, caller)

    def test_affinity(self) -> None:
        address = self.new_service(self.three, session_affinity="1h")
        for caller in self.callers:
            with self.subTest(caller=caller.name):
                before = self.only_backend(caller, web(address))
                self.set_service(address, self.four, session_affinity="1h")
                self.assertEqual(self.only_backend(caller, web(address)), before)
                others = [pod for pod in self.four if pod.name != before]
                self.set_service(address, others, session_affinity="1h")
                self.assertNotEqual(self.only_backend(caller, web(address)), before)
                self.set_service(address, self.three, session_affinity="1h")

    def only_backend(self, caller: Caller, service: Endpoint) -> str:
        (backend,) = {caller.get(service).backend for _ in range(CURLS)}
        return backend

    def test_ping(self) -> None:
        address = self.new_service(self.three)
        for caller in self.callers:
            with self.subTest(caller=caller.name):
                self.assert_answered(ping(caller.namespace, address))

    def check_refused(self, caller: Caller, http: Endpoint, echo: Endpoint) -> None:
        with self.assertRaises(ConnectionRefusedError):
            caller.get(http)
        with self.assertRaises(ConnectionRefusedError):
            caller.echo(echo)

    def test_a_service_without_backends_refuses_at_once(self) -> None:
        no_pods: list[Pod] = []
        for terminating in (no_pods, self.three):
            address = self.new_service([], terminating)
            for caller in self.callers:
                with self.subTest(caller=caller.name):
                    self.check_refused(caller, web(address), udp_echo(address))

    def test_a_port_that_the_service_does_not_have(self) -> None:
        address = self.new_service(self.three)
        for caller in self.callers:
            with self.subTest(caller=caller.name):
                self.check_refused(caller, (address, 81), (address, 53))

    def start_load(self, service: Endpoint) -> list[Load]:
        loads = [Load(caller, service) for caller in self.callers]
        for load in loads:
            self.addCleanup(load.stop)
        return loads

    @staticmethod
    def wait_for_more(loads: Sequence[Load]) -> None:
        for load in loads:
            load.wait_for_more(MORE)

    def test_backends_come_and_go_under_load(self) -> None:
        """Whoever fails was under way when a backend went; none comes to one that has gone."""
        present = self.three
        address = self.new_service(present)
        loads = self.start_load(web(address))
        changes: list[tuple[float, float]] = []
        periods = [{pod.name for pod in present}]
        for number in range(CHANGES):
            self.wait_for_more(loads)
            present = [pod for pod in self.four if pod is not self.four[number % 4]]
            began = time.monotonic()
            self.set_service(address, present)
            changes.append((began, time.monotonic()))
            periods.append({pod.name for pod in present})
        self.wait_for_more(loads)
        for load in loads:
            load.stop()
            with self.subTest(caller=load.caller.name):
                self.check_load(load.requests, changes, periods)

    def check_load(
        self,
        requests: Sequence[Request],
        changes: Sequence[tuple[float, float]],
        periods: Sequence[set[str]],
    ) -> None:
        answered: set[str] = set()
        for request in requests:
            over = sum(ended < request.began for _, ended in changes)
            begun = sum(began < request.ended for began, _ in changes)
            if request.answer is None:
                self.assertGreater(begun, over, f"no backend went meanwhile: {request.error}")
            else:
                possible = set[str]().union(*periods[over : begun + 1])
                self.assertIn(request.answer.backend, possible)
                answered.add(request.answer.backend)
        self.assertEqual(answered, {pod.name for pod in self.four})

    def test_a_backend_that_terminates_first_fails_nobody(self) -> None:
        address = self.new_service(self.four)
        loads = self.start_load(web(address))
        for pod in self.four[:2]:
            others = [other for other in self.four if other is not pod]
            self.wait_for_more(loads)
            self.set_service(address, others, [pod])
            self.wait_for_more(loads)  # whoever was connected to it is done
            self.set_service(address, others)
            self.wait_for_more(loads)
            self.set_service(address, self.four)
        for load in loads:
            load.stop()
            with self.subTest(caller=load.caller.name):
                self.assertEqual([request.error for request in load.failed()], [])
