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
    {kVhostGetFeatures, "GET_FEATURES"},
    {kVhostSetFeatures, "SET_FEATURES"},
    {kVhostSetOwner, "SET_OWNER"},
    {4, "RESET_OWNER"},
    {kVhostSetMemoryTable, "SET_MEM_TABLE"},
    {kVhostSetLogBase, "SET_LOG_BASE"},
    {kVhostSetLogFd, "SET_LOG_FD"},
    {kVhostSetRingSize, "SET_VRING_NUM"},
    {kVhostSetRingAddress, "SET_VRING_ADDR"},
    {kVhostSetRingBase, "SET_VRING_BASE"},
    {kVhostGetRingBase, "GET_VRING_BASE"},
    {kVhostSetRingKick, "SET_VRING_KICK"},
    {kVhostSetRingCall, "SET_VRING_CALL"},
    {kVhostSetRingError, "SET_VRING_ERR"},
    {kVhostGetProtocolFeatures, "GET_PROTOCOL_FEATURES"},
    {kVhostSetProtocolFeatures, "SET_PROTOCOL_FEATURES"},
    {kVhostGetQueueNumber, "GET_QUEUE_NUM"},
    {kVhostSetRingEnable, "SET_VRING_ENABLE"},
    {kVhostSendRarp, "SEND_RARP"},
    {kVhostSetMtu, "NET_SET_MTU"},
    {kVhostSetBackendChannel, "SET_BACKEND_REQ_FD"},
    {22, "IOTLB_MSG"},
    {24, "GET_CONFIG"},
    {25, "SET_CONFIG"},
    {31, "GET_INFLIGHT_FD"},
    {32, "SET_INFLIGHT_FD"},
    {kVhostSetStatus, "SET_STATUS"},
    {kVhostGetStatus, "GET_STATUS"},
};

}  // namespace

std::string VhostMessageName(uint32_t request) {
  const auto* found = std::find_if(std::begin(kMessages), std::end(kMessages),
                                   [&](const Message& m) { return m.request == request; });
  return found == std::end(kMessages) ? absl::StrCat("message ", request) : found->name;
}

VhostMessage VhostMessageOf(const void* message) {
  VhostMessage beginning;
  std::memcpy(&beginning, message, sizeof(beginning));
  return beginning;
}

bool LeavesRingsAlone(uint32_t request) {
  switch (request) {
    case kVhostGetFeatures:
    case kVhostSetOwner:
    case kVhostSetLogFd:
    case kVhostSetRingError:
    case kVhostGetProtocolFeatures:
    case kVhostSetProtocolFeatures:
    case kVhostGetQueueNumber:
    case kVhostSendRarp:
    case kVhostSetMtu:
    case kVhostSetBackendChannel:
    case kVhostSetStatus:
    case kVhostGetStatus:
      return true;
    default:
      return false;
  }
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
    return absl::StrCat(
        "the guest's rings are too short, too long or too many: ", kMinVhostRingEntries, " to ",
        kMaxVhostRingEntries, " entries, and at most ", kMaxVhostQueuePairs, " queue pairs");
  }
  return absl::StrCat("the guest's side sent a ", VhostMessageName(request),
                      " that can't be followed");
}

}  // namespace podwarp
