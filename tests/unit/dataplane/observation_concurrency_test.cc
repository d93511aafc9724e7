// A worker forwards while traces and captures are opened, read and closed.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "podwarp/dataplane/worker.h"
#include "support/eal.h"
#include "support/eventually.h"
#include "support/literals.h"
#include "support/memory_port.h"
#include "support/packet.h"

namespace podwarp::test {
namespace {

constexpr int kOpenings = 200;
constexpr uint64_t kMostBuffers = 64;

const MacAddress kGatewayMac = "02:00:5e:00:00:01"_mac, kPodMac = "02:00:00:00:00:0a"_mac;
const Ipv4Address kPodIp = "10.244.1.10"_ip;

TEST(ObservationConcurrencyTest, ObserversComeAndGoWhileFramesAreForwarded) {
  Tables tables(1, 16);
  EventRing events(kEventRingSize);
  const PortId id = *tables.ports.Add(std::make_unique<MemoryPort>(
      PortSettings{.name = "pod", .role = PortRole::kPod, .router_mac = kGatewayMac}));
  auto& port = static_cast<MemoryPort&>(*tables.ports.Get(id));
  tables.pods.Set(id, {.name = "default/pod", .mac = kPodMac, .addresses = {kPodIp}});
  tables.SetSettings({.gateway_mac = kGatewayMac, .allow_hairpin = true});
  const AdjacencyIndex back = *tables.adjacencies.Add({.destination = kPodMac,
                                                       .source = kGatewayMac,
                                                       .port = id,
                                                       .mtu_bytes = 1500,
                                                       .kind = NextHopKind::kPod});
  ASSERT_TRUE(tables.routes.Set(Ipv4Prefix::Host(kPodIp), back).ok());
  Worker worker({.id = 0,
                 .limits = {.arp = Rate::Unlimited(), .icmp_errors = Rate::Unlimited()},
                 .idle = {.may_sleep = false}},
                &tables, &events, TestPool());
  ASSERT_TRUE(worker.AddQueue(id, 0).ok());
  std::thread thread([&] { worker.Run(); });

  const Packet frame = Ethernet(kGatewayMac, kPodMac) / Ipv4(kPodIp, kPodIp) / Udp(1, 2);
  const Packet spoofed = Ethernet(kGatewayMac, kPodMac) / Ipv4("10.9.9.9"_ip, kPodIp) / Udp(1, 2);
  uint64_t injected = 0, traced = 0, captured = 0;
  const auto inject = [&] {
    for (; port.injected_left() < kMostBuffers; ++injected) {
      port.Inject(injected % 4 == 0 ? spoofed : frame);
    }
    port.TakeTransmitted();
  };
  for (int i = 0; i < kOpenings; ++i) {
    auto trace = std::make_shared<TraceSession>(TraceFilter{.any_drop = i % 2 == 0}, 1, 1'000'000);
    auto capture = std::make_shared<CaptureSession>(CaptureFilter{.drops_only = i % 3 == 0}, 1,
                                                    size_t{1} << 16);
    tables.SetObservers({.traces = {trace}, .captures = {capture}});
    uint64_t here = 0;
    EXPECT_TRUE(Eventually([&] {
      inject();
      for (TraceRecord record; trace->Take(&record); ++traced) {
        EXPECT_GE(record.step_count, 1);
      }
      capture->ForEach([&](const CaptureRecord&, std::span<const std::byte> bytes) {
        EXPECT_EQ(bytes.size(), frame.size());
        ++here;
        return true;
      });
      return here > 0;
    }));
    captured += here;
    if (i % 2 == 0) tables.SetObservers({});
    tables.rcu.Poll();
  }
  tables.SetObservers({});
  EXPECT_TRUE(Eventually([&] { return port.injected_left() == 0; }));
  worker.Stop();
  thread.join();
  EXPECT_GT(traced, 0u);
  EXPECT_GE(captured, uint64_t{kOpenings});
  EXPECT_EQ(worker.counters().ports[id].received_frames.value(), injected);
}

}  // namespace
}  // namespace podwarp::test
