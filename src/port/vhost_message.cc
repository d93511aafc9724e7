#include "port/vhost_message.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "port/vhost_limits.h"

namespace podwarp {
namespace {

struct Message {
  uint32_t request;
  const char* name;
};

constexpr Message kMessages[] = {
    {1, "GET_FEATURES"},
    {kVhostSetFeatures, "SET_FEATURES"},
    {3, "SET_OWNER"},
    {4, "RESET_OWNER"},
    {kVhostSetMemoryTable, "SET_MEM_TABLE"},
    {6, "SET_LOG_BASE"},
    {7, "SET_LOG_FD"},
    {kVhostSetRingSize, "SET_VRING_NUM"},
    {9, "SET_VRING_ADDR"},
    {10, "SET_VRING_BASE"},
    {11, "GET_VRING_BASE"},
    {12, "SET_VRING_KICK"},
    {13, "SET_VRING_CALL"},
    {14, "SET_VRING_ERR"},
    {15, "GET_PROTOCOL_FEATURES"},
    {16, "SET_PROTOCOL_FEATURES"},
    {17, "GET_QUEUE_NUM"},
    {18, "SET_VRING_ENABLE"},
    {19, "SEND_RARP"},
    {20, "NET_SET_MTU"},
    {21, "SET_BACKEND_REQ_FD"},
    {22, "IOTLB_MSG"},
    {24, "GET_CONFIG"},
    {25, "SET_CONFIG"},
    {31, "GET_INFLIGHT_FD"},
    {32, "SET_INFLIGHT_FD"},
    {39, "SET_STATUS"},
    {40, "GET_STATUS"},
};

}  // namespace

std::string VhostMessageName(uint32_t request) {
  const auto* found = std::find_if(std::begin(kMessages), std::end(kMessages),
                                   [&](const Message& m) { return m.request == request; });
  return found == std::end(kMessages) ? absl::StrCat("message ", request) : found->name;
}

uint32_t VhostRequestOf(const void* message) {
  uint32_t request;
  std::memcpy(&request, message, sizeof(request));
  return request;
}

VhostRingSize VhostRingSizeOf(const void* message) {
  constexpr size_t kHeaderBytes = 12;
  VhostRingSize size;
  std::memcpy(&size, static_cast<const char*>(message) + kHeaderBytes, sizeof(size));
  return size;
}

std::string WhyRefused(uint32_t request) {
  if (request == kVhostSetMemoryTable) {
    return "the guest's memory can't be mapped: its side must share it (QEMU: -object "
           "memory-backend-memfd,share=on; virtio-user: hugepages and --single-file-segments)";
  }
  if (request == kVhostSetFeatures) {
    return "the guest's side wants features that were not offered";
  }
  if (request == kVhostSetRingSize) {
    return absl::StrCat("the guest's rings are too large or too many: at most ",
                        kMaxVhostRingEntries, " entries, and ", kMaxVhostQueuePairs,
                        " queue pairs");
  }
  return absl::StrCat("the guest's side sent a ", VhostMessageName(request),
                      " that can't be followed");
}

}  // namespace podwarp
