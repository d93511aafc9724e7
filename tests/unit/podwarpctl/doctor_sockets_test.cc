#include "made_up_machine.h"

namespace podwarp::ctl::test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

class DoctorSockets : public DoctorTest {
 protected:
  void ConfigureSocket(const std::string& keys) {
    Configure("{pods: [{name: vm, port: {vhost_user: {" + keys + "}}}]}");
  }
};

TEST_F(DoctorSockets, PathsAreShort) {
  ConfigureSocket("socket: /" + std::string(106, 'x'));
  EXPECT_THAT(Run(CheckSocketPaths), IsEmpty());
  ConfigureSocket("socket: /" + std::string(107, 'x'));
  EXPECT_THAT(Run(CheckSocketPaths),
              ElementsAre(IsProblem("has 108 bytes: the kernel takes at most 107")));
}

TEST_F(DoctorSockets, PathsAreAbsolute) {
  ConfigureSocket("socket: run/vm.sock");
  EXPECT_THAT(Run(CheckSocketPaths), ElementsAre(IsProblem("'run/vm.sock' is no absolute path")));
}

TEST_F(DoctorSockets, FoldersCanBeWrittenTo) {
  Write("/run/vm/other", "");
  ConfigureSocket("socket: /run/vm/vhost.sock, mode: server");
  EXPECT_THAT(Run(CheckSocketFolders),
              ElementsAre(IsOk("/run/vm, where pod default/vm's socket is to be, can be written")));
  machine_.protected_folders = {"/run/vm"};
  EXPECT_THAT(Run(CheckSocketFolders), ElementsAre(IsProblem("can't be written to: give")));
}

TEST_F(DoctorSockets, FoldersAreMadeByWhoMakesTheSocket) {
  Write("/run/other", "");
  ConfigureSocket("socket: /run/vm/x/vhost.sock, mode: server");
  EXPECT_THAT(Run(CheckSocketFolders), ElementsAre(IsOk("can be made")));
  machine_.protected_folders = {"/run"};
  EXPECT_THAT(Run(CheckSocketFolders), ElementsAre(IsProblem("can't be made: /run can't be")));
  ConfigureSocket("socket: /run/vm/x/vhost.sock");
  EXPECT_THAT(Run(CheckSocketFolders), ElementsAre(IsWarning("until its peer, which makes")));
}

TEST_F(DoctorSockets, AFolderIsToldOnce) {
  Write("/run/other", "");
  Configure(
      "{pods: [{name: a, port: {vhost_user: {socket: /run/a.sock}}},"
      " {name: b, port: {vhost_user: {socket: /run/b.sock}}}]}");
  EXPECT_THAT(Run(CheckSocketFolders), ElementsAre(IsOk("pod default/a")));
}

TEST_F(DoctorSockets, GroupsAreThere) {
  Write("/etc/group", "root:x:0:\nlibvirt-qemu:x:64055:\n");
  ConfigureSocket("socket: /run/vm.sock, mode: server, group: libvirt-qemu");
  EXPECT_THAT(Run(CheckSocketGroups), IsEmpty());
  ConfigureSocket("socket: /run/vm.sock, mode: server, group: libvirt");
  EXPECT_THAT(Run(CheckSocketGroups), ElementsAre(IsProblem("`groupadd --system libvirt`")));
}

TEST_F(DoctorSockets, TheApiHasOneToo) {
  Write("/run/other", "");
  Configure("{api: {group: podwarp}}");
  EXPECT_THAT(Run(CheckSocketFolders), ElementsAre(IsOk("/run/podwarp, where the API's socket")));
  EXPECT_THAT(Run(CheckSocketGroups), ElementsAre(IsProblem("the group podwarp, which")));
}

TEST_F(DoctorSockets, TheApiIsWhereItIsLookedFor) {
  Configure("{api: {}}");
  EXPECT_THAT(Run(CheckApi), IsEmpty());
  Configure("{api: {socket: /run/a.sock}}");
  EXPECT_THAT(Run(CheckApi), ElementsAre(IsWarning("`podwarpctl --socket /run/a.sock`")));
  Configure("{node_name: a}");
  EXPECT_THAT(Run(CheckApi), ElementsAre(IsWarning("has no section `api`")));
  subject_.pid = 1;
  EXPECT_THAT(Run(CheckApi), IsEmpty()) << "somebody answers, which settles it";
}

class DoctorConfig : public DoctorTest {};

TEST_F(DoctorConfig, ThatIsMissingOrBroken) {
  const std::string missing = folder_.path() / "no.yaml";
  EXPECT_TRUE(absl::IsNotFound(LoadNodeConfig(missing).status()));
  const std::string broken = folder_.Write("/broken.yaml", "a: 1\npods: [\n");
  const absl::Status status = LoadNodeConfig(broken).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("broken.yaml:3: "));
  EXPECT_FALSE(LoadNodeConfig(folder_.Write("/list.yaml", "[1]")).ok());
}

TEST_F(DoctorConfig, WhatMakesNoSenseHasItsDefault) {
  Configure(
      "{uplinks: 3, pods: [7, {name: [], mtu: x, port: tap}], workers: {cores: no},"
      " host_port: no, memory: [], api: no}");
  EXPECT_THAT(subject_.config->uplinks, IsEmpty());
  ASSERT_EQ(subject_.config->pods.size(), 2u);
  EXPECT_EQ(subject_.config->pods[1].mtu_bytes, 1500u);
  EXPECT_EQ(subject_.config->host_interface, "");
  Findings findings;
  RunChecks(subject_, &findings);
  EXPECT_THAT(findings.all(), Contains(testing::Field(&Finding::check, "cores")));
}

TEST_F(DoctorConfig, TheExampleIsUnderstood) {
  const absl::StatusOr<NodeConfig> config =
      LoadNodeConfig(std::string(PODWARP_CONFIGS) + "/example.yaml");
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_EQ(config->uplinks.size(), 2u);
  EXPECT_EQ(config->uplinks[0].pci, "0000:3b:00.0");
  EXPECT_EQ(config->uplinks[0].vlan_id, 100u);
  EXPECT_EQ(config->uplinks[1].interface, "eth2");
  EXPECT_EQ(config->host_interface, "podwarp0");
  EXPECT_THAT(config->worker_cores, ElementsAre(1));
  EXPECT_EQ(config->pods.size(), 3u);
  ASSERT_FALSE(config->sockets.empty());
  EXPECT_EQ(config->sockets[0].owner, "pod machines/vm-1");
  EXPECT_EQ(config->sockets[0].path, "/run/podwarp/vm-1/vhost.sock");
}

}  // namespace
}  // namespace podwarp::ctl::test
