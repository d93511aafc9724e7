// Workers forward while pods come and go, and no frame may ever reach the wrong pod.
//
// How a wrong one is known: a pod's MAC is made of its address, and each pod has a port of its own,
// which looks at what it is given. Adjacencies, port numbers and their buffers are few, so that
// each is used again at once; a use that is too early shows as a frame with another pod's MAC, or
// at another pod's port. Some pods stay, and get every frame, though their adjacencies change too.
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "control/address_owners.h"
#include "control/worker_set.h"
#include "podwarp/dataplane/frame.h"
#include "support/eal.h"
#include "support/eventually.h"
#include "support/mbuf.h"
#include "support/packet.h"

namespace podwarp::test {
namespace {

constexpr uint16_t kWorkers = 2;
constexpr uint64_t kChanges = 20'000;  // half of them add a pod, half remove one
constexpr uint32_t kStaying = 8;
constexpr uint32_t kChanging = 24;
constexpr uint16_t kBurst = 32;

const MacAddress kGatewayMac = "02:00:5e:00:00:01"_mac;

Ipv4Address AddressOf(uint32_t pod) { return Ipv4Address(0x0af40100 + pod); }
MacAddress MacOf(Ipv4Address address) {
  std::array<uint8_t, 6> bytes = {0x02, 0xfe};
  std::memcpy(&bytes[2], &address, sizeof(address));
  return MacAddress(bytes);
}

struct Findings {
  std::atomic<uint64_t> wrong_mac = 0;
  std::atomic<uint64_t> wrong_port = 0;
  std::atomic<uint64_t> sent_to_staying = 0;
  std::atomic<uint64_t> reached_staying = 0;
  std::atomic<uint64_t> reached_changing = 0;
  std::atomic<bool> quiet = false;  // senders send no more
};

bool Stays(Ipv4Address address) { return address < AddressOf(kStaying); }

class PodPort : public Port {
 public:
  PodPort(Ipv4Address address, Findings* findings)
      : Port({.name = address.ToString(), .router_mac = kGatewayMac, .workers = kWorkers}),
        address_(address),
        findings_(*findings) {}

  uint16_t Receive(uint16_t, rte_mbuf**, uint16_t) override { return 0; }
  uint16_t Transmit(uint16_t, rte_mbuf** frames, uint16_t count) override {
    for (uint16_t i = 0; i < count; ++i) {
      const Ipv4Address destination = Ipv4Of(frames[i])->destination;
      if (destination != address_) ++findings_.wrong_port;
      if (EthernetOf(frames[i])->destination != MacOf(destination)) ++findings_.wrong_mac;
      ++(Stays(destination) ? findings_.reached_staying : findings_.reached_changing);
    }
    for (uint16_t i = 0; i < count; ++i) rte_pktmbuf_free(frames[i]);
    return count;
  }
  PortState State() const override { return {.up = true, .why_down = ""}; }
  DeviceStatistics Statistics() const override { return {}; }
  std::string Driver() const override { return "test"; }

 protected:
  const Ipv4Address address_;
  Findings& findings_;
};

// A pod that stays and sends to every pod in turn.
class SendingPort : public PodPort {
 public:
  using PodPort::PodPort;

  uint16_t Receive(uint16_t, rte_mbuf** frames, uint16_t) override {
    uint16_t count = 0;
    while (count < kBurst && !findings_.quiet) {
      const Ipv4Address destination = AddressOf(next_++ % (kStaying + kChanging));
      rte_mbuf* frame = rte_pktmbuf_alloc(TestPool());
      if (frame == nullptr) break;
      const Bytes& bytes = FrameTo(destination);
      std::memcpy(rte_pktmbuf_append(frame, static_cast<uint16_t>(bytes.size())), bytes.data(),
                  bytes.size());
      frames[count++] = frame;
      findings_.sent_to_staying += Stays(destination);
    }
    return count;
  }

 private:
  const Bytes& FrameTo(Ipv4Address destination) {
    Bytes& bytes = frames_[destination.value() - AddressOf(0).value()];
    if (bytes.empty()) {
      bytes = (Ethernet(kGatewayMac, MacOf(address_)) / Ipv4(address_, destination) / Udp(1, 2))
                  .bytes();
    }
    return bytes;
  }

  uint32_t next_ = 0;
  std::array<Bytes, kStaying + kChanging> frames_;
};

TEST(WorkerConcurrency, AFrameNeverReachesTheWrongPod) {
  const unsigned before = BuffersInUse();
  Findings findings;
  {
    Tables tables(kWorkers, /*adjacency_capacity=*/kStaying + kChanging + 8);
    AddressOwners owners(&tables);
    EventRing events(kEventRingSize);
    std::vector<std::unique_ptr<Worker>> all;
    for (uint16_t id = 0; id < kWorkers; ++id) {
      all.push_back(std::make_unique<Worker>(
          WorkerOptions{
              .id = id, .limits = {Rate::Unlimited(), Rate(0, 0, 1)}, .idle = {.may_sleep = false}},
          &tables, &events, TestPool()));
    }
    WorkerSet workers(std::move(all), &tables);

    uint64_t generation = 1;
    std::vector<PortId> ports(kStaying + kChanging, kNoPort);
    const auto adjacency = [&](uint32_t pod) -> Adjacency {
      return {.destination = MacOf(AddressOf(pod)),
              .source = kGatewayMac,
              .port = ports[pod],
              .mtu_bytes = 1500,
              .kind = NextHopKind::kPod};
    };
    // Until a removed entry's grace period is over, there may be no room.
    const auto retry = [&](const auto& change) {
      ASSERT_TRUE(Eventually([&] {
        tables.rcu.Poll();
        return change().ok();
      }));
    };
    // The two are what Node does when it opens and closes a pod.
    const auto add = [&](uint32_t pod, std::unique_ptr<Port> port) {
      const std::string name = AddressOf(pod).ToString();
      ports[pod] = tables.ports.Add(std::move(port)).value();
      ASSERT_TRUE(workers.Attach(ports[pod]).ok());
      tables.pods.Set(ports[pod],
                      {.name = name, .mac = MacOf(AddressOf(pod)), .addresses = {AddressOf(pod)}});
      retry([&] { return owners.Add(name, adjacency(pod)); });
      ASSERT_TRUE(owners.Claim(name, Ipv4Prefix::Host(AddressOf(pod)), ++generation).ok());
    };
    const auto remove = [&](uint32_t pod) {
      ASSERT_TRUE(owners.Remove(AddressOf(pod).ToString()).ok());
      tables.pods.Remove(ports[pod]);
      workers.Detach(ports[pod]);
      tables.ports.Remove(ports[pod]);
      ports[pod] = kNoPort;
    };

    ASSERT_TRUE(owners.Add("ranges", {.kind = NextHopKind::kUnowned}).ok());
    ASSERT_TRUE(owners.Claim("ranges", Ipv4Prefix(AddressOf(0), 16), 1).ok());
    for (uint32_t pod = 0; pod < kStaying; ++pod) {
      if (pod < kWorkers) {
        add(pod, std::make_unique<SendingPort>(AddressOf(pod), &findings));
      } else {
        add(pod, std::make_unique<PodPort>(AddressOf(pod), &findings));
      }
    }
    std::vector<std::thread> threads;
    for (size_t i = 0; i < kWorkers; ++i) {
      threads.emplace_back([&workers, i] { workers[i].Run(); });
    }
    EXPECT_TRUE(Eventually([&] { return findings.reached_staying > 1000; }));

    std::mt19937 random(7);
    for (uint64_t change = 0; change < kChanges; ++change) {
      const auto pod = static_cast<uint32_t>(kStaying + random() % kChanging);
      if (ports[pod] == kNoPort) {
        add(pod, std::make_unique<PodPort>(AddressOf(pod), &findings));
      } else {
        remove(pod);
      }
      if (change % 8 == 0) {
        const auto staying = static_cast<uint32_t>(random() % kStaying);
        retry([&] { return owners.Change(AddressOf(staying).ToString(), adjacency(staying)); });
      }
      tables.rcu.Poll();
    }
    findings.quiet = true;
    EXPECT_TRUE(Eventually([&] { return findings.reached_staying == findings.sent_to_staying; }));
    workers.Stop();
    for (std::thread& thread : threads) thread.join();
  }
  EXPECT_EQ(findings.wrong_mac, 0u);
  EXPECT_EQ(findings.wrong_port, 0u);
  EXPECT_EQ(findings.reached_staying, findings.sent_to_staying);
  EXPECT_GT(findings.reached_changing, 0u);
  EXPECT_EQ(BuffersInUse(), before);
}

}  // namespace
}  // namespace podwarp::test
