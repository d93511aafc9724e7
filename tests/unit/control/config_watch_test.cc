#include "control/config_watch.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <optional>

#include "support/eventually.h"

namespace podwarp::test {
namespace {

namespace fs = std::filesystem;

class ConfigWatchTest : public testing::Test {
 protected:
  ConfigWatchTest() {
    char name[] = "/tmp/podwarp-config-watch-XXXXXX";
    folder_ = mkdtemp(name);
  }
  ~ConfigWatchTest() override {
    watch_.reset();
    fs::remove_all(folder_);
  }

  static void Write(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }
  void Start(const fs::path& path) {
    watch_.emplace(path, [this] { ++told_; });
    ASSERT_TRUE(HasTold(1));
  }
  bool HasTold(int times) {
    return Eventually([&] { return told_ >= times; }) && told_ == times;
  }
  // As kubelet's atomic writer gives a mounted ConfigMap another version.
  void SwapVersion(const std::string& version, const std::string& text) {
    fs::create_directory(folder_ / version);
    Write(folder_ / version / "podwarp.yaml", text);
    fs::create_directory_symlink(version, folder_ / "..data_tmp");
    const fs::path old = fs::exists(folder_ / "..data") ? fs::canonical(folder_ / "..data") : "";
    fs::rename(folder_ / "..data_tmp", folder_ / "..data");
    if (!old.empty()) fs::remove_all(old);
  }

  fs::path folder_;
  std::atomic<int> told_ = 0;
  std::optional<ConfigWatch> watch_;
};

TEST_F(ConfigWatchTest, AMountedConfigMapIsFollowed) {
  SwapVersion("..2026_01", "a");
  fs::create_symlink("..data/podwarp.yaml", folder_ / "podwarp.yaml");
  Start(folder_ / "podwarp.yaml");
  SwapVersion("..2026_02", "b");
  EXPECT_TRUE(HasTold(2));
  SwapVersion("..2026_03", "b");  // another key of it has changed
  SwapVersion("..2026_04", "c");
  EXPECT_TRUE(HasTold(3));
}

TEST_F(ConfigWatchTest, AFileIsFollowedByRenameAndInPlace) {
  Write(folder_ / "node.yaml", "a");
  Start(folder_ / "node.yaml");
  Write(folder_ / "new", "b");
  fs::rename(folder_ / "new", folder_ / "node.yaml");
  EXPECT_TRUE(HasTold(2));
  std::ofstream(folder_ / "node.yaml", std::ios::app) << "c";
  EXPECT_TRUE(HasTold(3));
}

TEST_F(ConfigWatchTest, AFileBehindALinkIsFollowed) {
  fs::create_directory(folder_ / "there");
  fs::create_directory(folder_ / "here");
  Write(folder_ / "there/node.yaml", "a");
  fs::create_symlink("../there/node.yaml", folder_ / "here/node.yaml");
  Start(folder_ / "here/node.yaml");
  Write(folder_ / "there/new", "b");
  fs::rename(folder_ / "there/new", folder_ / "there/node.yaml");
  EXPECT_TRUE(HasTold(2));
}

TEST_F(ConfigWatchTest, WhatHappensBesideItIsNotTold) {
  Write(folder_ / "node.yaml", "a");
  Start(folder_ / "node.yaml");
  Write(folder_ / "other.yaml", "x");
  Write(folder_ / "same", "a");
  fs::rename(folder_ / "same", folder_ / "node.yaml");
  fs::remove(folder_ / "node.yaml");
  Write(folder_ / "new", "b");
  fs::rename(folder_ / "new", folder_ / "node.yaml");
  EXPECT_TRUE(HasTold(2));
}

TEST_F(ConfigWatchTest, AFileThatIsNotThereIsWaitedFor) {
  watch_.emplace(folder_ / "node.yaml", [this] { ++told_; });
  Write(folder_ / "new", "a");
  fs::rename(folder_ / "new", folder_ / "node.yaml");
  EXPECT_TRUE(HasTold(1));
}

}  // namespace
}  // namespace podwarp::test
