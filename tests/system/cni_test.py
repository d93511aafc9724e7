"""podwarp-cni by itself: each verb and each error, before something that only keeps pods."""

import json
import pathlib
import shutil
import signal
import subprocess
import tempfile
import unittest
from typing import Any, ClassVar

from testbed.cni import Answer, Cni, Json, StubIpam, finish
from testbed.command import run, wait_for
from testbed.fake_api import MAC, FakeApi
from testbed.namespace import Namespace

ADDRESS = "10.244.1.10"
GATEWAY = "10.244.1.1"
TRY_AGAIN = 11
REFUSED, TAKEN, NOT_AS_ADDED, NOT_UP, INTERRUPTED = 101, 102, 103, 104, 105
MANY = 50


class CniCase(unittest.TestCase):
    directory: ClassVar[pathlib.Path]
    api: ClassVar[FakeApi]
    ipam: ClassVar[StubIpam]
    netns: ClassVar[Namespace]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix="podwarp-cni-"))
        cls.addClassCleanup(shutil.rmtree, cls.directory)
        cls.api = cls.enterClassContext(FakeApi(cls.directory / "api.sock"))
        cls.ipam = StubIpam(cls.directory)
        cls.netns = Namespace(cls.directory.name)
        cls.addClassCleanup(cls.netns.remove)
        cls.netns.create()

    def setUp(self) -> None:
        self.api.reset()
        self.ipam.reset()
        self.cni = Cni(self.directory, self.api.socket, {"type": StubIpam.NAME})

    def call(
        self, command: str, container: str = "c1", cni: Cni | None = None, **keys: Any
    ) -> Answer:
        keys.setdefault("netns", self.netns.path)
        return (cni or self.cni).call(command, container, **keys)

    def succeed(self, command: str, container: str = "c1", **keys: Any) -> Any:
        answer = self.call(command, container, **keys)
        self.assertTrue(answer.ok, answer)
        return answer.printed

    def fail_with(self, code: int, command: str, container: str = "c1", **keys: Any) -> str:
        """Returns the details."""
        answer = self.call(command, container, **keys)
        self.assertEqual(answer.code, code, answer)
        self.assertEqual(set(answer.printed), {"cniVersion", "code", "msg", "details"})
        return answer.details

    def assert_nothing_is_left(self) -> None:
        self.assertEqual(self.api.pods, {})
        calls = self.ipam.calls()
        if "ADD" in calls:
            self.assertEqual(calls[-1], "DEL", "the address was given back")


class Add(CniCase):
    def test_result(self) -> None:
        result = self.succeed("ADD")
        self.assertEqual(
            result,
            {
                "cniVersion": "1.0.0",
                "interfaces": [{"name": "eth0", "mac": MAC, "sandbox": self.netns.path}],
                "ips": [{"address": f"{ADDRESS}/16", "gateway": GATEWAY, "interface": 0}],
                "routes": [{"dst": "0.0.0.0/0", "gw": GATEWAY}],
                "dns": {},
            },
        )

    def test_result_of_other_versions(self) -> None:
        old = self.succeed("ADD", cni=self.cni.with_keys(cniVersion="0.4.0"))
        self.assertEqual((old["cniVersion"], old["ips"][0]["version"]), ("0.4.0", "4"))
        new = self.succeed("ADD", cni=self.cni.with_keys(cniVersion="1.1.0"))
        self.assertEqual((new["cniVersion"], new["interfaces"][0]["mtu"]), ("1.1.0", 1500))

    def test_pod(self) -> None:
        self.succeed("ADD", cni=self.cni.with_keys(mtu=1400))
        port = {"tap": {"interface": "eth0", "netns": self.netns.path, "on_link": True}}
        pod = {"addresses": [ADDRESS], "sandbox": "net/c1/eth0", "port": port, "mtu": 1400}
        self.assertEqual(self.api.pods, {"default/c1": pod})

    def test_pod_of_kubernetes(self) -> None:
        self.succeed("ADD", arguments="IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-1")
        self.succeed("ADD", interface="net1", arguments="K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-1")
        self.assertEqual(set(self.api.pods), {"shop/web-1", "shop/web-1.net1"})

    def test_behind_the_gateway_only(self) -> None:
        result = self.succeed("ADD", cni=self.cni.with_keys(on_link=False))
        self.assertEqual(result["ips"][0]["address"], f"{ADDRESS}/32")
        self.assertFalse(self.api.pods["default/c1"]["port"]["tap"]["on_link"])

    def test_the_ipam_plugin_is_asked_as_we_were(self) -> None:
        self.ipam.gives({"ips": [{"address": "10.7.0.1/24"}], "dns": {"domain": "its"}})
        self.assertEqual(self.succeed("ADD")["dns"], {"domain": "its"})
        self.assertEqual(self.ipam.calls_in_full(), ["ADD c1 eth0"])
        self.assertEqual(self.ipam.input("ADD"), self.cni.config)
        result = self.succeed("ADD", cni=self.cni.with_keys(dns={"domain": "ours"}))
        self.assertEqual(result["dns"], {"domain": "ours"})

    def test_vhost_user(self) -> None:
        folder = self.directory / "sockets"
        keys = {"mode": "vhost-user", "socket_directory": str(folder), "queues": 2}
        cni = self.cni.with_keys(cniVersion="1.1.0", **keys)
        container = "0123456789abcdef"
        self.api.why_down = "nobody connected"  # which is no fault yet
        result = self.succeed("ADD", container, cni=cni, interface="net1")
        socket = folder / container / "net1"
        self.assertEqual(result["interfaces"][0]["socketPath"], str(socket))
        self.assertEqual(
            self.api.pods[f"default/{container}.net1"]["port"],
            {"vhost_user": {"socket": str(socket), "mode": "server", "queues": 2}},
        )
        file = folder / container / "configData-0123456789ab-net1.json"
        data = json.loads(file.read_text(encoding="utf-8"))
        self.assertEqual((data["containerId"], data["ifName"]), (container, "net1"))
        self.assertEqual(data["name"], "net")
        self.assertEqual(data["config"]["iftype"], "vhostuser")
        self.assertEqual(data["config"]["vhost"], {"mode": "client", "socketfile": "net1"})
        self.assertEqual(data["ipResult"]["cniVersion"], "1.0.0")
        self.assertEqual(data["ipResult"]["interfaces"][0]["mac"], MAC)
        self.succeed("CHECK", container, interface="net1", cni=cni.with_keys(prevResult=result))
        socket.touch()
        for _ in range(2):
            self.succeed("DEL", container, cni=cni, interface="net1")
            self.assertFalse((folder / container).exists())
        self.assertEqual(self.api.pods, {})

    def test_a_new_sandbox_takes_the_pod_over(self) -> None:
        names = "K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-1"
        self.succeed("ADD", "old", arguments=names)
        self.succeed("ADD", "new", arguments=names)
        self.assertEqual(self.api.sandboxes(), ["net/new/eth0"])
        self.succeed("DEL", "old", arguments=names)
        self.assertEqual(self.api.sandboxes(), ["net/new/eth0"], "an old DEL removes no new pod")
        self.assertEqual(self.ipam.calls_in_full()[-1], "DEL old eth0")
        self.succeed("DEL", "new", arguments=names)
        self.assertEqual(self.api.pods, {})

    def test_a_pod_of_somebody_else_stays(self) -> None:
        whose: list[Json] = [{}, {"sandbox": "net/other/net1"}, {"sandbox": "an operator's"}]
        for sandbox in whose:
            pod = {"addresses": ["10.244.1.99"], "port": {"vdev": "net_null0"}, **sandbox}
            self.api.pods = {"default/c1": pod}
            self.assertIn("pod default/c1 is there already", self.fail_with(TAKEN, "ADD"))
            self.succeed("DEL")
            self.assertEqual(self.api.pods, {"default/c1": pod})

    def test_a_busy_podwarp_is_asked_again(self) -> None:
        self.api.busy = 3
        self.succeed("ADD")

    def test_many_at_once(self) -> None:
        ipam = {
            "type": "host-local",
            "dataDir": str(self.directory / "addresses"),
            "ranges": [[{"subnet": "10.244.1.0/24", "rangeStart": "10.244.1.10"}]],
        }
        cni = Cni(self.directory, self.api.socket, ipam)
        results = self.many(cni, "ADD")
        given = {result["ips"][0]["address"] for result in results}
        self.assertEqual(len(given), MANY)
        self.assertEqual({f"{pod['addresses'][0]}/16" for pod in self.api.pods.values()}, given)
        self.many(cni, "DEL")
        self.assertEqual(self.api.pods, {})
        left = [file.name for file in (self.directory / "addresses/net").glob("10.*")]
        self.assertEqual(left, [])

    def many(self, cni: Cni, command: str) -> list[Any]:
        calls = [cni.start(command, f"c{n}", self.netns.path) for n in range(MANY)]
        answers = [finish(call) for call in calls]
        for answer in answers:
            self.assertTrue(answer.ok, answer)
        return [answer.printed for answer in answers]


class FailedAdd(CniCase):
    def test_podwarp_is_not_there(self) -> None:
        cni = self.cni.with_keys(socket=str(self.directory / "nobody.sock"))
        self.assertIn("nobody.sock: ", self.fail_with(TRY_AGAIN, "ADD", cni=cni))
        self.assertEqual(self.ipam.calls(), [], "no address is taken")

    def test_podwarp_refuses(self) -> None:
        self.api.refusals["PUT"] = f"{ADDRESS} is taken by pod default/other"
        self.assertIn("is taken by pod default/other", self.fail_with(REFUSED, "ADD"))
        self.assert_nothing_is_left()

    def test_the_port_does_not_come_up(self) -> None:
        self.api.why_down = "no such interface"
        self.assertIn("pod default/c1: no such interface", self.fail_with(NOT_UP, "ADD"))
        self.assert_nothing_is_left()

    def test_what_cant_be_taken_back_is_said_and_keeps_its_address(self) -> None:
        self.api.why_down = "no such interface"
        self.api.refusals["DELETE"] = "not now"
        details = self.fail_with(NOT_UP, "ADD")
        self.assertIn("couldn't be taken back: ", details)
        self.assertIn("not now", details)
        self.assertEqual(self.ipam.calls(), ["ADD"])

    def test_the_ipam_plugin_says_no(self) -> None:
        self.ipam.fails("ADD", '{"code": 117, "msg": "none left", "details": "of 10.0.0.0/8"}')
        answer = self.call("ADD")
        self.assertEqual(answer.printed["code"], 117)
        self.assertEqual(answer.printed["msg"], "stub-ipam: none left")
        self.assertEqual(answer.printed["details"], "of 10.0.0.0/8")
        self.assertEqual(self.ipam.calls(), ["ADD", "DEL"])
        self.assertEqual(self.api.pods, {})

    def test_the_ipam_plugin_is_broken(self) -> None:
        self.ipam.fails("ADD", "Segmentation fault")
        self.assertIn("Segmentation fault", self.fail_with(100, "ADD"))
        self.assert_nothing_is_left()
        self.ipam.reset()
        self.ipam.gives({"ips": []})
        self.fail_with(100, "ADD")
        self.assert_nothing_is_left()

    def test_an_address_of_ipv6(self) -> None:
        self.ipam.gives({"ips": [{"address": "fd00::1/64"}]})
        self.assertIn("IPv6", self.fail_with(REFUSED, "ADD"))
        self.assert_nothing_is_left()

    def test_no_such_namespace(self) -> None:
        for path in ("/run/netns/is-not-there", "/dev/null", "/proc/self/ns/uts"):
            self.assertIn(f"CNI_NETNS: {path}", self.fail_with(3, "ADD", netns=path))
        self.assertEqual(self.ipam.calls(), [])

    def test_the_interface_is_there(self) -> None:
        details = self.fail_with(TAKEN, "ADD", interface="lo")
        self.assertIn(f"CNI_IFNAME: lo in {self.netns.path}", details)
        self.assertEqual(self.ipam.calls(), [])

    def test_a_signal_while_the_ipam_plugin_works(self) -> None:
        self.ipam.hangs("ADD")
        call = self.cni.start("ADD", "c1", self.netns.path)
        wait_for(self.ipam.calls, "the plugin was called")
        self.end(call)

    def test_a_signal_while_the_port_comes_up(self) -> None:
        self.api.why_down = "not yet"
        call = self.cni.start("ADD", "c1", self.netns.path)
        wait_for(lambda: self.api.pods, "the pod is there")
        self.end(call)

    def end(self, call: subprocess.Popen[str]) -> None:
        call.send_signal(signal.SIGTERM)
        answer = finish(call)
        self.assertEqual(answer.code, INTERRUPTED, answer)
        self.assert_nothing_is_left()


class Del(CniCase):
    def test_twice_and_without_anything(self) -> None:
        self.succeed("ADD")
        for _ in range(2):
            self.assertIsNone(self.succeed("DEL"))
            self.assertEqual(self.api.pods, {})
        self.assertIsNone(self.succeed("DEL", "never-added", netns="/run/netns/is-not-there"))
        self.assertIsNone(self.succeed("DEL", netns=""))

    def test_without_the_arguments_of_add(self) -> None:
        for n in range(5):  # several pages
            self.succeed("ADD", f"c{n}", arguments=f"K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-{n}")
        self.succeed("DEL", "c3")
        self.assertEqual(set(self.api.pods), {f"shop/web-{n}" for n in (0, 1, 2, 4)})

    def test_podwarp_does_not_answer(self) -> None:
        self.succeed("ADD")
        self.api.stop()
        try:
            self.fail_with(TRY_AGAIN, "DEL")
        finally:
            self.api.start()
        self.assertEqual(
            self.ipam.calls(), ["ADD"], "the address is the pod's as long as it is there"
        )
        self.succeed("DEL")
        self.assertEqual(self.ipam.calls(), ["ADD", "DEL"])

    def test_podwarp_was_removed_from_the_machine(self) -> None:
        cni = self.cni.with_keys(socket=str(self.directory / "nobody.sock"))
        state = self.directory / "state.db"
        state.touch()
        self.fail_with(TRY_AGAIN, "DEL", cni=cni)
        state.unlink()
        self.succeed("DEL", cni=cni)
        self.assertEqual(self.ipam.calls(), ["DEL"])

    def test_a_tap_that_a_killed_podwarp_left_goes(self) -> None:
        self.netns.ip("tuntap", "add", "eth0", "mode", "tap")
        self.api.pods["default/other"] = {
            "addresses": [ADDRESS],
            "port": {"tap": {"interface": "eth0", "netns": self.netns.path}},
        }
        self.succeed("DEL")
        self.assertIn("eth0", self.netns.ip("link"), "it is another pod's")
        self.api.pods = {}
        self.succeed("DEL")
        self.assertNotIn("eth0", self.netns.ip("link"))

    def test_an_interface_that_podwarp_never_makes_stays(self) -> None:
        self.netns.ip("link", "add", "eth0", "type", "veth", "peer", "name", "far")
        self.addCleanup(self.netns.ip, "link", "del", "eth0")
        self.succeed("DEL")
        self.assertIn("eth0", self.netns.ip("link"))

    def test_the_ipam_plugins_error_is_passed_on(self) -> None:
        self.succeed("ADD")
        self.ipam.fails("DEL", '{"code": 110, "msg": "disk full"}')
        self.fail_with(110, "DEL")
        self.assertEqual(self.api.pods, {})


class Check(CniCase):
    def setUp(self) -> None:
        super().setUp()
        result = self.succeed("ADD")
        self.checking = self.cni.with_keys(prevResult=result)
        # What podwarp would have made.
        self.netns.ip("link", "add", "eth0", "address", MAC, "type", "veth", "peer", "name", "far")
        self.addCleanup(self.netns.ip, "link", "del", "eth0")
        self.netns.ip("address", "add", f"{ADDRESS}/16", "dev", "eth0")
        self.netns.ip("link", "set", "eth0", "up")
        self.netns.ip("route", "add", "default", "via", GATEWAY)

    def differs(self) -> str:
        return self.fail_with(NOT_AS_ADDED, "CHECK", cni=self.checking)

    def test_all_is_well(self) -> None:
        for _ in range(2):
            self.assertIsNone(self.succeed("CHECK", cni=self.checking))
        self.assertEqual(self.ipam.calls(), ["ADD", "CHECK", "CHECK"])

    def test_no_interface(self) -> None:
        self.netns.ip("link", "set", "eth0", "down")
        self.netns.ip("link", "set", "eth0", "name", "eth9")
        self.addCleanup(self.netns.ip, "link", "set", "eth9", "name", "eth0")
        self.assertIn(f"eth0 in {self.netns.path} is not there", self.differs())

    def test_another_mac(self) -> None:
        self.netns.ip("link", "set", "eth0", "address", "02:00:00:00:00:bb")
        self.assertIn(f"MAC 02:00:00:00:00:bb for {MAC}", self.differs())

    def test_no_address(self) -> None:
        self.netns.ip("address", "del", f"{ADDRESS}/16", "dev", "eth0")
        self.assertIn(f"none for {ADDRESS}/16", self.differs())

    def test_no_default_route(self) -> None:
        self.netns.ip("route", "del", "default")
        self.assertIn("no default route", self.differs())

    def test_more_addresses_and_routes_are_later_plugins(self) -> None:
        self.netns.ip("address", "add", "192.0.2.1/24", "dev", "eth0")
        self.netns.ip("route", "add", "198.51.100.0/24", "via", GATEWAY)
        self.succeed("CHECK", cni=self.checking)

    def test_no_pod(self) -> None:
        self.api.pods = {}
        self.assertIn("pod default/c1 is not there", self.differs())

    def test_a_pod_of_another_sandbox(self) -> None:
        self.api.pods["default/c1"]["sandbox"] = "net/c2/eth0"
        self.assertIn("pod default/c1 is attached as net/c2/eth0", self.differs())

    def test_a_pod_with_another_address(self) -> None:
        self.api.pods["default/c1"]["addresses"] = ["10.244.1.11"]
        self.assertIn(f"has 10.244.1.11 for {ADDRESS}", self.differs())

    def test_a_pod_that_is_down(self) -> None:
        self.api.why_down = "no carrier"
        self.assertIn("pod default/c1 has no port: no carrier", self.differs())

    def test_no_result_to_compare_with(self) -> None:
        self.assertIn("prevResult: is missing", self.fail_with(7, "CHECK"))
        self.assertIn(
            "prevResult: has no interface eth0",
            self.fail_with(7, "CHECK", cni=self.cni.with_keys(prevResult={})),
        )

    def test_no_namespace(self) -> None:
        gone = "/run/netns/is-not-there"
        result = self.checking.config["prevResult"]
        result["interfaces"][0]["sandbox"] = gone
        self.fail_with(3, "CHECK", cni=self.checking, netns=gone)

    def test_the_ipam_plugins_error_is_passed_on(self) -> None:
        self.ipam.fails("CHECK", '{"code": 118, "msg": "not mine"}')
        self.fail_with(118, "CHECK", cni=self.checking)


class OfTheNetwork(CniCase):
    def setUp(self) -> None:
        super().setUp()
        self.cni = self.cni.with_keys(cniVersion="1.1.0")

    def collect(self, *valid: tuple[str, str], **keys: Any) -> Answer:
        attachments = [{"containerID": c, "ifname": i} for c, i in valid]
        cni = self.cni.with_keys(**{"cni.dev/valid-attachments": attachments, **keys})
        return cni.call("GC")

    def test_version(self) -> None:
        said = self.succeed("VERSION", text='{"cniVersion": "0.4.0"}')
        versions = ["0.4.0", "1.0.0", "1.1.0"]
        self.assertEqual(said, {"cniVersion": "0.4.0", "supportedVersions": versions})

    def test_status(self) -> None:
        self.assertIsNone(self.succeed("STATUS"))
        self.assertEqual(self.ipam.calls(), ["STATUS"])
        self.ipam.fails("STATUS", '{"code": 50, "msg": "no addresses left"}')
        self.fail_with(50, "STATUS")

    def test_status_of_a_podwarp_that_is_not_ready(self) -> None:
        self.api.is_ready = False
        self.assertIn("not ready yet", self.fail_with(50, "STATUS"))

    def test_status_without_podwarp(self) -> None:
        cni = self.cni.with_keys(socket=str(self.directory / "nobody.sock"))
        self.fail_with(51, "STATUS", cni=cni)

    def test_gc_removes_what_nobody_claims(self) -> None:
        for n in range(5):
            self.succeed("ADD", f"c{n}")
        self.succeed("ADD", "c1", interface="net1")
        self.succeed("ADD", "c0", cni=self.cni.with_keys(name="other"), interface="net2")
        by_hand = {"addresses": ["10.244.1.99"], "port": {"vdev": "net_null0"}}
        self.api.pods["default/by-hand"] = by_hand
        answer = self.collect(("c1", "eth0"), ("c3", "eth0"), ("c4", "net1"))
        self.assertTrue(answer.ok, answer)
        self.assertIsNone(answer.printed)
        kept = ["", "net/c1/eth0", "net/c3/eth0", "other/c0/net2"]
        self.assertEqual(self.api.sandboxes(), kept)
        self.assertEqual(self.ipam.calls()[-1], "GC")
        self.assertIn("cni.dev/valid-attachments", self.ipam.input("GC"))

    def test_gc_without_a_list_removes_nothing(self) -> None:
        self.succeed("ADD")
        self.fail_with(7, "GC")
        self.assertEqual(self.api.sandboxes(), ["net/c1/eth0"])

    def test_gc_tells_all_that_went_wrong(self) -> None:
        self.succeed("ADD", "c1")
        self.succeed("ADD", "c2")
        self.api.refusals["DELETE"] = "not now"
        answer = self.collect()
        self.assertEqual(answer.code, REFUSED)
        self.assertIn("default/c1", answer.details)
        self.assertIn("default/c2", answer.details)
        self.assertNotIn("GC", self.ipam.calls(), "their addresses are in use")
        self.api.refusals = {}
        self.ipam.fails("GC", '{"code": 112, "msg": "broken"}')
        self.assertEqual(self.collect().code, 112)
        self.assertEqual(self.api.pods, {})


class Errors(CniCase):
    """The specification's codes; the unit tests have every reason."""

    def test_1_incompatible_version(self) -> None:
        self.fail_with(1, "ADD", cni=self.cni.with_keys(cniVersion="0.3.1"))
        self.fail_with(1, "ADD", cni=self.cni.with_keys(cniVersion=None))
        self.fail_with(1, "STATUS")
        self.fail_with(1, "GC")

    def test_2_unsupported_field(self) -> None:
        details = self.fail_with(2, "ADD", cni=self.cni.with_keys(bridge="cni0"))
        self.assertIn('bridge: "cni0"', details)

    def test_4_environment(self) -> None:
        for name in ("CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH", "CNI_COMMAND"):
            self.assertIn(name, self.fail_with(4, "ADD", **{name: ""}))
        self.assertIn("CNI_COMMAND 'PLAY'", self.fail_with(4, "PLAY"))

    def test_5_no_input(self) -> None:
        program = str(self.cni.program)
        said = run("sh", "-c", f"CNI_COMMAND=ADD {program} <&-", check=False)
        self.assertEqual(json.loads(said.stdout)["code"], 5)

    def test_6_not_json(self) -> None:
        self.fail_with(6, "ADD", text="{")

    def test_7_configuration(self) -> None:
        self.assertIn("ipam", self.fail_with(7, "ADD", cni=self.cni.with_keys(ipam=None)))
        unknown = self.cni.with_keys(ipam={"type": "is-not-there"})
        self.assertIn("'is-not-there' in CNI_PATH", self.fail_with(7, "ADD", cni=unknown))
        self.assertEqual(self.api.pods, {})

    def test_errors_speak_the_runtimes_version(self) -> None:
        for version in ("0.4.0", "1.0.0", "1.1.0"):
            answer = self.call("ADD", cni=self.cni.with_keys(cniVersion=version, mtu=1))
            self.assertEqual((answer.status, answer.printed["cniVersion"]), (1, version))
