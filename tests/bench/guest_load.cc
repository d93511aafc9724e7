// Two guests that load whatever is behind two vhost-user sockets: the first sends as fast as it
// can, the second takes what arrives. Prints one line of JSON.
//
//   guest_load --sender=/run/a.sock --receiver=/run/b.sock [--seconds=3] [--packed] ...
//
// It listens on both sockets: what is measured connects, as client. It needs no DPDK of its own, so
// that what it costs is the same for all that is measured. Both guests run on the calling thread:
// pin it to a core of its own.
#include <gflags/gflags.h>
#include <glog/logging.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <vector>

#include "podwarp/net/ip_address.h"
#include "podwarp/net/mac_address.h"
#include "support/packet.h"
#include "support/virtio_peer.h"

DEFINE_string(sender, "", "socket of the guest that sends");
DEFINE_string(receiver, "", "socket of the guest that receives");
DEFINE_string(sender_mac, "02:00:00:00:01:01", "its MAC");
DEFINE_string(sender_ip, "10.0.0.1", "its address");
DEFINE_string(gateway_mac, "02:00:00:00:00:01", "where its frames go to");
DEFINE_string(receiver_ip, "10.0.0.2", "and whom they are for");
DEFINE_double(seconds, 3, "how long to measure, after a second's start");
DEFINE_uint32(frame_bytes, 64, "of each frame, without frame check sequence");
DEFINE_uint32(flows, 256, "UDP source ports");
DEFINE_uint32(ring_size, 1024, "entries of each ring");
DEFINE_bool(packed, false, "packed rings");
DEFINE_bool(huge_pages, true, "guest memory on 2 MiB pages");

namespace podwarp::test {
namespace {

using Clock = std::chrono::steady_clock;
constexpr uint32_t kBurst = 64;

std::unique_ptr<VirtioPeer> MakeGuest(const std::string& socket) {
  uint64_t features = kPlainFeatures | kNetMergeable | kNetCsum | kNetGuestCsum;
  if (FLAGS_packed) features |= kRingPacked;
  auto peer = VirtioPeer::Create({.ring_size = static_cast<uint16_t>(FLAGS_ring_size),
                                  .features = features,
                                  .huge_pages = FLAGS_huge_pages,
                                  .timeout = absl::Seconds(30)});
  CHECK(peer.ok()) << peer.status().message();
  unlink(socket.c_str());
  const absl::Status status = (*peer)->Listen(socket);
  CHECK(status.ok()) << status.message();
  return *std::move(peer);
}

std::vector<GuestFrame> Frames() {
  const MacAddress from = *MacAddress::Parse(FLAGS_sender_mac);
  const MacAddress to = *MacAddress::Parse(FLAGS_gateway_mac);
  const Ipv4Address from_ip = *Ipv4Address::Parse(FLAGS_sender_ip);
  const Ipv4Address to_ip = *Ipv4Address::Parse(FLAGS_receiver_ip);
  std::vector<GuestFrame> frames;
  for (uint32_t i = 0; i < FLAGS_ring_size; ++i) {
    const auto port = static_cast<uint16_t>(1024 + i % FLAGS_flows);
    const Packet headers =
        Ethernet(to, from) / Ipv4(from_ip, to_ip) / Udp(port, 9) / Payload(FLAGS_frame_bytes - 42);
    frames.push_back({headers.bytes()});
  }
  return frames;
}

int Main() {
  const auto sender = MakeGuest(FLAGS_sender);
  const auto receiver = MakeGuest(FLAGS_receiver);
  for (VirtioPeer* guest : {receiver.get(), sender.get()}) {
    const absl::Status status = guest->Accept();
    CHECK(status.ok()) << status.message();
  }
  sender->Send(0, Frames());

  uint64_t sent = 0, received = 0;
  const auto run_until = [&](Clock::time_point end) {
    sent = received = 0;
    while (Clock::now() < end) {
      for (int i = 0; i < 16; ++i) {
        sent += sender->SendAgain(0, kBurst);
        received += receiver->Discard(0);
      }
    }
  };
  run_until(Clock::now() + std::chrono::seconds(1));
  const Clock::time_point start = Clock::now();
  run_until(start + std::chrono::duration_cast<Clock::duration>(
                        std::chrono::duration<double>(FLAGS_seconds)));
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  std::printf("{\"seconds\": %.3f, \"sent_mpps\": %.3f, \"received_mpps\": %.3f}\n", seconds,
              static_cast<double>(sent) / seconds / 1e6,
              static_cast<double>(received) / seconds / 1e6);
  return 0;
}

}  // namespace
}  // namespace podwarp::test

int main(int argc, char** argv) {
  gflags::ParseCommandLineFlags(&argc, &argv, true);
  return podwarp::test::Main();
}
