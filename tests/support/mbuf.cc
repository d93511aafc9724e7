#include "support/mbuf.h"

#include <glog/logging.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "support/eal.h"

namespace podwarp::test {
namespace {

constexpr size_t kTagOffset = 2 * sizeof(MacAddress);

rte_mbuf* NewSegment(const uint8_t* data, size_t bytes) {
  rte_mbuf* segment = rte_pktmbuf_alloc(TestPool());
  CHECK(segment != nullptr) << "the test pool is empty: " << BuffersInUse() << " buffers in use";
  char* room = rte_pktmbuf_append(segment, static_cast<uint16_t>(bytes));
  CHECK(room != nullptr) << bytes << " bytes do not fit in one segment";
  if (bytes > 0) std::memcpy(room, data, bytes);
  return segment;
}

std::optional<uint16_t> TakeTag(Bytes& bytes) {
  if (bytes.size() < kTagOffset + sizeof(VlanTag)) return std::nullopt;
  VlanTag tag;
  std::memcpy(&tag, bytes.data() + kTagOffset, sizeof(tag));
  if (tag.tpid != Be16(kEtherTypeVlan)) return std::nullopt;
  const auto at = bytes.begin() + kTagOffset;
  bytes.erase(at, at + sizeof(tag));
  return tag.tci.host();
}

}  // namespace

rte_mbuf* ToMbuf(const Packet& packet, const MbufOptions& options) {
  Bytes bytes = packet.bytes();
  const auto tag = options.strip_vlan ? TakeTag(bytes) : std::nullopt;

  rte_mbuf* head = nullptr;
  size_t done = 0;
  const auto add = [&](size_t wanted) {
    const size_t size = std::min(wanted, bytes.size() - done);
    rte_mbuf* segment = NewSegment(bytes.data() + done, size);
    done += size;
    if (head == nullptr) {
      head = segment;
    } else {
      CHECK_EQ(rte_pktmbuf_chain(head, segment), 0);
    }
  };
  for (const uint16_t size : options.segments) add(size);
  while (head == nullptr || done < bytes.size()) add(RTE_MBUF_DEFAULT_DATAROOM);

  if (tag) {
    head->vlan_tci = *tag;
    head->ol_flags |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
  }
  if (options.offload) SetOffload(head, *options.offload);
  return head;
}

Packet FromMbuf(const rte_mbuf* mbuf) {
  const char* reason = nullptr;
  if (rte_mbuf_check(mbuf, 1, &reason) != 0) {
    ADD_FAILURE() << "not a sound mbuf: " << reason;
    return Packet();
  }
  Bytes bytes;
  for (const rte_mbuf* segment = mbuf; segment != nullptr; segment = segment->next) {
    const auto* data = rte_pktmbuf_mtod(segment, const uint8_t*);
    bytes.insert(bytes.end(), data, data + segment->data_len);
  }
  if ((mbuf->ol_flags & RTE_MBUF_F_TX_VLAN) != 0 && bytes.size() >= kTagOffset) {
    const VlanTag tag{Be16(kEtherTypeVlan), Be16(mbuf->vlan_tci)};
    const auto* at = reinterpret_cast<const uint8_t*>(&tag);
    bytes.insert(bytes.begin() + kTagOffset, at, at + sizeof(tag));
  }
  return Packet(std::move(bytes));
}

}  // namespace podwarp::test
