#include "load/guest.h"

#include <glog/logging.h>
#include <unistd.h>

#include <cstdio>

#include "podwarp/net/headers.h"
#include "support/packet.h"

namespace podwarp::test {
namespace {

constexpr uint32_t kHeaderBytes = 42;  // Ethernet, IPv4, UDP

}  // namespace

std::unique_ptr<VirtioPeer> ListenAt(const std::string& socket, const GuestSettings& settings) {
  uint64_t features = kPlainFeatures | kNetMergeable | kNetCsum | kNetGuestCsum;
  if (settings.packed) features |= kRingPacked;
  auto peer = VirtioPeer::Create({.queue_pairs = settings.queue_pairs,
                                  .ring_size = settings.ring_size,
                                  .features = features,
                                  .huge_pages = settings.huge_pages,
                                  .timeout = absl::Seconds(30)});
  CHECK(peer.ok()) << peer.status().message();
  unlink(socket.c_str());
  const absl::Status status = (*peer)->Listen(socket);
  CHECK(status.ok()) << status.message();
  return *std::move(peer);
}

void Accept(VirtioPeer& guest) {
  const absl::Status status = guest.Accept();
  CHECK(status.ok()) << status.message();
}

void TellStart() {
  std::puts("measuring");
  std::fflush(stdout);
}

std::vector<GuestFrame> UdpFrames(const Endpoints& endpoints, uint32_t frame_bytes, uint32_t count,
                                  uint32_t flows) {
  std::vector<GuestFrame> frames;
  for (uint32_t i = 0; i < count; ++i) {
    const auto port = static_cast<uint16_t>(1024 + i % flows);
    const Packet frame = Ethernet(endpoints.gateway, endpoints.mac) /
                         Ipv4(endpoints.ip, endpoints.target) / Udp(port, 9) /
                         Payload(frame_bytes - kHeaderBytes);
    frames.push_back({frame.bytes()});
  }
  return frames;
}

std::vector<GuestFrame> ArpRequests(const Endpoints& endpoints, uint32_t count) {
  const Packet frame = (Ethernet(MacAddress::Broadcast(), endpoints.mac) /
                        Arp::Request(endpoints.mac, endpoints.ip, endpoints.target))
                           .PadTo(kMinFrameBytes);
  return std::vector<GuestFrame>(count, GuestFrame{frame.bytes()});
}

}  // namespace podwarp::test
