// All variants of FindPlainFrames() find the same, whatever the frames are.
#include "dataplane/plain_frames.h"

#include <gtest/gtest.h>
#include <rte_mbuf.h>

#include <cstring>
#include <vector>

#include "support/chance.h"
#include "support/eal.h"
#include "support/mbuf.h"
#include "support/memory_port.h"
#include "support/packet.h"

namespace podwarp::test {
namespace {

using Finder = uint64_t (*)(const PlainHeaders& plain, Burst& burst);

const MacAddress kRouterMac({2, 0, 0, 0, 0, 1});
const MacAddress kSenderMac({2, 0, 0, 0, 0, 2});

MbufPtr PlainFrame(Chance& chance) {
  const Packet packet =
      (Ethernet(kRouterMac, kSenderMac) /
       Ipv4(Ipv4Address(0x0a000000 + chance.Below(1 << 24)), Ipv4Address(10, 1, 2, 3)) /
       Udp(chance.Word(), 9))
          .PadTo(60 + chance.Below(100));
  return MbufPtr(ToMbuf(packet));
}

// A frame that differs from a plain one somewhere, or doesn't in spite of it.
void Spoil(Chance& chance, rte_mbuf* frame) {
  static constexpr uint64_t kFlags[] = {RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED,
                                        RTE_MBUF_F_RX_IP_CKSUM_GOOD, RTE_MBUF_F_RX_IP_CKSUM_BAD,
                                        RTE_MBUF_F_RX_IP_CKSUM_NONE};
  auto* bytes = rte_pktmbuf_mtod(frame, uint8_t*);
  switch (chance.Below(6)) {
    case 0:
      bytes[chance.Below(34)] = chance.Byte();
      break;
    case 1:
      bytes[chance.Below(34)] ^= static_cast<uint8_t>(1 << chance.Below(8));
      break;
    case 2:
      frame->ol_flags |= chance.Of(kFlags);
      frame->vlan_tci = static_cast<uint16_t>(chance.Below(4) | chance.Below(2) << 13);
      break;
    case 3:  // another source or destination, with the sum put right
      bytes[26 + 4 * chance.Below(2)] = chance.Byte();
      std::memset(bytes + 24, 0, 2);
      frame->ol_flags |= RTE_MBUF_F_RX_IP_CKSUM_GOOD;
      break;
    case 4:
      frame->data_len = static_cast<uint16_t>(chance.Below(40));
      frame->pkt_len = frame->data_len;
      break;
    case 5:
      frame->nb_segs = static_cast<uint16_t>(1 + chance.Below(3));
      break;
  }
}

struct Found {
  uint64_t plain;
  std::vector<uint32_t> destinations;  // of the plain ones
  uint64_t flags;
  uint16_t segments;
  uint32_t longest_bytes;
  uint64_t bytes;
};

Found FindBy(Finder finder, const PortSettings& port, const std::vector<MbufPtr>& frames) {
  Burst burst{Ingress{}};
  for (const MbufPtr& frame : frames) burst.Add(frame.get());
  burst.traits = BurstTraits::OfNone();
  Found found = {.plain = finder(PlainHeaders(port), burst)};
  for (uint16_t i = 0; i < burst.count; ++i) {
    if ((found.plain >> i & 1) != 0) found.destinations.push_back(burst.destinations[i]);
  }
  found.flags = burst.traits.flags;
  found.segments = burst.traits.segments;
  found.longest_bytes = burst.traits.longest_bytes;
  found.bytes = burst.traits.bytes;
  return found;
}

std::vector<Finder> Variants() {
  std::vector<Finder> variants = {FindPlainFrames};
  if (CanFindPlainFramesByAvx512()) variants.push_back(FindPlainFramesAvx512);
  return variants;
}

PortSettings Port(PortRole role, uint16_t vlan_id = 0) {
  return {.name = "port", .role = role, .router_mac = kRouterMac, .vlan_id = vlan_id};
}

TEST(PlainFrames, AreFoundInBurstsOfEveryLength) {
  Chance chance(1);
  for (const Finder finder : Variants()) {
    for (uint16_t count = 0; count <= kBurstFrames; ++count) {
      std::vector<MbufPtr> frames;
      for (uint16_t i = 0; i < count; ++i) frames.push_back(PlainFrame(chance));
      const Found found = FindBy(finder, Port(PortRole::kUplink), frames);
      EXPECT_EQ(found.plain, FirstFrames(count));
      EXPECT_EQ(found.destinations, std::vector<uint32_t>(count, Ipv4Address(10, 1, 2, 3).value()));
      EXPECT_EQ(found.segments, count == 0 ? 0 : 1);
    }
  }
}

TEST(PlainFrames, AreTheSameForAllVariants) {
  Chance chance(2);
  uint64_t plain = 0, others = 0;
  for (int round = 0; round < 2000; ++round) {
    const PortSettings port =
        Port(chance.OneIn(2) ? PortRole::kUplink : PortRole::kPod,
             static_cast<uint16_t>(chance.OneIn(4) ? 1 + chance.Below(2) : 0));
    std::vector<MbufPtr> frames;
    for (uint32_t i = chance.Below(kBurstFrames + 1); i > 0; --i) {
      frames.push_back(PlainFrame(chance));
      // Often one of eight at a time.
      if (chance.OneIn(6)) Spoil(chance, frames.back().get());
      if (port.vlan_id != 0 && !chance.OneIn(6)) {
        frames.back()->ol_flags |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
        frames.back()->vlan_tci = port.vlan_id;
      }
    }
    const Found expected = FindBy(FindPlainFrames, port, frames);
    for (const Finder finder : Variants()) {
      const Found found = FindBy(finder, port, frames);
      ASSERT_EQ(found.plain, expected.plain) << "round " << round;
      ASSERT_EQ(found.flags, expected.flags);
      ASSERT_EQ(found.segments, expected.segments);
      ASSERT_EQ(found.longest_bytes, expected.longest_bytes);
      ASSERT_EQ(found.bytes, expected.bytes);
      ASSERT_EQ(found.destinations, expected.destinations);
    }
    const auto found = static_cast<uint64_t>(__builtin_popcountll(expected.plain));
    plain += found;
    others += frames.size() - found;
    for (MbufPtr& frame : frames) frame->nb_segs = 1;  // as it was
  }
  EXPECT_GT(plain, 10'000u);
  EXPECT_GT(others, 5'000u);
}

TEST(PlainFrames, HaveAnotherSourceThanTheUplinkItself) {
  Chance chance(3);
  for (const Finder finder : Variants()) {
    std::vector<MbufPtr> frames;
    for (int i = 0; i < 16; ++i) {
      frames.push_back(PlainFrame(chance));
      if (i % 3 == 0) {
        std::memcpy(rte_pktmbuf_mtod(frames.back().get(), uint8_t*) + 6, &kRouterMac, 6);
      }
    }
    EXPECT_EQ(FindBy(finder, Port(PortRole::kUplink), frames).plain, 0b0110'1101'1011'0110u);
    EXPECT_EQ(FindBy(finder, Port(PortRole::kPod), frames).plain, 0xffffu);
  }
}

}  // namespace
}  // namespace podwarp::test
