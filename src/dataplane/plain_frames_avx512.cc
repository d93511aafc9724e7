// Theory of operation
//
// Of each frame two blocks of 32 bytes matter: the middle of its mbuf's first cache line, and its
// headers from the third byte on, which end where the block does. Eight such blocks are turned
// about, so that a vector holds the same 64-bit word of eight frames; then each question is asked
// of all eight at once.
//
//   mbuf     0 data_off, refcnt, nb_segs, port     header  0 destination[2..5], source[0..3]
//            1 ol_flags                                    1 source[4..5], type, version, tos,
//            length 2 packet_type, pkt_len                        2 identification ... checksum 3
//            data_len, vlan_tci, hash                    3 source, destination
//
// Answers are collected as bits of vectors that must be zero, rather than as masks, for masks are
// combined one after the other. The two bytes before the block are compared apart, and eight frames
// of which one differs there, or is too short to be read so, are examined one by one.
#include <immintrin.h>

#include <algorithm>
#include <cstddef>

#include "dataplane/plain_frame.h"
#include "dataplane/plain_frames.h"

#ifndef __clang__
// g++ 12 warns of what its own header leaves undefined on purpose (GCC bug 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

namespace podwarp {

#ifdef __x86_64__
namespace {

// The tuning is for loads of 32 bytes in one piece.
#define PODWARP_AVX512 \
  gnu::target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2,tune=icelake-server")
#define PODWARP_AVX512_INLINE PODWARP_AVX512, gnu::always_inline

constexpr int kLanes = 8;

static_assert(offsetof(rte_mbuf, ol_flags) == offsetof(rte_mbuf, data_off) + 8 &&
              offsetof(rte_mbuf, pkt_len) == offsetof(rte_mbuf, data_off) + 20 &&
              offsetof(rte_mbuf, data_len) == offsetof(rte_mbuf, data_off) + 24 &&
              offsetof(rte_mbuf, vlan_tci) == offsetof(rte_mbuf, data_off) + 26);
constexpr size_t kBlockInHeader = 2;
static_assert(kBlockInHeader + 32 == kPlainHeaderBytes);

struct Words {
  __m512i at[4];
};

[[PODWARP_AVX512_INLINE]] inline __m512i All(uint64_t value) {
  return _mm512_set1_epi64(static_cast<long long>(value));
}

// A constant that stays in its register: left alone, the compiler makes it anew for each group.
[[PODWARP_AVX512_INLINE]] inline __m512i Keep(__m512i words) {
  __asm__("" : "+v"(words));
  return words;
}
[[PODWARP_AVX512_INLINE]] inline __m512i KeepAll(uint64_t value) { return Keep(All(value)); }

[[PODWARP_AVX512_INLINE]] inline __m512i TwoBlocks(const uint8_t* first, const uint8_t* second) {
  const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i_u*>(first));
  const __m256i high = _mm256_loadu_si256(reinterpret_cast<const __m256i_u*>(second));
  return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}

// Word by word what eight blocks hold block by block.
[[PODWARP_AVX512_INLINE]] inline Words TurnAbout(const uint8_t* const (&blocks)[kLanes]) {
  const __m512i words01 = _mm512_setr_epi64(0, 4, 8, 12, 1, 5, 9, 13);
  const __m512i words23 = _mm512_setr_epi64(2, 6, 10, 14, 3, 7, 11, 15);
  const __m512i a = TwoBlocks(blocks[0], blocks[1]);
  const __m512i b = TwoBlocks(blocks[2], blocks[3]);
  const __m512i c = TwoBlocks(blocks[4], blocks[5]);
  const __m512i d = TwoBlocks(blocks[6], blocks[7]);
  const __m512i low01 = _mm512_permutex2var_epi64(a, words01, b);
  const __m512i high01 = _mm512_permutex2var_epi64(c, words01, d);
  const __m512i low23 = _mm512_permutex2var_epi64(a, words23, b);
  const __m512i high23 = _mm512_permutex2var_epi64(c, words23, d);
  return {{_mm512_shuffle_i64x2(low01, high01, 0x44), _mm512_shuffle_i64x2(low01, high01, 0xee),
           _mm512_shuffle_i64x2(low23, high23, 0x44), _mm512_shuffle_i64x2(low23, high23, 0xee)}};
}

// Truth tables of _mm512_ternarylogic_epi64(a, b, c, ...).
constexpr int kDifferUnder = 0x28;  // (a ^ b) & c
constexpr int kOrAnd = 0xf8;        // a | (b & c)
constexpr int kOr3 = 0xfe;          // a | b | c

// The questions, and the constants that they are asked with.
struct Questions {
  [[PODWARP_AVX512_INLINE]] explicit Questions(const PlainHeaders& plain)
      : vlan(KeepAll(plain.vlan_id)),
        destination(KeepAll(plain.destination >> 16)),
        type(KeepAll(uint64_t{plain.type} << 16)),
        own_source(KeepAll(plain.own_source)),
        low32(KeepAll(0xffffffff)),
        low16(KeepAll(0xffff)),
        mac(KeepAll(PlainHeaders::kMacMask)),
        one(KeepAll(1)),
        sign(KeepAll(uint64_t{1} << 63)) {}

  __m512i vlan;
  __m512i destination;
  __m512i type;
  __m512i own_source;
  __m512i low32;
  __m512i low16;
  __m512i mac;
  __m512i one;
  __m512i sign;

  // Not zero: the tag is not the port's.
  [[PODWARP_AVX512_INLINE]] __m512i Vlan(const Words& mbuf) const {
    const __mmask8 tagged = _mm512_test_epi64_mask(mbuf.at[1], All(RTE_MBUF_F_RX_VLAN_STRIPPED));
    const __m512i tag =
        _mm512_maskz_and_epi64(tagged, _mm512_srli_epi64(mbuf.at[3], 16), All(kVlanIdMask));
    return _mm512_xor_si512(tag, vlan);
  }

  // Not zero: another destination (but for its first two bytes), a group as source, another
  // EtherType, IP version or header length.
  [[PODWARP_AVX512_INLINE]] __m512i MacsAndType(const Words& header, __m512i source) const {
    const __m512i wrong = _mm512_ternarylogic_epi64(header.at[0], destination, low32, kDifferUnder);
    const __m512i wrong_type = _mm512_ternarylogic_epi64(
        header.at[1], type, All(uint64_t{PlainHeaders::kTypeMask} << 16), kDifferUnder);
    return _mm512_ternarylogic_epi64(_mm512_or_si512(wrong, wrong_type), source, one, kOrAnd);
  }

  // Negative: IP's length is less than its header's, or more than there is.
  [[PODWARP_AVX512_INLINE]] __m512i Length(const Words& header, __m512i frame_bytes) const {
    const __m512i high_byte = _mm512_srli_epi64(header.at[1], 56);
    const __m512i total = _mm512_ternarylogic_epi64(high_byte, _mm512_srli_epi64(header.at[1], 40),
                                                    All(0xff00), kOrAnd);
    const __m512i room =
        _mm512_sub_epi64(_mm512_sub_epi64(frame_bytes, All(kEthernetHeaderBytes)), total);
    return _mm512_or_si512(room, _mm512_sub_epi64(total, All(sizeof(Ipv4Header))));
  }

  // Not zero: the checksum is wrong, or the device says so. FoldChecksum() of five words.
  [[PODWARP_AVX512_INLINE]] __m512i Checksum(const Words& mbuf, const Words& header) const {
    const __m512i a = _mm512_add_epi64(_mm512_srli_epi64(header.at[1], 32),
                                       _mm512_and_si512(header.at[2], low32));
    const __m512i b = _mm512_add_epi64(_mm512_srli_epi64(header.at[2], 32),
                                       _mm512_and_si512(header.at[3], low32));
    __m512i sum = _mm512_add_epi64(_mm512_add_epi64(a, b), _mm512_srli_epi64(header.at[3], 32));
    // From less than 2^35 to less than 2^20, and to less than 2 * 0xffff.
    sum = _mm512_add_epi64(_mm512_and_si512(sum, low16), _mm512_srli_epi64(sum, 16));
    sum = _mm512_add_epi64(_mm512_and_si512(sum, low16), _mm512_srli_epi64(sum, 16));
    const __m512i verdict = _mm512_and_si512(mbuf.at[1], All(RTE_MBUF_F_RX_IP_CKSUM_MASK));
    const __mmask8 not_good = _mm512_cmpneq_epi64_mask(verdict, All(RTE_MBUF_F_RX_IP_CKSUM_GOOD));
    const __mmask8 bad = _mm512_cmpeq_epi64_mask(verdict, All(RTE_MBUF_F_RX_IP_CKSUM_BAD));
    return _mm512_mask_mov_epi64(_mm512_maskz_xor_epi64(not_good, sum, low16), bad, one);
  }

  // Not zero: source or destination fails Ipv4Address::is_host().
  [[PODWARP_AVX512_INLINE]] __m512i Hosts(const Words& header) const {
    const __m512i first = _mm512_and_si512(header.at[3], _mm512_set1_epi32(0xff));
    const __mmask16 wrong = _mm512_cmpge_epu32_mask(_mm512_sub_epi32(first, _mm512_set1_epi32(1)),
                                                    _mm512_set1_epi32(223)) |
                            _mm512_cmpeq_epi32_mask(first, _mm512_set1_epi32(127));
    return _mm512_movm_epi32(wrong);
  }

  // The frames that give no reason to be looked at again.
  [[PODWARP_AVX512_INLINE]] __mmask8 Ask(const Words& mbuf, const Words& header,
                                         __m512i frame_bytes) const {
    const __m512i source =
        _mm512_and_si512(_mm512_shrdi_epi64(header.at[0], header.at[1], 32), mac);
    __m512i wrong =
        _mm512_ternarylogic_epi64(Vlan(mbuf), MacsAndType(header, source), Hosts(header), kOr3);
    wrong = _mm512_ternarylogic_epi64(wrong, Length(header, frame_bytes), sign, kOrAnd);
    wrong = _mm512_or_si512(wrong, Checksum(mbuf, header));
    const __mmask8 right = _mm512_testn_epi64_mask(wrong, wrong);
    const __mmask8 has_source = _mm512_test_epi64_mask(source, source);
    const __mmask8 not_ours = _mm512_cmpneq_epi64_mask(source, own_source);
    return _kand_mask8(right, _kand_mask8(has_source, not_ours));
  }
};

// Destinations in the host's order.
[[PODWARP_AVX512_INLINE]] inline __m256i DestinationsOf(const Words& header) {
  // Of each word the bytes 7, 6, 5, 4; a shuffle counts the bytes of two words.
  const __m128i swap = _mm_set_epi8(-1, -1, -1, -1, 12, 13, 14, 15, -1, -1, -1, -1, 4, 5, 6, 7);
  return _mm512_cvtepi64_epi32(_mm512_shuffle_epi8(header.at[3], _mm512_broadcast_i64x2(swap)));
}

// BurstTraits of each lane.
struct LaneTraits {
  [[PODWARP_AVX512_INLINE]] LaneTraits()
      : flags(All(0)), rearm(All(0)), bytes(All(0)), longest_bytes(All(0)) {}

  __m512i flags;
  __m512i rearm;  // nb_segs in bits 32 to 47
  __m512i bytes;
  __m512i longest_bytes;

  [[PODWARP_AVX512_INLINE]] void Include(const Words& mbuf, __m512i frame_bytes) {
    flags = _mm512_or_si512(flags, mbuf.at[1]);
    rearm = _mm512_or_si512(rearm, mbuf.at[0]);
    bytes = _mm512_add_epi64(bytes, frame_bytes);
    longest_bytes = _mm512_max_epu64(longest_bytes, frame_bytes);
  }

  [[PODWARP_AVX512_INLINE]] void AddTo(BurstTraits* traits) const {
    const auto all_rearm = static_cast<uint64_t>(_mm512_reduce_or_epi64(rearm));
    traits->flags |= static_cast<uint64_t>(_mm512_reduce_or_epi64(flags));
    traits->segments = static_cast<uint16_t>(traits->segments | all_rearm >> 32);
    traits->bytes += static_cast<uint64_t>(_mm512_reduce_add_epi64(bytes));
    traits->longest_bytes = std::max(traits->longest_bytes,
                                     static_cast<uint32_t>(_mm512_reduce_max_epu64(longest_bytes)));
  }
};

}  // namespace

[[PODWARP_AVX512]] uint64_t FindPlainFramesAvx512(const PlainHeaders& plain, Burst& burst) {
  const Questions questions(plain);
  const auto first_bytes = static_cast<uint16_t>(plain.destination);
  const uint16_t count = burst.count;
  LaneTraits traits;
  uint64_t found = 0;
  uint16_t i = 0;
  for (; i + kLanes <= count; i = static_cast<uint16_t>(i + kLanes)) {
    rte_mbuf* const* frames = burst.frames + i;
    const uint8_t* blocks[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) {
      blocks[lane] = reinterpret_cast<const uint8_t*>(frames[lane]) + offsetof(rte_mbuf, data_off);
    }
    const Words mbuf = TurnAbout(blocks);
    const __m512i data_bytes = _mm512_and_si512(mbuf.at[3], questions.low16);
    const bool any_short = _mm512_cmplt_epu64_mask(data_bytes, All(kPlainHeaderBytes)) != 0;
    unsigned differs = 0;
    for (int lane = 0; lane < kLanes && !any_short; ++lane) {
      const uint8_t* start = rte_pktmbuf_mtod(frames[lane], const uint8_t*);
      differs |= static_cast<unsigned>(Load<uint16_t>(start) ^ first_bytes);
      blocks[lane] = start + kBlockInHeader;
    }
    if (any_short || differs != 0) [[unlikely]] {
      for (int lane = 0; lane < kLanes; ++lane) {
        found |= FindPlainFrame(plain, burst, static_cast<uint16_t>(i + lane));
      }
      continue;
    }
    const Words header = TurnAbout(blocks);
    const __m512i frame_bytes = _mm512_srli_epi64(mbuf.at[2], 32);
    found |= uint64_t{questions.Ask(mbuf, header, frame_bytes)} << i;
    traits.Include(mbuf, frame_bytes);
    _mm256_storeu_si256(reinterpret_cast<__m256i_u*>(burst.destinations + i),
                        DestinationsOf(header));
  }
  if (i > 0) traits.AddTo(&burst.traits);
  for (; i < count; ++i) found |= FindPlainFrame(plain, burst, i);
  return found;
}

bool CanFindPlainFramesByAvx512() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512vbmi2");
}

#else

uint64_t FindPlainFramesAvx512(const PlainHeaders& plain, Burst& burst) {
  return FindPlainFrames(plain, burst);
}
bool CanFindPlainFramesByAvx512() { return false; }

#endif

}  // namespace podwarp
