#include "control/reloader.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "unit/control/node_fixture.h"

namespace podwarp::test {
namespace {

class ReloaderTest : public NodeTest {
 protected:
  ReloaderTest() {
    StartQuietly();
    options_.config = path_;
    reloader_.emplace(options_, config_, &*node_);
  }
  ~ReloaderTest() override { unlink(path_.c_str()); }

  void Reload(const std::string& text) {
    std::ofstream(path_) << text;
    reloader_->Reload(clock_.time());
    Step(absl::ZeroDuration());
  }
  void Reload(const Config& config) { Reload(ToYaml(config)); }

  // As the file says it: with the defaults that the fixture's own configuration leaves open.
  static Config Complete(Config config) {
    for (PodConfig& pod : config.pods) pod.port = TapPortConfig{.interface = pod.name, .netns = ""};
    config.file_prefix = "podwarp-node-a";
    config.uplinks[0].vdev = "net_null0";
    return config;
  }

  const std::string path_ = testing::TempDir() + "reloader-" + std::to_string(getpid());
  Options options_;
  std::optional<Reloader> reloader_;
};

class ReloaderTestWithFile : public ReloaderTest {
 protected:
  ReloaderTestWithFile() {
    reloader_.emplace(options_, now_, &*node_);
    Reload(now_);
  }
  Config now_ = Complete(config_);
};

TEST_F(ReloaderTestWithFile, FollowsTheFile) {
  Config next = now_;
  next.pods.erase(next.pods.begin());  // web
  PodConfig api = MakePod("api", "02:00:00:00:01:0c"_mac, "10.244.1.12"_ip);
  api.port = TapPortConfig{.interface = "api"};
  next.pods.push_back(api);
  next.routes.clear();
  next.nodes[0].virtual_mac = kNodeCMac;
  next.hairpin_mode = HairpinMode::kPromiscuousArp;
  Reload(next);
  EXPECT_EQ(node_->owners().OwnerOf(kWeb), "ranges");
  EXPECT_EQ(node_->owners().OwnerOf("10.244.1.12"_ip), "pod default/api");
  EXPECT_EQ(node_->owners().OwnerOf("10.244.1.99"_ip), "ranges");
  EXPECT_EQ(Toward(kOnB).destination, kNodeCMac);
  EXPECT_TRUE(tables_->settings().promiscuous_arp);
  // And back.
  Reload(now_);
  EXPECT_EQ(node_->owners().OwnerOf(kWeb), "pod default/web");
  EXPECT_EQ(node_->owners().OwnerOf("10.244.1.99"_ip), "node node-b");
}

TEST_F(ReloaderTestWithFile, TouchesNothingThatStays) {
  const PortId port = node_->pods().at("default/db").port;
  const AdjacencyIndex adjacency = node_->owners().Find("pod default/db")->adjacency;
  Config next = now_;
  next.pods.erase(next.pods.begin());
  Reload(next);
  EXPECT_EQ(node_->pods().at("default/db").port, port);
  EXPECT_EQ(node_->owners().Find("pod default/db")->adjacency, adjacency);
}

TEST_F(ReloaderTestWithFile, ABadFileLeavesEverythingAsItWas) {
  Reload("pods: 3\n");
  EXPECT_EQ(node_->owners().OwnerOf(kWeb), "pod default/web");
  unlink(path_.c_str());
  reloader_->Reload(clock_.time());
  EXPECT_EQ(node_->owners().OwnerOf(kWeb), "pod default/web");
}

TEST_F(ReloaderTestWithFile, WhatNeedsARestartLeavesEverythingAsItWas) {
  Config next = now_;
  next.pods.clear();
  next.idle.max_sleep = absl::Milliseconds(2);
  Reload(next);
  EXPECT_EQ(node_->owners().OwnerOf(kWeb), "pod default/web");
}

}  // namespace
}  // namespace podwarp::test
