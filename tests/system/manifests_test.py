"""configs/kubernetes: every file can be read, every name leads somewhere, and podwarp has the
flags, commands and configuration that stand there. Needs no root: `manifests_test.py PODWARP` runs
it alone.
"""

import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import yaml


from testbed.case import binary, set_binary
from testbed.command import run
from testbed.dockerfile import parse_copy, read_stages
from testbed.image import DOCKERFILE, REPOSITORY
from testbed.manifests import FOLDER, Manifest, daemon_pod, find, installed, read

KINDS = {
    "ClusterRole": "rbac.authorization.k8s.io/v1",
    "ClusterRoleBinding": "rbac.authorization.k8s.io/v1",
    "ConfigMap": "v1",
    "DaemonSet": "apps/v1",
    "Kustomization": "kustomize.config.k8s.io/v1beta1",
    "Namespace": "v1",
    "Pod": "v1",
    "Role": "rbac.authorization.k8s.io/v1",
    "RoleBinding": "rbac.authorization.k8s.io/v1",
    "Service": "v1",
    "ServiceAccount": "v1",
    "ValidatingAdmissionPolicy": "admissionregistration.k8s.io/v1",
    "ValidatingAdmissionPolicyBinding": "admissionregistration.k8s.io/v1",
}
CLUSTER_WIDE = ("ClusterRole", "ClusterRoleBinding", "Namespace")
CLUSTER_WIDE += ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
# All that podwarp asks the API server for.
RIGHTS = {
    ("", "nodes"): ["get", "list", "patch", "watch"],
    ("", "pods"): ["list", "watch"],
    ("", "services"): ["list", "watch"],
    ("discovery.k8s.io", "endpointslices"): ["list", "watch"],
}
ANNOTATIONS = ["podwarp.io/virtual-mac", "podwarp.io/underlay-address"]


def containers() -> list[Manifest]:
    pod = daemon_pod()
    return [*pod["initContainers"], *pod["containers"]]


def image_files() -> set[str]:
    return {parse_copy(rest).target for rest in read_stages(DOCKERFILE)[-1].all("COPY")}


class Files(unittest.TestCase):
    def test_kinds(self) -> None:
        for file in FOLDER.glob("*.yaml"):
            for manifest in read(file.name):
                with self.subTest(file=file.name, kind=manifest.get("kind")):
                    self.assertEqual(manifest["apiVersion"], KINDS[manifest["kind"]])
                    if manifest["kind"] != "Kustomization":
                        self.assertRegex(manifest["metadata"]["name"], r"^[a-z0-9-]+$")

    def test_all_are_installed_but_the_example(self) -> None:
        rest = {"kustomization.yaml", "example.yaml"}
        named = read("kustomization.yaml")[0]["resources"]
        self.assertEqual({file.name for file in FOLDER.glob("*.yaml")} - rest, set(named))

    def test_names_are_unique_and_namespaces_are_said(self) -> None:
        keys = [(m["kind"], m["metadata"]["name"]) for m in installed()]
        self.assertEqual(len(keys), len(set(keys)))
        for manifest in installed():
            is_said = "namespace" in manifest["metadata"]
            self.assertEqual(is_said, manifest["kind"] not in CLUSTER_WIDE, manifest["kind"])


class Rights(unittest.TestCase):
    def test_no_more_than_is_used(self) -> None:
        given = {
            (group, resource): sorted(rule["verbs"])
            for rule in find("ClusterRole", "podwarp")["rules"]
            for group in rule["apiGroups"]
            for resource in rule["resources"]
        }
        self.assertEqual(given, RIGHTS)
        (events,) = find("Role", "podwarp-events")["rules"]
        self.assertEqual(events, {"apiGroups": [""], "resources": ["events"], "verbs": ["create"]})

    def test_bindings_lead_somewhere(self) -> None:
        for manifest in installed():
            if not manifest["kind"].endswith("RoleBinding"):
                continue
            role = manifest["roleRef"]
            self.assertEqual(role["apiGroup"], "rbac.authorization.k8s.io")
            its_namespace = find(role["kind"], role["name"])["metadata"].get("namespace")
            self.assertEqual(its_namespace, manifest["metadata"].get("namespace"))
            (subject,) = manifest["subjects"]
            account = find("ServiceAccount", subject["name"])
            self.assertEqual(account["metadata"]["namespace"], subject["namespace"])
            self.assertEqual(daemon_pod()["serviceAccountName"], subject["name"])

    def test_policies(self) -> None:
        policies = [m for m in installed() if m["kind"] == "ValidatingAdmissionPolicy"]
        bindings = [m for m in installed() if m["kind"] == "ValidatingAdmissionPolicyBinding"]
        self.assertEqual(
            [policy["metadata"]["name"] for policy in policies],
            [binding["spec"]["policyName"] for binding in bindings],
        )
        account = find("ServiceAccount", "podwarp")["metadata"]
        user = f'"system:serviceaccount:{account["namespace"]}:{account["name"]}"'
        for policy, binding in zip(policies, bindings, strict=True):
            self.assertEqual(binding["spec"]["validationActions"], ["Deny"])
            spec = policy["spec"]
            self.assertEqual(spec["failurePolicy"], "Fail")
            (condition,) = spec["matchConditions"]
            self.assertEqual(condition["expression"], f"request.userInfo.username == {user}")
            self.check_expressions(spec)
        own = next(v for v in policies[0]["spec"]["variables"] if v["name"] == "own")
        self.assertEqual(yaml.safe_load(own["expression"]), ANNOTATIONS)

    def check_expressions(self, spec: Manifest) -> None:
        """As far as that goes without a CEL of one's own."""
        known = set()
        for part in [*spec["variables"], *spec["validations"]]:
            expression = part["expression"]
            used = set(re.findall(r"\bvariables\.(\w+)", expression))
            self.assertLessEqual(used, known, expression)  # of variables before it only
            bare = re.sub(r'"[^"]*"', "", expression)
            for pair in ("()", "[]", "{}"):
                self.assertEqual(bare.count(pair[0]), bare.count(pair[1]), expression)
            self.assertNotIn('"', bare, expression)
            if "name" in part:
                known.add(part["name"])
        self.assertTrue(all(validation["message"] for validation in spec["validations"]))


class Daemon(unittest.TestCase):
    def test_selects_its_pods(self) -> None:
        spec = find("DaemonSet", "podwarp")["spec"]
        labels = spec["template"]["metadata"]["labels"]
        self.assertLessEqual(spec["selector"]["matchLabels"].items(), labels.items())

    def test_volumes(self) -> None:
        volumes = {volume["name"] for volume in daemon_pod()["volumes"]}
        mounted = {mount["name"] for c in containers() for mount in c["volumeMounts"]}
        self.assertEqual(mounted, volumes)
        for volume in daemon_pod()["volumes"]:
            if "configMap" in volume:
                find("ConfigMap", volume["configMap"]["name"])

    def test_images(self) -> None:
        (image,) = read("kustomization.yaml")[0]["images"]
        version = re.search(r"version: '([^']*)'", (REPOSITORY / "meson.build").read_text("utf-8"))
        assert version is not None
        self.assertEqual(image["newTag"], version[1])
        for container in containers():
            self.assertEqual(container["image"], image["name"])
            self.assertIn(container["command"][0], image_files())

    def test_files_of_the_config_map(self) -> None:
        data = find("ConfigMap", "podwarp")["data"]
        named = re.findall(r"/etc/podwarp/([^\s'\"\]]+)", str([c["args"] for c in containers()]))
        self.assertEqual(sorted(named), sorted(data))
        for container in containers():
            mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
            self.assertEqual(mounts["config"], "/etc/podwarp")

    def test_flags(self) -> None:
        (container,) = daemon_pod()["containers"]
        help_text = run(binary(), "--help", check=False).stdout
        for argument in container["args"]:
            flag = argument.partition("=")[0].removeprefix("--")
            self.assertRegex(help_text, rf"(?m)^    -{flag} \(")
        variables = {variable["name"] for variable in container["env"]}
        used = re.findall(r"\$\((\w+)\)", " ".join(container["args"]))
        self.assertEqual(set(used), variables)

    def test_probe(self) -> None:
        (container,) = daemon_pod()["containers"]
        program, command = container["readinessProbe"]["exec"]["command"]
        self.assertIn(program, image_files())
        built = pathlib.Path(binary()).resolve().parents[1] / "tools/podwarpctl/podwarpctl"
        self.assertIn(f"podwarpctl {command}", run(str(built), command, "--help").stdout)

    def test_rights(self) -> None:
        for container in containers():
            context = container["securityContext"]
            self.assertNotIn("privileged", context)
            # The API server refuses that beside SYS_ADMIN.
            self.assertNotIn("allowPrivilegeEscalation", context)
            self.assertEqual(context["capabilities"]["drop"], ["ALL"])
            self.assertTrue(context["readOnlyRootFilesystem"])

    def test_memory_and_cores_of_its_own(self) -> None:
        (container,) = daemon_pod()["containers"]
        resources = container["resources"]
        self.assertEqual(resources["limits"], resources["requests"])
        self.assertGreaterEqual(int(resources["limits"]["cpu"]), 2)
        self.assertIn("hugepages-2Mi", resources["limits"])


class Configuration(unittest.TestCase):
    def test_podwarp_takes_it(self) -> None:
        config = find("ConfigMap", "podwarp")["data"]["podwarp.yaml"]
        with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
            file.write(config)
            file.flush()
            flags = ["--node_name=node-a", "--check_config"]
            checked = run(binary(), f"--config={file.name}", *flags).stdout
        self.assertEqual(yaml.safe_load(checked)["node_name"], "node-a")

    def test_sockets_and_state_are_on_the_machine(self) -> None:
        data = find("ConfigMap", "podwarp")["data"]
        api = yaml.safe_load(data["podwarp.yaml"])["api"]
        mounts = {m["mountPath"]: m["name"] for m in daemon_pod()["containers"][0]["volumeMounts"]}
        volumes = {volume["name"]: volume for volume in daemon_pod()["volumes"]}
        for path in api.values():
            folder = str(pathlib.Path(path).parent)
            self.assertEqual(volumes[mounts[folder]]["hostPath"]["path"], folder)
        (plugin,) = yaml.safe_load(data["10-podwarp.conflist"])["plugins"]
        self.assertEqual(plugin["socket"], api["socket"])
        self.assertIn(f"/usr/libexec/podwarp/cni/{plugin['type']}", image_files())
        self.assertIn(f"/usr/libexec/podwarp/cni/{plugin['ipam']['type']}", image_files())


class Example(unittest.TestCase):
    def test_two_pods_on_two_nodes_and_a_service(self) -> None:
        *pods, service = read("example.yaml")
        self.assertEqual([m["kind"] for m in (*pods, service)], ["Pod", "Pod", "Service"])
        nodes = {pod["spec"]["nodeSelector"]["kubernetes.io/hostname"] for pod in pods}
        self.assertEqual(len(nodes), 2)
        (port,) = service["spec"]["ports"]
        self.assertEqual(service["spec"]["type"], "ClusterIP")
        for pod in pods:
            labels = pod["metadata"]["labels"]
            self.assertLessEqual(service["spec"]["selector"].items(), labels.items())
            names = [p["name"] for p in pod["spec"]["containers"][0]["ports"]]
            self.assertIn(port["targetPort"], names)


class Dockerfile(unittest.TestCase):
    def test_the_build_stage_builds_what_is_copied_from_it(self) -> None:
        build, image = read_stages(DOCKERFILE)
        self.assertEqual(build.name, "build")
        install, compile_all = build.all("RUN")
        # So that no list of packages stands in two places.
        self.assertTrue(install.startswith("tools/deps --build && "), install)
        targets = compile_all.partition(" && ")[0].removeprefix("tools/build ").split()
        copies = [parse_copy(rest) for rest in image.all("COPY")]
        prefix = "/src/build/"
        built = [c.source.removeprefix(prefix) for c in copies if c.source.startswith(prefix)]
        self.assertEqual(built, targets)
        for copy in copies:
            if not copy.stage:
                self.assertTrue((REPOSITORY / copy.source).is_file(), copy.source)
            else:
                self.assertEqual(copy.stage, "build")


class InstallCni(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        for name in ("image/cni", "bin", "net.d"):
            (self.folder / name).mkdir(parents=True)
        self.script = self.folder / "image/install-cni"
        self.script.write_bytes((FOLDER / "install-cni").read_bytes())
        self.script.chmod(0o755)
        for name in ("podwarp-cni", "host-local"):
            (self.folder / "image/cni" / name).write_text(f"{name} of the image", encoding="ascii")
        self.conflist = self.folder / "image/10-podwarp.conflist"
        self.conflist.write_text("{}", encoding="ascii")

    def install(self, *more: str) -> subprocess.CompletedProcess[str]:
        words = [self.conflist, self.folder / "bin", self.folder / "net.d"]
        return subprocess.run(
            [str(self.script), *map(str, words), *more],
            capture_output=True,
            text=True,
            check=False,
        )

    def names(self, folder: str) -> list[str]:
        return sorted(file.name for file in (self.folder / folder).iterdir())

    def test_all_is_there(self) -> None:
        ended = self.install()
        self.assertEqual((ended.returncode, ended.stdout, ended.stderr), (0, "", ""))
        self.assertEqual(self.names("bin"), ["host-local", "podwarp-cni"])
        self.assertEqual(self.names("net.d"), ["10-podwarp.conflist"])
        self.assertEqual((self.folder / "bin/podwarp-cni").stat().st_mode & 0o777, 0o755)
        self.assertEqual((self.folder / "net.d/10-podwarp.conflist").stat().st_mode & 0o777, 0o644)

    def test_a_plugin_that_runs_is_replaced_under_it(self) -> None:
        there = self.folder / "bin/podwarp-cni"
        there.write_text("an older one", encoding="ascii")
        with there.open(encoding="ascii") as running:
            self.assertEqual(self.install().returncode, 0)
            self.assertEqual(running.read(), "an older one")
        self.assertEqual(there.read_text(encoding="ascii"), "podwarp-cni of the image")

    def test_the_machines_host_local_stays(self) -> None:
        there = self.folder / "bin/host-local"
        there.write_text("a newer one", encoding="ascii")
        self.assertEqual(self.install().returncode, 0)
        self.assertEqual(there.read_text(encoding="ascii"), "a newer one")

    def test_a_fault_leaves_no_part_and_no_network(self) -> None:
        (self.folder / "image/cni/podwarp-cni").unlink()
        self.assertNotEqual(self.install().returncode, 0)
        self.assertEqual((self.names("bin"), self.names("net.d")), ([], []))

    def test_another_network_that_comes_first_is_named(self) -> None:
        for name in ("05-README", "99-last.conf"):
            (self.folder / "net.d" / name).touch()
        self.assertEqual(self.install().stderr, "")
        (self.folder / "net.d/05-other.conf").touch()
        ended = self.install()
        self.assertEqual(ended.returncode, 0)
        self.assertIn("05-other.conf comes before 10-podwarp.conflist", ended.stderr)

    def test_wrong_usage(self) -> None:
        self.assertEqual(self.install("more").returncode, 2)
        self.assertEqual(self.names("bin"), [])


if __name__ == "__main__":
    set_binary(sys.argv.pop(1))
    unittest.main()
