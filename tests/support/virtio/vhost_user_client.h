// The front end's side of the vhost-user protocol: messages to a back end, and its answers.
//
//   client.Ask<uint64_t>(VhostUserRequest::kGetFeatures)
//   client.Tell(VhostUserRequest::kSetVringNum, VhostUserVringState{.index = 0, .num = 256})
//   client.Tell(VhostUserRequest::kSetVringKick, uint64_t{0}, {event_fd})
//
// Payloads are uint64_t and the structs below.
// Errors name the socket and the message, and come within the timeout.
//
// Source: QEMU's docs/interop/vhost-user.rst.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include "support/virtio/unix_stream.h"
#include "support/virtio/virtio_net.h"

namespace podwarp::test {

// Name here, number, name in the specification.
#define PODWARP_VHOST_USER_REQUESTS(X)                 \
  X(kGetFeatures, 1, "GET_FEATURES")                   \
  X(kSetFeatures, 2, "SET_FEATURES")                   \
  X(kSetOwner, 3, "SET_OWNER")                         \
  X(kResetOwner, 4, "RESET_OWNER")                     \
  X(kSetMemTable, 5, "SET_MEM_TABLE")                  \
  X(kSetLogBase, 6, "SET_LOG_BASE")                    \
  X(kSetLogFd, 7, "SET_LOG_FD")                        \
  X(kSetVringNum, 8, "SET_VRING_NUM")                  \
  X(kSetVringAddr, 9, "SET_VRING_ADDR")                \
  X(kSetVringBase, 10, "SET_VRING_BASE")               \
  X(kGetVringBase, 11, "GET_VRING_BASE")               \
  X(kSetVringKick, 12, "SET_VRING_KICK")               \
  X(kSetVringCall, 13, "SET_VRING_CALL")               \
  X(kSetVringErr, 14, "SET_VRING_ERR")                 \
  X(kGetProtocolFeatures, 15, "GET_PROTOCOL_FEATURES") \
  X(kSetProtocolFeatures, 16, "SET_PROTOCOL_FEATURES") \
  X(kGetQueueNum, 17, "GET_QUEUE_NUM")                 \
  X(kSetVringEnable, 18, "SET_VRING_ENABLE")           \
  X(kSendRarp, 19, "SEND_RARP")                        \
  X(kNetSetMtu, 20, "NET_SET_MTU")                     \
  X(kSetBackendReqFd, 21, "SET_BACKEND_REQ_FD")        \
  X(kIotlbMsg, 22, "IOTLB_MSG")                        \
  X(kGetConfig, 24, "GET_CONFIG")                      \
  X(kSetConfig, 25, "SET_CONFIG")                      \
  X(kPostcopyAdvise, 28, "POSTCOPY_ADVISE")            \
  X(kPostcopyListen, 29, "POSTCOPY_LISTEN")            \
  X(kPostcopyEnd, 30, "POSTCOPY_END")                  \
  X(kGetInflightFd, 31, "GET_INFLIGHT_FD")             \
  X(kSetInflightFd, 32, "SET_INFLIGHT_FD")             \
  X(kSetStatus, 39, "SET_STATUS")                      \
  X(kGetStatus, 40, "GET_STATUS")

enum class VhostUserRequest : uint32_t {
#define PODWARP_REQUEST(name, number, text) name = number,
  PODWARP_VHOST_USER_REQUESTS(PODWARP_REQUEST)
#undef PODWARP_REQUEST
};
std::string_view ToString(VhostUserRequest request);  // "SET_VRING_NUM"

// GET_PROTOCOL_FEATURES.
inline constexpr uint64_t kVhostUserMq = Bit(0);
inline constexpr uint64_t kVhostUserReplyAck = Bit(3);
inline constexpr uint64_t kVhostUserNetMtu = Bit(4);
inline constexpr uint64_t kVhostUserInflightShmfd = Bit(12);
inline constexpr uint64_t kVhostUserStatus = Bit(16);

struct VhostUserHeader {
  uint32_t request;
  uint32_t flags;
  uint32_t payload_bytes;
};
inline constexpr uint32_t kVhostUserVersion = 0x1;
inline constexpr uint32_t kVhostUserReply = 0x4;
inline constexpr uint32_t kVhostUserNeedReply = 0x8;

struct VhostUserRegion {
  uint64_t guest_address;
  uint64_t bytes;
  uint64_t user_address;  // what SET_VRING_ADDR counts in
  uint64_t mapping_offset;
};
struct VhostUserMemory {
  uint32_t regions;
  uint32_t padding;
  VhostUserRegion region[8];
};

// SET_VRING_NUM, SET_VRING_BASE, GET_VRING_BASE, SET_VRING_ENABLE.
struct VhostUserVringState {
  uint32_t index;
  uint32_t num;
};
struct VhostUserVringAddress {
  uint32_t index;
  uint32_t flags;
  uint64_t desc;  // user addresses, all of them
  uint64_t used;
  uint64_t avail;
  uint64_t log;
};

class VhostUserClient {
 public:
  VhostUserClient(UnixStream stream, absl::Duration timeout)
      : stream_(std::move(stream)), timeout_(timeout) {}

  // A request that has an answer of its own.
  template <typename Answer, typename Payload>
  absl::StatusOr<Answer> Ask(VhostUserRequest request, const Payload& payload) {
    Answer answer;
    const absl::Status status = Exchange(request, AsBytes(payload), {}, 0, AsWritable(answer));
    if (!status.ok()) return status;
    return answer;
  }
  template <typename Answer>
  absl::StatusOr<Answer> Ask(VhostUserRequest request) {
    Answer answer;
    const absl::Status status = Exchange(request, {}, {}, 0, AsWritable(answer));
    if (!status.ok()) return status;
    return answer;
  }

  // A request without an answer. With acknowledgements an error if the back end says that it
  // failed; without them a back end can only hang up, which the next exchange reports.
  template <typename Payload>
  absl::Status Tell(VhostUserRequest request, const Payload& payload,
                    const std::vector<int>& descriptors = {}) {
    return Tell(request, AsBytes(payload), descriptors);
  }
  absl::Status Tell(VhostUserRequest request, std::span<const uint8_t> payload,
                    const std::vector<int>& descriptors);

  // A request with an answer that says nothing.
  template <typename Payload>
  absl::Status TellAndWait(VhostUserRequest request, const Payload& payload,
                           const std::vector<int>& descriptors) {
    return Exchange(request, AsBytes(payload), descriptors, 0, {});
  }

  // Any bytes, as they are.
  absl::Status SendRaw(std::span<const uint8_t> bytes, const std::vector<int>& descriptors = {});

  // After VHOST_USER_PROTOCOL_F_REPLY_ACK was negotiated.
  void WantAcknowledgements() { acknowledged_ = true; }
  bool WaitForHangUp(absl::Duration timeout) { return stream_.WaitForHangUp(timeout); }
  const std::string& name() const { return stream_.name(); }

 private:
  template <typename T>
  static std::span<const uint8_t> AsBytes(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    return {reinterpret_cast<const uint8_t*>(&value), sizeof(value)};
  }
  template <typename T>
  static std::span<uint8_t> AsWritable(T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    return {reinterpret_cast<uint8_t*>(&value), sizeof(value)};
  }
  absl::Status SendMessage(VhostUserRequest request, std::span<const uint8_t> payload,
                           const std::vector<int>& descriptors, uint32_t flags);
  absl::Status Exchange(VhostUserRequest request, std::span<const uint8_t> payload,
                        const std::vector<int>& descriptors, uint32_t flags,
                        std::span<uint8_t> answer);

  UnixStream stream_;
  absl::Duration timeout_;
  bool acknowledged_ = false;
};

}  // namespace podwarp::test
