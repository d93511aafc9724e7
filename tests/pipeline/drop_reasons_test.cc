// Drops that need something special to happen, and the proof that nobody forgot one: every reason
// must have come up in some row of this program.
#include <rte_mbuf.h>

#include "pipeline/ip_rows.h"

namespace podwarp::test {
namespace {

class DropReasons : public NodeTest {
 protected:
  void RemovePort(PortId id) {
    node.tables.ports.Remove(id);
    node.tables.rcu.Synchronize();
  }
};

// A pool of `buffers` for what podwarp makes; frames that come in are not from it.
class ScarcePool {
 public:
  ScarcePool(TestNode* node, unsigned buffers)
      : node_(*node),
        pool_(rte_pktmbuf_pool_create("scarce", buffers + 1, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
                                      SOCKET_ID_ANY)),
        taken_(rte_pktmbuf_alloc(pool_)) {
    node_.context.pool = pool_;
  }
  ~ScarcePool() {
    EXPECT_EQ(rte_mempool_in_use_count(pool_), 1u);
    rte_pktmbuf_free(taken_);
    rte_mempool_free(pool_);
  }

 private:
  TestNode& node_;
  rte_mempool* pool_;
  rte_mbuf* taken_;
};

TEST_F(DropReasons, PortIsGone) {
  RemovePort(kPodB);
  RemovePort(kTrunk);
  Check({
      {"a pod's", kPodA, FromA(Ipv4(kIpA, kIpB)), Drops(DropReason::kPortGone)},
      {"an uplink with a VLAN", kPodA, FromA(Ipv4(kIpA, kTrunkRemoteIp)),
       Drops(DropReason::kPortGone)},
  });
}

TEST_F(DropReasons, PortIsDown) {
  node.port(kPodB).SetState({.up = false, .why_down = "no guest", .speed_mbps = 0});
  node.tables.ports.RefreshStates();
  Check({{"down", kPodA, FromA(Ipv4(kIpA, kIpB)), Drops(DropReason::kPortDown)}});
  node.port(kPodB).SetState({.up = true, .why_down = "", .speed_mbps = 0});
  node.tables.ports.RefreshStates();
  Check({{"up again", kPodA, FromA(Ipv4(kIpA, kIpB)),
          Sends(kPodB, Datagram(kMacB, kGatewayMac, Ipv4(kIpA, kIpB).Ttl(63)))}});
}

TEST_F(DropReasons, TransmitQueueIsFull) {
  node.port(kPodB).SetTransmitRoom(10);
  const Result result = node.Run(kPodA, std::vector<Input>(200, FromA(Ipv4(kIpA, kIpB))));
  EXPECT_EQ(result.sent.size(), 10u);
  EXPECT_EQ(result.dropped, std::vector<DropReason>(190, DropReason::kTransmitQueueFull));
  EXPECT_EQ(node.counters.ports[kPodB].transmitted_bytes.value(),
            10 * FromA(Ipv4(kIpA, kIpB)).size());
  Check({{"an ARP answer has no better luck", kPodB,
          Ethernet(kGatewayMac, kMacB) / Arp::Request(kMacB, kIpB, kIpA),
          Drops(DropReason::kTransmitQueueFull)}});
}

TEST_F(DropReasons, NoBuffer) {
  const Offload segments = {.segment_bytes = 1448,
                            .l3_bytes = 20,
                            .l4_bytes = 20,
                            .checksum_wanted = true,
                            .l4_protocol = kIpProtocolTcp};
  const Packet giant =
      Ethernet(kGatewayMac, kMacA) / Ipv4(kIpA, kIpB) / Tcp(1, 2).PartialChecksum() / Payload(5000);
  const Ipv4Address small_ip = "10.244.1.50"_ip;
  node.AddPod("small", kStrangerMac, small_ip, {}, 600);
  const ScarcePool pool(&node, 1);
  Check({
      {"to cut a giant", kPodA, Input(giant, {.offload = segments}), Drops(DropReason::kNoBuffer)},
      {"to cut a packet", kPodA, FromA(Ipv4(kIpA, small_ip), 1000), Drops(DropReason::kNoBuffer)},
  });
}

TEST_F(DropReasons, NoBufferAtAll) {
  const ScarcePool pool(&node, 0);
  Check({
      {"to gather a frame", kPodA, Input(FromA(Ipv4(kIpA, kIpB)), {.segments = {40}}),
       Drops(DropReason::kNoBuffer)},
      {"an ICMP error isn't sent, and no other thing changes", kPodA,
       FromA(Ipv4(kIpA, kIpB).Ttl(1)), Drops(DropReason::kTtlExpired)},
      {"what needs no buffer goes on", kPodA, FromA(Ipv4(kIpA, kIpB)),
       Sends(kPodB, Datagram(kMacB, kGatewayMac, Ipv4(kIpA, kIpB).Ttl(63)))},
  });
}

TEST_F(DropReasons, EventsThatNobodyTakesAreCounted) {
  const Input alive = Ethernet(MacAddress::Broadcast(), kMacA) / Arp::Announcement(kMacA, kIpA);
  const Result result = node.Run(kPodA, std::vector<Input>(kEventRingSize + 10, alive));
  EXPECT_EQ(result.told.size(), kEventRingSize - 1);
  EXPECT_EQ(node.counters.events_lost.value(), 11u);
  EXPECT_EQ(result.consumed, kEventRingSize + 10);
}

TEST_F(DropReasons, ADropTellsThePort) {
  node.Run(kPodB, {FromA(Ipv4(kIpA, kIpB))});
  const auto spoofed = static_cast<size_t>(DropReason::kSpoofedMac);
  EXPECT_EQ(node.counters.last_drop_port[spoofed].load(), kPodB);
  EXPECT_EQ(node.counters.DropsOf(kPodB, DropReason::kSpoofedMac).value(), 1u);
}

TEST_F(DropReasons, APortWithoutAPortObjectHasNoFrames) {
  RemovePort(kPodB);
  EXPECT_EQ(node.pipeline.Process(kPodB, 0), 0);
}

// Asked when all tests have run, so that their order doesn't matter; and only then, since a choice
// of tests can't show every reason.
class EveryReasonHasARow : public testing::Environment {
 public:
  void TearDown() override {
    const testing::UnitTest& tests = *testing::UnitTest::GetInstance();
    if (tests.test_to_run_count() != tests.total_test_count()) return;
#define X(enumerator, name, help)                                                  \
  EXPECT_TRUE(SeenDropReasons().test(static_cast<size_t>(DropReason::enumerator))) \
      << "no row produced a drop for " #enumerator ": " help;
    PODWARP_DROP_REASONS(X)
#undef X
  }
};

const testing::Environment* const kEveryReasonHasARow =
    testing::AddGlobalTestEnvironment(new EveryReasonHasARow);

}  // namespace
}  // namespace podwarp::test
