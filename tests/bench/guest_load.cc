// Guests that load whatever is behind vhost-user sockets. Prints `measuring` when it has
// warmed up, and one line of JSON in the end.
//
//   guest_load --sender=/run/a.sock --receiver=/run/b.sock     as fast as it goes, from a to b
//   guest_load --sender=/run/a.sock                            to whatever swallows the frames
//   guest_load --receiver=/run/b.sock                          from whatever makes them
//   guest_load ... --rate_mpps=2                               at a rate, whoever takes the frames
//   guest_load ... --arp=/run/c.sock                           beside it, or alone: ARP requests
//   guest_load ... --latency --rate_mpps=2                     how long frames take, loaded
//   guest_load ... --latency --gap_ms=20                       and after idle gaps
//
// It listens on the sockets: what is measured connects, as client. It needs no DPDK of its own, so
// that what it costs is the same for all that is measured. All guests run on the calling thread:
// pin it to a core of its own.
#include <gflags/gflags.h>
#include <glog/logging.h>

#include <cstdio>

#include "load/guest.h"
#include "load/latency.h"
#include "load/traffic.h"
#include "podwarp/net/ip_address.h"
#include "podwarp/net/mac_address.h"

DEFINE_string(sender, "", "socket of the guest that sends");
DEFINE_string(sender_mac, "02:00:00:00:01:01", "its MAC");
DEFINE_string(sender_ip, "10.0.0.1", "its address");
DEFINE_string(receiver, "", "socket of the guest that receives");
DEFINE_string(receiver_ip, "10.0.0.2", "whom the frames are for");
DEFINE_string(gateway_mac, "02:00:00:00:00:01", "where they go to");
DEFINE_string(arp, "", "socket of a guest that sends ARP requests");
DEFINE_string(arp_mac, "02:00:00:00:01:03", "its MAC");
DEFINE_string(arp_ip, "10.0.0.3", "its address");
DEFINE_string(arp_target, "10.0.0.2", "whose MAC it asks for");
DEFINE_double(seconds, 3, "how long to measure, after the start");
DEFINE_double(rate_mpps, 0, "million frames a second; 0 = as fast as it goes");
DEFINE_double(arp_rate_mpps, 0, "million ARP requests a second; 0 = as fast as it goes");
DEFINE_uint32(burst, 64, "frames that are sent at once");
DEFINE_uint32(frame_bytes, 64, "of each frame, without frame check sequence");
DEFINE_uint32(flows, 256, "UDP source ports");
DEFINE_uint32(ring_size, 1024, "entries of each ring");
DEFINE_uint32(queue_pairs, 1, "of each guest");
DEFINE_bool(packed, false, "packed rings");
DEFINE_bool(huge_pages, true, "guest memory on 2 MiB pages");
DEFINE_double(settle_ms, 100, "for how long nothing must come until the rest is lost");
DEFINE_bool(latency, false, "measure how long frames take, not how many there are");
DEFINE_double(gap_ms, 0, "a single frame after each such gap");

namespace podwarp::test {
namespace {

template <typename Address>
Address Parsed(const std::string& flag, const std::string& text) {
  const auto address = Address::Parse(text);
  CHECK(address.ok()) << "--" << flag << ": " << address.status().message();
  return *address;
}

GuestSettings Guest() {
  return {.queue_pairs = static_cast<uint16_t>(FLAGS_queue_pairs),
          .ring_size = static_cast<uint16_t>(FLAGS_ring_size),
          .packed = FLAGS_packed,
          .huge_pages = FLAGS_huge_pages};
}

Endpoints FromSender() {
  return {.mac = Parsed<MacAddress>("sender_mac", FLAGS_sender_mac),
          .ip = Parsed<Ipv4Address>("sender_ip", FLAGS_sender_ip),
          .gateway = Parsed<MacAddress>("gateway_mac", FLAGS_gateway_mac),
          .target = Parsed<Ipv4Address>("receiver_ip", FLAGS_receiver_ip)};
}

Endpoints FromArp() {
  return {.mac = Parsed<MacAddress>("arp_mac", FLAGS_arp_mac),
          .ip = Parsed<Ipv4Address>("arp_ip", FLAGS_arp_ip),
          .gateway = Parsed<MacAddress>("gateway_mac", FLAGS_gateway_mac),
          .target = Parsed<Ipv4Address>("arp_target", FLAGS_arp_target)};
}

std::string Measure() {
  const double rate = FLAGS_rate_mpps * 1e6;
  if (FLAGS_latency) {
    CHECK(!FLAGS_sender.empty() && !FLAGS_receiver.empty()) << "--latency: needs both guests";
    CHECK((rate > 0) != (FLAGS_gap_ms > 0)) << "--latency: needs --rate_mpps or --gap_ms";
    return MeasureLatency({.guest = Guest(),
                           .seconds = FLAGS_seconds,
                           .sender = FLAGS_sender,
                           .receiver = FLAGS_receiver,
                           .endpoints = FromSender(),
                           .frame_bytes = FLAGS_frame_bytes,
                           .frames_per_second = rate,
                           .burst = FLAGS_burst,
                           .gap_seconds = FLAGS_gap_ms / 1e3});
  }
  CHECK(!FLAGS_sender.empty() || !FLAGS_receiver.empty() || !FLAGS_arp.empty())
      << "needs --sender, --receiver or --arp";
  const TrafficSettings settings = {.guest = Guest(),
                                    .seconds = FLAGS_seconds,
                                    .burst = FLAGS_burst,
                                    .settle_seconds = FLAGS_settle_ms / 1e3,
                                    .sender = FLAGS_sender,
                                    .endpoints = FromSender(),
                                    .frame_bytes = FLAGS_frame_bytes,
                                    .flows = FLAGS_flows,
                                    .frames_per_second = rate,
                                    .receiver = FLAGS_receiver,
                                    .arp = FLAGS_arp,
                                    .arp_endpoints = FromArp(),
                                    .arp_requests_per_second = FLAGS_arp_rate_mpps * 1e6};
  return MeasureTraffic(settings);
}

}  // namespace
}  // namespace podwarp::test

int main(int argc, char** argv) {
  gflags::ParseCommandLineFlags(&argc, &argv, true);
  std::puts(podwarp::test::Measure().c_str());
  return 0;
}
