// A Reconciler over a Node with memory ports, a state file and a configuration file of its own.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "control/reconciler.h"
#include "unit/control/node_fixture.h"

namespace podwarp::test {

inline PodConfig TapPod(const std::string& name, MacAddress mac, Ipv4Address address) {
  PodConfig pod = MakePod(name, mac, address);
  pod.port = TapPortConfig{.interface = name, .netns = ""};
  return pod;
}

inline Edit Put(const Object& object) {
  return {.kind = KindOf(object), .key = KeyOf(object), .object = object};
}
inline Edit Delete(ObjectKind kind, const std::string& key) {
  return {.kind = kind, .key = key, .object = std::nullopt};
}

// The node has a control thread of its own, as in main.cc.
class ReconcilerTest : public NodeTest {
 protected:
  ReconcilerTest() {
    char name[] = "/tmp/podwarp-reconciler-XXXXXX";
    folder_ = mkdtemp(name);
    for (PodConfig& pod : config_.pods) pod.port = TapPortConfig{.interface = pod.name};
    config_.file_prefix = "podwarp-node-a";
    config_.hairpin_address = config_.gateway.address;
    config_.uplinks[0].vdev = "net_null0";
    StartQuietly();
    Begin();
  }
  ~ReconcilerTest() override {
    End();
    std::filesystem::remove_all(folder_);
  }

  void Begin() {
    options_.config = folder_ / "node.yaml";
    loop_.emplace();
    absl::StatusOr<std::unique_ptr<StateStore>> store = StateStore::Open(folder_ / "state.db");
    ASSERT_TRUE(store.ok()) << store.status();
    reconciler_.emplace(options_, config_, *std::move(store), &*node_, &*loop_);
    ASSERT_TRUE(reconciler_->Restore(clock_.time()).ok());
    control_ = std::thread([this] { loop_->Run([](absl::Time) {}, [] {}); });
  }
  void End() {
    if (!control_.joinable()) return;
    loop_->Stop();
    control_.join();
    reconciler_.reset();
    loop_.reset();
  }
  // As after a restart: a node that has what the file says, and the store as it was left.
  void Restart() {
    End();
    node_->Stop();
    node_.reset();
    workers_.reset();
    tables_.reset();
    StartQuietly();
    Begin();
  }

  EditResult Apply(const Edit& edit) { return reconciler_->Apply({&edit, 1})[0]; }
  // So many nodes with a range each.
  std::vector<Edit> PutNodes(uint32_t count) const {
    std::vector<Edit> edits;
    for (uint32_t i = 0; i < count; ++i) {
      RemoteNodeConfig node = config_.nodes[0];
      node.name = "node-" + std::to_string(i);
      node.virtual_mac = MacAddress::DeriveFrom(node.name);
      node.pod_ranges = {Ipv4Prefix(Ipv4Address(0x0af48000 + (i << 4)), 28)};
      edits.push_back(Put(node));
    }
    return edits;
  }
  // `ask()`, by the control thread.
  template <typename Question>
  auto OnControl(const Question& ask) {
    std::optional<decltype(ask())> answer;
    EXPECT_TRUE(loop_->Call([&] { answer = ask(); }));
    return *answer;
  }
  std::string OwnerOf(Ipv4Address address) {
    return OnControl([&] { return std::string(node_->owners().OwnerOf(address)); });
  }
  void Write(const Config& config) { std::ofstream(options_.config) << ToYaml(config); }
  absl::StatusOr<Reconciler::Reloaded> Reload(const Config& config) {
    Write(config);
    return reconciler_->Reload();
  }

  const PodConfig api_ = TapPod("api", "02:00:00:00:01:0c"_mac, "10.244.1.12"_ip);
  const RouteConfig route_ = {.prefix = "10.244.1.77/32"_prefix, .node = "node-b"};
  std::filesystem::path folder_;
  Options options_;
  std::optional<ControlLoop> loop_;
  std::optional<Reconciler> reconciler_;
  std::thread control_;
};

}  // namespace podwarp::test
