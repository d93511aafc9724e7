// A worker with two pods: one well-behaved, one that does what the test says.
#pragma once

#include <glog/logging.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "support/eal.h"
#include "support/eventually.h"
#include "support/literals.h"
#include "support/virtio_peer.h"
#include "unit/port/bystander.h"
#include "unit/port/vhost_pods.h"

namespace podwarp::test {

class HostileFixture : public testing::Test {
 protected:
  static inline const MacAddress kRouter = "02:00:5e:00:00:01"_mac;
  static inline const MacAddress kGoodMac = "02:00:00:00:00:0a"_mac;
  static inline const MacAddress kHostileMac = "02:00:00:00:00:0b"_mac;
  static inline const Ipv4Address kGoodIp = "10.244.1.10"_ip;
  static inline const Ipv4Address kHostileIp = "10.244.1.11"_ip;
  static constexpr uint16_t kHostileQueues = 2;

  void SetUp() override {
    pods_.emplace(kRouter,
                  std::vector<VhostPod>{
                      {.socket = good_socket_, .mac = kGoodMac, .address = kGoodIp, .queues = 1},
                      {.socket = socket_,
                       .mac = kHostileMac,
                       .address = kHostileIp,
                       .queues = kHostileQueues}});
    bystander_.emplace(
        good_socket_,
        Bystander::Names{
            .router = kRouter, .mac = kGoodMac, .address = kGoodIp, .other = kHostileIp});
    ASSERT_TRUE(Eventually([&] { return pods_->IsUp(0); }));
    bystander_->Start();
    // And podwarp's copies of the last guest's kick descriptors.
    allowed_files_ = OpenFiles() + kHostileQueues;
    mappings_ = GuestMappings();
    ExpectAllWell("the start");
  }

  // Whatever the guest did: the worker goes on, and so does the thread that answers messages. One
  // that doesn't would never end either: so the program does.
  void ExpectAllWell(const std::string& what) {
    const uint64_t before = bystander_->received();
    CHECK(Eventually([&] { return bystander_->received() > before + 200; }))
        << "frames are lost, or the worker stands still, after " << what << "; " << BuffersInUse()
        << " buffers in use; dropped: " << pods_->Drops();
    const absl::Status answered = bystander_->AskFeatures();
    CHECK(answered.ok()) << "nobody answers after " << what << ": " << answered;
  }

  // REQUIRES: the hostile guest has left. Nothing of it is left, and the bystander has everything.
  void TearDown() override {
    EXPECT_TRUE(Eventually([&] { return GuestMappings() == mappings_; }))
        << GuestMappings() << " mappings of guests' memory, not " << mappings_;
    EXPECT_TRUE(Eventually([&] { return OpenFiles() <= allowed_files_; }))
        << OpenFiles() << " open descriptors, not " << allowed_files_;
    bystander_->Finish();
    bystander_.reset();
    pods_.reset();
    EXPECT_EQ(BuffersInUse(), 0u);
  }

  const std::string good_socket_ = absl::StrCat(testing::TempDir(), "hostile-", getpid(), "-good");
  const std::string socket_ = absl::StrCat(testing::TempDir(), "hostile-", getpid(), "-hostile");
  std::optional<VhostPods> pods_;
  std::optional<Bystander> bystander_;

 private:
  static size_t OpenFiles() {
    const std::filesystem::directory_iterator files("/proc/self/fd");
    return static_cast<size_t>(std::distance(begin(files), end(files)));
  }
  static size_t GuestMappings() {
    std::ifstream maps("/proc/self/maps");
    size_t count = 0;
    for (std::string line; std::getline(maps, line);) {
      count += line.find("memfd:guest") != std::string::npos;
    }
    return count;
  }

  size_t allowed_files_ = 0;
  size_t mappings_ = 0;
};

}  // namespace podwarp::test
