#include "unit/support/rte_vhost_back_end.h"

#include <glog/logging.h>
#include <gtest/gtest.h>
#include <rte_vhost.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <optional>

#include "absl/strings/str_cat.h"
#include "support/eal.h"
#include "support/virtio/vhost_user_client.h"

namespace podwarp::test {
namespace {

constexpr uint16_t kMostAtOnce = 32;  // of one call

// librte_vhost tells its callbacks a device's number, and for that a path.
std::mutex registry_mutex;
std::map<std::string, std::atomic<int>*>& Registry() {
  static auto* const kRegistry = new std::map<std::string, std::atomic<int>*>;
  return *kRegistry;
}

void SetDevice(int device, int value) {
  std::array<char, 128> path{};
  CHECK_EQ(rte_vhost_get_ifname(device, path.data(), path.size()), 0);
  const std::lock_guard lock(registry_mutex);
  const auto found = Registry().find(path.data());
  if (found != Registry().end()) *found->second = value;
}

// librte_vhost's thread looks at a new listening socket only when something happens on one of its
// others, or after a second. So something happens: a message on a connection of its own, which
// librte_vhost made, since of those it takes note at once.
void WakeVhostThread() {
  struct Waker {
    Waker() {
      const std::string path = absl::StrCat(testing::TempDir(), "vhost-waker-", getpid());
      auto listener = UnixListener::Listen(path);
      CHECK(listener.ok()) << listener.status();
      static const rte_vhost_device_ops kNoCallbacks = {};
      CHECK_EQ(rte_vhost_driver_register(path.c_str(), RTE_VHOST_USER_CLIENT), 0);
      CHECK_EQ(rte_vhost_driver_callback_register(path.c_str(), &kNoCallbacks), 0);
      CHECK_EQ(rte_vhost_driver_start(path.c_str()), 0);
      auto stream = listener->Accept(kTimeout);
      CHECK(stream.ok()) << stream.status();
      client.emplace(*std::move(stream), kTimeout);
    }
    const absl::Duration kTimeout = absl::Seconds(10);
    std::optional<VhostUserClient> client;
  };
  static auto* const kWaker = new Waker;
  const auto answer = kWaker->client->Ask<uint64_t>(VhostUserRequest::kGetFeatures);
  CHECK(answer.ok()) << answer.status();
}

// The guest's rings: it receives on even ones.
uint16_t Receiving(uint16_t queue) { return static_cast<uint16_t>(2 * queue); }
uint16_t Sending(uint16_t queue) { return static_cast<uint16_t>(2 * queue + 1); }

}  // namespace

int RteVhostBackEnd::NewDevice(int device) {
  SetDevice(device, device);
  return 0;
}

void RteVhostBackEnd::DestroyDevice(int device) { SetDevice(device, -1); }

RteVhostBackEnd::RteVhostBackEnd(std::string path, const Options& options)
    : path_(std::move(path)) {
  static const rte_vhost_device_ops kCallbacks = {.new_device = NewDevice,
                                                  .destroy_device = DestroyDevice};
  {
    const std::lock_guard lock(registry_mutex);
    Registry()[path_] = &device_;
  }
  const uint64_t flags = RTE_VHOST_USER_NET_COMPLIANT_OL_FLAGS |
                         (options.connects ? uint64_t{RTE_VHOST_USER_CLIENT} : 0);
  CHECK_EQ(rte_vhost_driver_register(path_.c_str(), flags), 0) << path_;
  CHECK_EQ(rte_vhost_driver_disable_features(path_.c_str(), options.without_features), 0);
  uint64_t protocols = 0;
  CHECK_EQ(rte_vhost_driver_get_protocol_features(path_.c_str(), &protocols), 0);
  CHECK_EQ(
      rte_vhost_driver_set_protocol_features(path_.c_str(), protocols & ~options.without_protocols),
      0);
  CHECK_EQ(rte_vhost_driver_callback_register(path_.c_str(), &kCallbacks), 0);
  CHECK_EQ(rte_vhost_driver_start(path_.c_str()), 0) << path_;
  WakeVhostThread();
}

RteVhostBackEnd::~RteVhostBackEnd() {
  CHECK_EQ(rte_vhost_driver_unregister(path_.c_str()), 0);
  const std::lock_guard lock(registry_mutex);
  Registry().erase(path_);
}

std::vector<MbufPtr> RteVhostBackEnd::Dequeue(uint16_t queue) {
  std::vector<MbufPtr> frames;
  const int device = device_;
  if (device < 0) return frames;
  std::array<rte_mbuf*, kMostAtOnce> burst;
  for (;;) {
    const uint16_t count =
        rte_vhost_dequeue_burst(device, Sending(queue), TestPool(), burst.data(), kMostAtOnce);
    if (count == 0) return frames;
    for (uint16_t i = 0; i < count; ++i) frames.emplace_back(burst[i]);
  }
}

uint16_t RteVhostBackEnd::Enqueue(uint16_t queue, const std::vector<rte_mbuf*>& frames) {
  const int device = device_;
  uint16_t done = 0;
  while (device >= 0 && done < frames.size()) {
    const auto burst = static_cast<uint16_t>(std::min<size_t>(kMostAtOnce, frames.size() - done));
    std::vector<rte_mbuf*> part(frames.begin() + done, frames.begin() + done + burst);
    const uint16_t count = rte_vhost_enqueue_burst(device, Receiving(queue), part.data(), burst);
    if (count == 0) break;
    done += count;
  }
  return done;
}

void RteVhostBackEnd::WantKicks(uint16_t queue, bool wanted) {
  CHECK_EQ(rte_vhost_enable_guest_notification(device_, Sending(queue), wanted ? 1 : 0), 0);
}

uint16_t RteVhostBackEnd::MtuBytes() const {
  uint16_t mtu_bytes = 0;
  return rte_vhost_get_mtu(device_, &mtu_bytes) == 0 ? mtu_bytes : 0;
}

}  // namespace podwarp::test
