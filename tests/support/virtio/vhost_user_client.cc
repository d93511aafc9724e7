#include "support/virtio/vhost_user_client.h"

#include "absl/strings/str_cat.h"

namespace podwarp::test {
namespace {

absl::Status Named(VhostUserRequest request, const absl::Status& status) {
  if (status.ok()) return status;
  return {status.code(), absl::StrCat(std::string(ToString(request)), ": ", status.message())};
}

}  // namespace

std::string_view ToString(VhostUserRequest request) {
  switch (request) {
#define PODWARP_REQUEST(name, number, text) \
  case VhostUserRequest::name:              \
    return text;
    PODWARP_VHOST_USER_REQUESTS(PODWARP_REQUEST)
#undef PODWARP_REQUEST
  }
  return "a request of no known number";
}

absl::Status VhostUserClient::Tell(VhostUserRequest request, std::span<const uint8_t> payload,
                                   const std::vector<int>& descriptors) {
  if (!acknowledged_) return Named(request, SendMessage(request, payload, descriptors, 0));
  uint64_t failed = 0;
  const absl::Status status =
      Exchange(request, payload, descriptors, kVhostUserNeedReply, AsWritable(failed));
  if (!status.ok()) return status;
  if (failed == 0) return absl::OkStatus();
  return Named(request, absl::InternalError(absl::StrCat(name(), ": the back end refused")));
}

absl::Status VhostUserClient::SendRaw(std::span<const uint8_t> bytes,
                                      const std::vector<int>& descriptors) {
  return stream_.Send(bytes, descriptors, timeout_);
}

absl::Status VhostUserClient::SendMessage(VhostUserRequest request,
                                          std::span<const uint8_t> payload,
                                          const std::vector<int>& descriptors, uint32_t flags) {
  const VhostUserHeader header{.request = static_cast<uint32_t>(request),
                               .flags = kVhostUserVersion | flags,
                               .payload_bytes = static_cast<uint32_t>(payload.size())};
  std::vector<uint8_t> message(sizeof(header) + payload.size());
  std::memcpy(message.data(), &header, sizeof(header));
  if (!payload.empty()) std::memcpy(&message[sizeof(header)], payload.data(), payload.size());
  return stream_.Send(message, descriptors, timeout_);
}

absl::Status VhostUserClient::Exchange(VhostUserRequest request, std::span<const uint8_t> payload,
                                       const std::vector<int>& descriptors, uint32_t flags,
                                       std::span<uint8_t> answer) {
  absl::Status status = SendMessage(request, payload, descriptors, flags);
  VhostUserHeader header{};
  if (status.ok()) status = stream_.Receive(AsWritable(header), timeout_);
  if (!status.ok()) return Named(request, status);
  if (header.request != static_cast<uint32_t>(request) ||
      header.flags != (kVhostUserVersion | kVhostUserReply) ||
      header.payload_bytes != answer.size()) {
    return Named(request,
                 absl::InternalError(absl::StrCat(
                     name(), ": an answer to request ", header.request, " with flags ",
                     header.flags, " and ", header.payload_bytes, " bytes, not ", answer.size())));
  }
  return Named(request, stream_.Receive(answer, timeout_));
}

}  // namespace podwarp::test
