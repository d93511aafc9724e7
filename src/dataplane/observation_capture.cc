// Copying frames for captures.
#include <rte_cycles.h>

#include <algorithm>
#include <cstring>

#include "podwarp/dataplane/observation.h"
#include "podwarp/net/headers.h"

namespace podwarp {
namespace {

constexpr uint32_t kTagBytes = sizeof(VlanTag);
constexpr uint32_t kMacBytes = 2 * sizeof(MacAddress);

void CopyBytes(rte_mbuf* frame, uint32_t from, uint32_t count, std::byte* to) {
  const void* bytes = rte_pktmbuf_read(frame, from, count, to);
  if (bytes != to) std::memcpy(to, bytes, count);
}

// The tag that doesn't stand in the frame, but belongs to it.
bool HasTagApart(const rte_mbuf* frame, bool is_leaving) {
  return (frame->ol_flags & (is_leaving ? RTE_MBUF_F_TX_VLAN : RTE_MBUF_F_RX_VLAN_STRIPPED)) != 0 &&
         rte_pktmbuf_pkt_len(frame) >= kMacBytes;
}

// `count` bytes from the frame's start, as if the tag stood in it.
void CopyWithTag(rte_mbuf* frame, uint32_t count, std::byte* to) {
  const VlanTag tag = {.tpid = Be16(kEtherTypeVlan), .tci = Be16(frame->vlan_tci)};
  CopyBytes(frame, 0, std::min(count, kMacBytes), to);
  if (count <= kMacBytes) return;
  const auto tag_bytes = std::min(count - kMacBytes, kTagBytes);
  std::memcpy(to + kMacBytes, &tag, tag_bytes);
  count -= kMacBytes + tag_bytes;
  if (count > 0) CopyBytes(frame, kMacBytes, count, to + kMacBytes + tag_bytes);
}

bool Wants(const CaptureFilter& filter, const CaptureRecord& record, rte_mbuf* frame) {
  if (filter.drops_only && record.point != CapturePoint::kDropped) return false;
  if (filter.port != kNoPort && filter.port != record.port) return false;
  if (filter.worker.has_value() && *filter.worker != record.worker) return false;
  return !filter.program.has_value() || filter.program->run(filter.program->program.get(), frame);
}

// Leaves it to the caller to publish.
void Copy(CaptureRecord record, rte_mbuf* frame, CaptureSession& session) {
  if (!Wants(session.filter(), record, frame)) return;
  const bool has_tag_apart = HasTagApart(frame, record.is_leaving);
  record.frame_bytes = rte_pktmbuf_pkt_len(frame) + (has_tag_apart ? kTagBytes : 0);
  record.captured_bytes = std::min(record.frame_bytes, session.filter().snap_bytes);
  std::byte* const place =
      session.worker(record.worker)
          .Reserve(static_cast<uint32_t>(sizeof(record)) + record.captured_bytes);
  if (place == nullptr) return;
  std::memcpy(place, &record, sizeof(record));
  std::byte* const bytes = place + sizeof(record);
  if (has_tag_apart) {
    CopyWithTag(frame, record.captured_bytes, bytes);
  } else {
    CopyBytes(frame, 0, record.captured_bytes, bytes);
  }
}

}  // namespace

void Observation::CaptureReceived(const Burst& burst) {
  if (observers_->captures.empty()) return;
  const CaptureRecord record = {.tsc = rte_rdtsc(),
                                .port = burst.ingress.id,
                                .worker = worker_,
                                .point = CapturePoint::kReceived,
                                .stage = Stage::kReceive};
  for (const std::shared_ptr<CaptureSession>& session : observers_->captures) {
    for (uint16_t i = 0; i < burst.count; ++i) Copy(record, burst.frames[i], *session);
    session->worker(worker_).Publish();
  }
}

// What the port takes isn't to be looked at any more, and what it won't take isn't known yet: all
// are copied, and some copies taken back.
void Observation::CaptureLeaving() {
  Leaving& leaving = *leaving_;
  if (observers_->captures.empty()) return;
  const CaptureRecord record = {.tsc = rte_rdtsc(),
                                .port = leaving.port,
                                .worker = worker_,
                                .point = CapturePoint::kTransmitted,
                                .stage = Stage::kSend,
                                .is_leaving = true};
  for (size_t c = 0; c < observers_->captures.size(); ++c) {
    CaptureSession& session = *observers_->captures[c];
    for (uint16_t i = 0; i < leaving.count; ++i) {
      leaving.positions[c][i] = session.worker(worker_).position();
      Copy(record, leaving.frames[i], session);
    }
  }
}

void Observation::PublishLeft(uint16_t sent) {
  const Leaving& leaving = *leaving_;
  for (size_t c = 0; c < observers_->captures.size(); ++c) {
    RecordRing& ring = observers_->captures[c]->worker(worker_);
    if (sent < leaving.count) ring.TakeBack(leaving.positions[c][sent]);
    ring.Publish();
  }
}

void Observation::CaptureDropped(PortId port, rte_mbuf* frame, DropReason reason) {
  if (observers_->captures.empty()) return;
  const CaptureRecord record = {.tsc = rte_rdtsc(),
                                .port = port,
                                .worker = worker_,
                                .point = CapturePoint::kDropped,
                                .reason = reason,
                                .stage = stage_,
                                .is_leaving = is_leaving()};
  for (const std::shared_ptr<CaptureSession>& session : observers_->captures) {
    Copy(record, frame, *session);
    session->worker(worker_).Publish();
  }
}

}  // namespace podwarp
