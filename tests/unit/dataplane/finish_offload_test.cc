#include "dataplane/finish_offload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <ranges>
#include <string>
#include <vector>

#include "podwarp/net/headers.h"
#include "support/eal.h"

namespace podwarp {
namespace {

using test::BuffersInUse;
using test::TestPool;
using Bytes = std::vector<uint8_t>;

constexpr uint16_t kCapacity = 256;

// RFC 1071 as it is written, in the order of the wire: shares nothing with the code under test.
uint16_t Sum(const Bytes& bytes, size_t begin, size_t end, uint32_t sum = 0) {
  for (size_t i = begin; i < end; i += 2) {
    sum += uint32_t{bytes[i]} << 8;
    if (i + 1 < end) sum += bytes[i + 1];
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return static_cast<uint16_t>(sum);
}

uint16_t At16(const Bytes& bytes, size_t offset) {
  return static_cast<uint16_t>(bytes[offset] << 8 | bytes[offset + 1]);
}
uint32_t At32(const Bytes& bytes, size_t offset) {
  return uint32_t{At16(bytes, offset)} << 16 | At16(bytes, offset + 2);
}
void Put16(Bytes* bytes, size_t offset, unsigned value) {
  (*bytes)[offset] = static_cast<uint8_t>(value >> 8);
  (*bytes)[offset + 1] = static_cast<uint8_t>(value);
}

uint16_t PseudoHeader(const Bytes& frame, size_t l3, size_t l4_bytes) {
  return Sum(frame, l3 + 12, l3 + 20, static_cast<uint32_t>(frame[l3 + 9] + l4_bytes));
}
bool IpChecksumIsRight(const Bytes& frame, size_t l3 = 14) {
  return Sum(frame, l3, l3 + (frame[l3] & 15) * 4u) == 0xffff;
}
bool L4ChecksumIsRight(const Bytes& frame, size_t l3 = 14) {
  const size_t l4 = l3 + (frame[l3] & 15) * 4u;
  const size_t end = l3 + At16(frame, l3 + 2);
  return Sum(frame, l4, end, PseudoHeader(frame, l3, end - l4)) == 0xffff;
}

struct Spec {
  uint8_t protocol = kIpProtocolTcp;
  size_t payload_bytes = 1000;
  uint16_t segment_bytes = 0;
  size_t ip_options = 0;
  size_t tcp_options = 12;
  uint8_t tcp_flags = 0x10;  // ACK
  size_t padding = 0;
  bool udp_datagrams = false;
};

Offload OffloadOfSpec(const Spec& spec) {
  Offload offload = {};
  offload.segment_bytes = spec.segment_bytes;
  offload.l3_bytes = static_cast<uint8_t>(20 + spec.ip_options);
  offload.l4_bytes =
      static_cast<uint8_t>(spec.protocol == kIpProtocolTcp ? 20 + spec.tcp_options : 8);
  offload.checksum_wanted = true;
  offload.l4_protocol = spec.protocol;
  offload.udp_datagrams = spec.udp_datagrams;
  return offload;
}

// A frame with the pseudo-header's sum in its checksum field.
Bytes MakeFrame(const Spec& spec) {
  const Offload offload = OffloadOfSpec(spec);
  const size_t l4 = 14u + offload.l3_bytes;
  const size_t payload = l4 + offload.l4_bytes;
  const size_t end = payload + spec.payload_bytes;
  Bytes frame(end + spec.padding, 0);
  for (size_t i = 0; i < 12; ++i) frame[i] = static_cast<uint8_t>(i + 2);
  Put16(&frame, 12, 0x0800);
  frame[14] = static_cast<uint8_t>(0x40 | offload.l3_bytes / 4);
  Put16(&frame, 16, static_cast<unsigned>(end - 14));
  Put16(&frame, 18, 0xfffe);  // the identification wraps
  Put16(&frame, 20, 0x4000);
  frame[22] = 64;
  frame[23] = spec.protocol;
  const uint8_t addresses[] = {10, 244, 1, 10, 10, 244, 2, 10};
  std::copy_n(addresses, 8, frame.begin() + 26);
  for (size_t i = 34; i < l4; ++i) frame[i] = 1;  // no-operation options
  Put16(&frame, 24, static_cast<uint16_t>(~Sum(frame, 14, l4)));
  Put16(&frame, l4, 40000);
  Put16(&frame, l4 + 2, 443);
  const uint16_t partial = PseudoHeader(frame, 14, end - l4);
  if (spec.protocol == kIpProtocolTcp) {
    Put16(&frame, l4 + 4, 0xffff);  // the sequence number wraps
    Put16(&frame, l4 + 6, 0xf000);
    frame[l4 + 12] = static_cast<uint8_t>(offload.l4_bytes << 2);
    frame[l4 + 13] = spec.tcp_flags;
    Put16(&frame, l4 + 16, partial);
    for (size_t i = l4 + 20; i < payload; ++i) frame[i] = 1;
  } else {
    Put16(&frame, l4 + 4, static_cast<unsigned>(end - l4));
    Put16(&frame, l4 + 6, partial);
  }
  for (size_t i = payload; i < end; ++i) frame[i] = static_cast<uint8_t>(i * 2654435761u >> 13);
  for (size_t i = end; i < frame.size(); ++i) frame[i] = 0xee;  // must not be summed
  return frame;
}

// Into mbufs of `first`, then `next` bytes each.
rte_mbuf* ToMbufs(const Bytes& bytes, size_t first = 2000, size_t next = 1999) {
  rte_mbuf* head = nullptr;
  rte_mbuf* tail = nullptr;
  for (size_t done = 0; done < bytes.size();) {
    rte_mbuf* mbuf = rte_pktmbuf_alloc(TestPool());
    const auto part =
        static_cast<uint16_t>(std::min(head == nullptr ? first : next, bytes.size() - done));
    std::memcpy(rte_pktmbuf_append(mbuf, part), bytes.data() + done, part);
    done += part;
    if (head == nullptr) {
      head = mbuf;
    } else {
      tail->next = mbuf;
      ++head->nb_segs;
      head->pkt_len += part;
    }
    tail = mbuf;
  }
  head->port = 7;
  return head;
}

rte_mbuf* MakeMbufs(const Spec& spec, size_t first = 2000, size_t next = 1999) {
  rte_mbuf* frame = ToMbufs(MakeFrame(spec), first, next);
  SetOffload(frame, OffloadOfSpec(spec));
  return frame;
}

Bytes ToBytes(const rte_mbuf* frame) {
  EXPECT_EQ(rte_mbuf_check(frame, 1, nullptr), 0);
  Bytes bytes;
  for (; frame != nullptr; frame = frame->next) {
    const auto* data = rte_pktmbuf_mtod(frame, const uint8_t*);
    bytes.insert(bytes.end(), data, data + rte_pktmbuf_data_len(frame));
  }
  return bytes;
}

// What came out, with the buffers given back.
struct Result {
  OffloadVerdict verdict;
  std::vector<Bytes> frames;
  std::vector<uint64_t> flags;
  std::vector<Offload> offloads;  // meaningful if the frame's flags say so
  Bytes input_after;

  bool has_offload(size_t i) const { return (flags[i] & offload_internal::flag) != 0; }
};

Result Finish(rte_mbuf* frame, const PortCapabilities& port, uint16_t capacity = kCapacity,
              rte_mempool* pool = TestPool()) {
  std::vector<rte_mbuf*> out(capacity, nullptr);
  const FinishedOffload finished = FinishOffload(frame, port, pool, out.data(), capacity);
  Result result;
  result.verdict = finished.verdict;
  result.input_after = ToBytes(frame);
  for (uint16_t i = 0; i < finished.count; ++i) {
    result.frames.push_back(ToBytes(out[i]));
    result.flags.push_back(out[i]->ol_flags);
    result.offloads.push_back(*OffloadOf(out[i]));
    EXPECT_EQ(out[i]->port, frame->port);
    if (!port.multi_segment || result.verdict == OffloadVerdict::kReplaced) {
      EXPECT_EQ(out[i]->nb_segs, 1);
    }
    if (finished.verdict == OffloadVerdict::kReplaced) rte_pktmbuf_free(out[i]);
  }
  rte_pktmbuf_free(frame);
  return result;
}

// Every test gives back each buffer that it took, and so does the code.
class FinishOffloadTest : public testing::Test {
 protected:
  void SetUp() override { before_ = BuffersInUse(); }
  void TearDown() override { EXPECT_EQ(BuffersInUse(), before_) << "buffers lost or freed twice"; }

 private:
  unsigned before_ = 0;
};

// --- Checksums ---

TEST_F(FinishOffloadTest, FillsInAChecksumWhereTheFrameLies) {
  for (const uint8_t protocol : {kIpProtocolTcp, kIpProtocolUdp}) {
    for (const size_t payload : {0u, 1u, 2u, 999u, 1448u}) {
      for (const size_t padding : {0u, 13u}) {
        const Spec spec = {.protocol = protocol, .payload_bytes = payload, .padding = padding};
        const Result result = Finish(MakeMbufs(spec), {});
        ASSERT_EQ(result.verdict, OffloadVerdict::kInPlace);
        ASSERT_EQ(result.frames.size(), 1u);
        EXPECT_TRUE(L4ChecksumIsRight(result.frames[0])) << payload << "+" << padding;
        EXPECT_FALSE(result.has_offload(0));
        // Nothing else has changed.
        Bytes expected = MakeFrame(spec);
        const size_t field = protocol == kIpProtocolTcp ? 34 + 16 : 34 + 6;
        Put16(&expected, field, At16(result.frames[0], field));
        EXPECT_EQ(result.frames[0], expected);
      }
    }
  }
}

TEST_F(FinishOffloadTest, SumsOverMbufsOfOddLengths) {
  PortCapabilities port;
  port.multi_segment = true;
  for (const size_t first : {66u, 67u, 101u}) {
    for (const size_t next : {1u, 3u, 64u, 77u}) {
      const Result result = Finish(MakeMbufs({.payload_bytes = 601}, first, next), port);
      ASSERT_EQ(result.verdict, OffloadVerdict::kInPlace);
      EXPECT_TRUE(L4ChecksumIsRight(result.frames[0])) << first << ", " << next;
    }
  }
}

TEST_F(FinishOffloadTest, UdpChecksumOfZeroIsSentAsAllOnes) {
  const Spec spec = {.protocol = kIpProtocolUdp, .payload_bytes = 2};
  Bytes frame = MakeFrame(spec);
  // The payload that makes the whole sum to ffff, whose complement is zero.
  Put16(&frame, 42, 0);
  Put16(&frame, 42, static_cast<uint16_t>(~Sum(frame, 34, frame.size())));
  rte_mbuf* mbuf = ToMbufs(frame);
  SetOffload(mbuf, OffloadOfSpec(spec));
  const Result result = Finish(mbuf, {});
  ASSERT_EQ(result.frames.size(), 1u);
  EXPECT_EQ(At16(result.frames[0], 40), 0xffff);
}

TEST_F(FinishOffloadTest, LeavesToThePortWhatItCanDo) {
  const PortCapabilities port = {.checksum = true,
                                 .tcp_segments = true,
                                 .udp_datagrams = true,
                                 .vlan_insert = true,
                                 .multi_segment = true};
  const Spec spec = {.payload_bytes = 30000, .segment_bytes = 1448};
  rte_mbuf* frame = MakeMbufs(spec);
  frame->ol_flags |= RTE_MBUF_F_TX_VLAN;
  const Result result = Finish(frame, port);
  EXPECT_EQ(result.verdict, OffloadVerdict::kInPlace);
  EXPECT_EQ(result.frames, std::vector<Bytes>{MakeFrame(spec)});
  EXPECT_TRUE(result.has_offload(0));
  EXPECT_EQ(result.offloads[0].segment_bytes, 1448);
  EXPECT_NE(result.flags[0] & RTE_MBUF_F_TX_VLAN, 0u);
}

TEST_F(FinishOffloadTest, APayloadOfOneSegmentIsNotCut) {
  const Result result = Finish(MakeMbufs({.payload_bytes = 1448, .segment_bytes = 1448}), {});
  EXPECT_EQ(result.verdict, OffloadVerdict::kInPlace);
  EXPECT_TRUE(L4ChecksumIsRight(result.frames[0]));
}

// --- TCP segments ---

// Everything that must hold of the segments of the frame `spec` describes.
void ExpectSegments(const Spec& spec, const Result& result, bool checksums_done) {
  const Bytes whole = MakeFrame(spec);
  const size_t header = 14u + 20 + spec.ip_options + 20 + spec.tcp_options;
  const size_t l4 = 14u + 20 + spec.ip_options;
  ASSERT_EQ(result.verdict, OffloadVerdict::kReplaced);
  ASSERT_EQ(result.frames.size(),
            (spec.payload_bytes + spec.segment_bytes - 1) / spec.segment_bytes);
  EXPECT_EQ(result.input_after, whole);
  Bytes payload;
  for (size_t i = 0; i < result.frames.size(); ++i) {
    const Bytes& piece = result.frames[i];
    const bool last = i + 1 == result.frames.size();
    ASSERT_GT(piece.size(), header);
    if (!last) {
      ASSERT_EQ(piece.size(), header + spec.segment_bytes);
    }
    EXPECT_EQ(At16(piece, 16), piece.size() - 14);
    EXPECT_EQ(At16(piece, 18), static_cast<uint16_t>(At16(whole, 18) + i));
    EXPECT_EQ(At32(piece, l4 + 4),
              static_cast<uint32_t>(At32(whole, l4 + 4) + i * spec.segment_bytes));
    const uint8_t dropped = static_cast<uint8_t>((last ? 0 : 0x09) | (i == 0 ? 0 : 0x80));
    EXPECT_EQ(piece[l4 + 13], spec.tcp_flags & ~dropped) << "segment " << i;
    EXPECT_TRUE(IpChecksumIsRight(piece)) << "segment " << i;
    if (checksums_done) {
      EXPECT_TRUE(L4ChecksumIsRight(piece)) << "segment " << i;
      EXPECT_FALSE(result.has_offload(i));
    } else {
      EXPECT_EQ(At16(piece, l4 + 16), PseudoHeader(piece, 14, piece.size() - l4));
      ASSERT_TRUE(result.has_offload(i));
      EXPECT_TRUE(result.offloads[i].checksum_wanted);
      EXPECT_EQ(result.offloads[i].segment_bytes, 0);
      EXPECT_EQ(result.offloads[i].l4_bytes, 20 + spec.tcp_options);
    }
    // The rest of the header is the input's.
    Bytes expected(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(header));
    for (const size_t field : {size_t{16}, size_t{18}, size_t{24}, l4 + 4, l4 + 6, l4 + 16}) {
      Put16(&expected, field, At16(piece, field));
    }
    expected[l4 + 13] = piece[l4 + 13];
    EXPECT_TRUE(std::equal(expected.begin(), expected.end(), piece.begin()));
    payload.insert(payload.end(), piece.begin() + static_cast<ptrdiff_t>(header), piece.end());
  }
  EXPECT_EQ(payload, Bytes(whole.begin() + static_cast<ptrdiff_t>(header),
                           whole.begin() + static_cast<ptrdiff_t>(header + spec.payload_bytes)));
}

TEST_F(FinishOffloadTest, CutsTcpOfAllSizes) {
  for (const size_t payload : {1449u, 2896u, 2897u, 8000u, 65000u, 65483u}) {
    for (const auto segment : std::initializer_list<uint16_t>{536, 1447, 1448, 1900}) {
      if (payload <= segment) continue;
      // FIN, PSH, ACK and CWR.
      const Spec spec = {.payload_bytes = payload,
                         .segment_bytes = segment,
                         .tcp_flags = 0x01 | 0x08 | 0x10 | 0x80};
      ExpectSegments(spec, Finish(MakeMbufs(spec), {}), true);
    }
  }
}

TEST_F(FinishOffloadTest, CutsFramesHoweverTheirMbufsLie) {
  const Spec spec = {.payload_bytes = 20000, .segment_bytes = 1448};
  for (const size_t first : {66u, 67u, 2000u}) {  // the headers alone, and more
    for (const size_t next : {1u << 11, 1448u, 333u}) {
      ExpectSegments(spec, Finish(MakeMbufs(spec, first, next), {}), true);
    }
  }
}

TEST_F(FinishOffloadTest, CutsWithOptionsAndPadding) {
  const Spec spec = {.payload_bytes = 9000,
                     .segment_bytes = 1300,
                     .ip_options = 8,
                     .tcp_options = 40,
                     .padding = 5};
  ExpectSegments(spec, Finish(MakeMbufs(spec), {}), true);
}

TEST_F(FinishOffloadTest, LeavesTheSegmentsChecksumsToThePort) {
  PortCapabilities port;
  port.checksum = true;
  const Spec spec = {.payload_bytes = 9000, .segment_bytes = 1300};
  ExpectSegments(spec, Finish(MakeMbufs(spec), port), false);
}

TEST_F(FinishOffloadTest, APortThatCutsButTakesNoChainsGetsSegments) {
  PortCapabilities port;
  port.tcp_segments = true;
  const Spec spec = {.payload_bytes = 9000, .segment_bytes = 1300};
  ExpectSegments(spec, Finish(MakeMbufs(spec), port), true);
}

// --- UDP fragments ---

TEST_F(FinishOffloadTest, CutsUdpIntoFragmentsOfOneDatagram) {
  for (const size_t payload : {3000u, 20001u}) {
    const Spec spec = {.protocol = kIpProtocolUdp, .payload_bytes = payload, .segment_bytes = 1483};
    const Bytes whole = MakeFrame(spec);
    const Result result = Finish(MakeMbufs(spec, 300, 1111), {});
    ASSERT_EQ(result.verdict, OffloadVerdict::kReplaced);
    EXPECT_EQ(result.input_after, whole);
    ASSERT_EQ(result.frames.size(), (payload + 8 + 1479) / 1480);
    Bytes together(whole.begin(), whole.begin() + 34);
    for (size_t i = 0; i < result.frames.size(); ++i) {
      const Bytes& piece = result.frames[i];
      const bool last = i + 1 == result.frames.size();
      EXPECT_EQ(At16(piece, 16), piece.size() - 14);
      EXPECT_EQ(At16(piece, 18), At16(whole, 18));
      EXPECT_EQ(At16(piece, 20), i * 185 + (last ? 0 : 0x2000));
      EXPECT_TRUE(IpChecksumIsRight(piece));
      EXPECT_FALSE(result.has_offload(i));
      together.insert(together.end(), piece.begin() + 34, piece.end());
    }
    EXPECT_TRUE(L4ChecksumIsRight(together));
    Put16(&together, 40, At16(whole, 40));
    EXPECT_EQ(together, whole);
  }
}

// --- UDP datagrams ---

TEST_F(FinishOffloadTest, CutsUdpIntoDatagrams) {
  const Spec spec = {.protocol = kIpProtocolUdp,
                     .payload_bytes = 3001,
                     .segment_bytes = 1000,
                     .udp_datagrams = true};
  const Bytes whole = MakeFrame(spec);
  const Result result = Finish(MakeMbufs(spec, 300, 1111), {});
  ASSERT_EQ(result.verdict, OffloadVerdict::kReplaced);
  ASSERT_EQ(result.frames.size(), 4u);
  Bytes payload;
  for (size_t i = 0; i < 4; ++i) {
    const Bytes& piece = result.frames[i];
    ASSERT_EQ(piece.size(), 42u + (i < 3 ? 1000 : 1));
    EXPECT_EQ(At16(piece, 16), piece.size() - 14);
    EXPECT_EQ(At16(piece, 18), static_cast<uint16_t>(At16(whole, 18) + i));
    EXPECT_EQ(At16(piece, 20), At16(whole, 20));
    EXPECT_EQ(At16(piece, 38), piece.size() - 34);
    EXPECT_TRUE(IpChecksumIsRight(piece));
    EXPECT_TRUE(L4ChecksumIsRight(piece));
    EXPECT_FALSE(result.has_offload(i));
    payload.insert(payload.end(), piece.begin() + 42, piece.end());
  }
  EXPECT_EQ(payload, Bytes(whole.begin() + 42, whole.end()));
}

TEST_F(FinishOffloadTest, LeavesUdpToAPortThatCutsItsKind) {
  for (const bool datagrams : {false, true}) {
    const Spec spec = {.protocol = kIpProtocolUdp,
                       .payload_bytes = 5000,
                       .segment_bytes = 1000,
                       .udp_datagrams = datagrams};
    const PortCapabilities same = {.checksum = true,
                                   .udp_datagrams = datagrams,
                                   .udp_fragments = !datagrams,
                                   .multi_segment = true};
    EXPECT_EQ(Finish(MakeMbufs(spec), same).verdict, OffloadVerdict::kInPlace);
    const PortCapabilities other = {.checksum = true,
                                    .udp_datagrams = !datagrams,
                                    .udp_fragments = datagrams,
                                    .multi_segment = true};
    EXPECT_EQ(Finish(MakeMbufs(spec), other).verdict, OffloadVerdict::kReplaced);
  }
}

// --- VLAN tags and mbuf chains ---

Bytes WithTag(Bytes frame, uint16_t tci) {
  const uint8_t tag[] = {0x81, 0x00, static_cast<uint8_t>(tci >> 8), static_cast<uint8_t>(tci)};
  frame.insert(frame.begin() + 12, std::begin(tag), std::end(tag));
  return frame;
}

rte_mbuf* Tag(rte_mbuf* frame, uint16_t tci) {
  frame->vlan_tci = tci;
  frame->ol_flags |= RTE_MBUF_F_TX_VLAN;
  return frame;
}

TEST_F(FinishOffloadTest, InsertsTheVlanTag) {
  const Bytes bytes = MakeFrame({});
  const Result result = Finish(Tag(ToMbufs(bytes), 0x6123), {});
  EXPECT_EQ(result.verdict, OffloadVerdict::kInPlace);
  EXPECT_EQ(result.frames, std::vector<Bytes>{WithTag(bytes, 0x6123)});
  EXPECT_EQ(result.flags[0] & RTE_MBUF_F_TX_VLAN, 0u);
}

TEST_F(FinishOffloadTest, CopiesAFrameWithoutRoomForTheTag) {
  const Bytes bytes = MakeFrame({});
  rte_mbuf* frame = ToMbufs(Bytes(124, 0xff));
  rte_pktmbuf_reset(frame);
  frame->data_off = 3;
  std::memcpy(rte_pktmbuf_append(frame, static_cast<uint16_t>(bytes.size())), bytes.data(),
              bytes.size());
  const Result result = Finish(Tag(frame, 100), {});
  EXPECT_EQ(result.verdict, OffloadVerdict::kReplaced);
  EXPECT_EQ(result.frames, std::vector<Bytes>{WithTag(bytes, 100)});
  EXPECT_EQ(result.input_after, bytes);
}

TEST_F(FinishOffloadTest, TagsEverySegment) {
  const Spec spec = {.payload_bytes = 5000, .segment_bytes = 1400};
  const Result result = Finish(Tag(MakeMbufs(spec), 100), {});
  ASSERT_EQ(result.frames.size(), 4u);
  for (const Bytes& piece : result.frames) {
    EXPECT_EQ(At16(piece, 12), 0x8100);
    EXPECT_EQ(At16(piece, 14), 100);
    EXPECT_EQ(At16(piece, 16), 0x0800);
    EXPECT_TRUE(IpChecksumIsRight(piece, 18));
    EXPECT_TRUE(L4ChecksumIsRight(piece, 18));
  }
}

TEST_F(FinishOffloadTest, LeavesTheTagOfEverySegmentToThePort) {
  PortCapabilities port;
  port.vlan_insert = true;
  rte_mbuf* frame = Tag(MakeMbufs({.payload_bytes = 5000, .segment_bytes = 1400}), 100);
  rte_mbuf* out[8];
  const FinishedOffload finished = FinishOffload(frame, port, TestPool(), out, 8);
  ASSERT_EQ(finished.count, 4);
  for (rte_mbuf* piece : out | std::views::take(4)) {
    EXPECT_NE(piece->ol_flags & RTE_MBUF_F_TX_VLAN, 0u);
    EXPECT_EQ(piece->vlan_tci, 100);
    rte_pktmbuf_free(piece);
  }
  rte_pktmbuf_free(frame);
}

TEST_F(FinishOffloadTest, GathersAChainForAPortThatTakesNone) {
  const Bytes bytes = MakeFrame({});
  Result result = Finish(ToMbufs(bytes, 70, 50), {});
  EXPECT_EQ(result.verdict, OffloadVerdict::kReplaced);
  EXPECT_EQ(result.frames, std::vector<Bytes>{bytes});

  result = Finish(MakeMbufs({}, 70, 51), {});
  EXPECT_EQ(result.verdict, OffloadVerdict::kReplaced);
  EXPECT_TRUE(L4ChecksumIsRight(result.frames[0]));
  EXPECT_EQ(result.input_after, bytes);
}

TEST_F(FinishOffloadTest, KnowsWhichFramesNeedIt) {
  rte_mbuf* plain = ToMbufs(MakeFrame({}));
  rte_mbuf* chain = ToMbufs(MakeFrame({}), 100, 100);
  rte_mbuf* open = MakeMbufs({});
  PortCapabilities chains;
  chains.multi_segment = true;
  EXPECT_FALSE(NeedsFinishing(plain, {}));
  EXPECT_TRUE(NeedsFinishing(chain, {}));
  EXPECT_FALSE(NeedsFinishing(chain, chains));
  EXPECT_TRUE(NeedsFinishing(open, chains));
  EXPECT_TRUE(NeedsFinishing(Tag(plain, 5), chains));
  for (rte_mbuf* frame : {plain, chain, open}) rte_pktmbuf_free(frame);
}

// --- Refusals: the input is as it was, and no buffer is gone. ---

void ExpectRefusal(rte_mbuf* frame, OffloadVerdict verdict, uint16_t capacity = kCapacity,
                   rte_mempool* pool = TestPool()) {
  const Bytes before = ToBytes(frame);
  const Result result = Finish(frame, {}, capacity, pool);
  EXPECT_EQ(result.verdict, verdict);
  EXPECT_TRUE(result.frames.empty());
  EXPECT_EQ(result.input_after, before);
}

TEST_F(FinishOffloadTest, RefusesMoreSegmentsThanThereIsRoomFor) {
  const Spec spec = {.payload_bytes = 5600, .segment_bytes = 1400};
  ExpectSegments(spec, Finish(MakeMbufs(spec), {}, 4), true);
  ExpectRefusal(MakeMbufs(spec), OffloadVerdict::kTooManyPieces, 3);
  ExpectRefusal(MakeMbufs({.payload_bytes = 60000, .segment_bytes = 1}),
                OffloadVerdict::kTooManyPieces);
}

TEST_F(FinishOffloadTest, RefusesWhenThePoolIsShort) {
  rte_mempool* small = rte_pktmbuf_pool_create("small", 3, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
  ASSERT_NE(small, nullptr);
  const Spec spec = {.payload_bytes = 5600, .segment_bytes = 1400};
  ExpectRefusal(MakeMbufs(spec), OffloadVerdict::kNoBuffer, kCapacity, small);
  EXPECT_EQ(rte_mempool_in_use_count(small), 0u);
  rte_mempool_free(small);
}

TEST_F(FinishOffloadTest, RefusesWhatFitsNoBuffer) {
  ExpectRefusal(MakeMbufs({.payload_bytes = 9000, .segment_bytes = 4000}),
                OffloadVerdict::kUnsupported);
  ExpectRefusal(ToMbufs(Bytes(5000, 1)), OffloadVerdict::kUnsupported);
}

TEST_F(FinishOffloadTest, RefusesHeadersThatContradictTheOffload) {
  // The IP packet has 0x140a bytes: without its high byte, fewer than the headers.
  const Spec spec = {.payload_bytes = 0x140a - 52, .segment_bytes = 1400};
  const auto with = [&](size_t offset, unsigned value) {
    rte_mbuf* frame = MakeMbufs(spec);
    *rte_pktmbuf_mtod_offset(frame, uint8_t*, offset) = static_cast<uint8_t>(value);
    return frame;
  };
  ExpectRefusal(with(12, 0x86), OffloadVerdict::kUnsupported);  // no IPv4
  ExpectRefusal(with(14, 0x65), OffloadVerdict::kUnsupported);
  ExpectRefusal(with(14, 0x46), OffloadVerdict::kMalformed);  // another header length
  ExpectRefusal(with(16, 0xff), OffloadVerdict::kMalformed);  // longer than the frame
  ExpectRefusal(with(16, 0x00), OffloadVerdict::kMalformed);  // shorter than the TCP header
  ExpectRefusal(with(20, 0x20), OffloadVerdict::kMalformed);  // a fragment
  ExpectRefusal(with(23, kIpProtocolUdp), OffloadVerdict::kMalformed);
  ExpectRefusal(with(46, 0x50), OffloadVerdict::kMalformed);  // another TCP header length
  // Headers that don't end in the first mbuf.
  ExpectRefusal(MakeMbufs(spec, 65), OffloadVerdict::kMalformed);
  ExpectRefusal(MakeMbufs(spec, 20), OffloadVerdict::kMalformed);

  rte_mbuf* sctp = MakeMbufs(spec);
  OffloadOf(sctp)->l4_protocol = 132;
  ExpectRefusal(sctp, OffloadVerdict::kUnsupported);
}

// No Offload, however senseless, makes it read or write beside the frame (under ASan), lose a
// buffer, or give out a frame that is no frame.
TEST_F(FinishOffloadTest, SurvivesEveryOffload) {
  uint64_t random = 1;
  const auto next = [&random] {
    random = random * 6364136223846793005u + 1442695040888963407u;
    return static_cast<uint32_t>(random >> 33);
  };
  for (int i = 0; i < 20000; ++i) {
    Spec spec;
    spec.protocol = next() % 2 == 0 ? kIpProtocolTcp : kIpProtocolUdp;
    spec.payload_bytes = next() % 3000;
    spec.segment_bytes = static_cast<uint16_t>(next() % 4 == 0 ? next() : next() % 1500);
    rte_mbuf* frame = MakeMbufs(spec, 1 + next() % 200, 1 + next() % 2000);
    for (uint32_t flips = next() % 3; flips > 0; --flips) {
      const uint32_t at = next() % std::min<uint32_t>(60, frame->data_len);
      *rte_pktmbuf_mtod_offset(frame, uint8_t*, at) ^= static_cast<uint8_t>(1u << next() % 8);
    }
    if (next() % 4 == 0) OffloadOf(frame)->l3_bytes = static_cast<uint8_t>(next());
    if (next() % 4 == 0) OffloadOf(frame)->l4_bytes = static_cast<uint8_t>(next());
    if (next() % 2 == 0) Tag(frame, 5);
    PortCapabilities port;
    port.checksum = next() % 2 == 0;
    port.tcp_segments = next() % 4 == 0;
    port.multi_segment = next() % 2 == 0;
    const Result result = Finish(frame, port);
    const bool success = result.verdict <= OffloadVerdict::kReplaced;
    ASSERT_EQ(success, !result.frames.empty());
  }
}

}  // namespace
}  // namespace podwarp
